"""The one gate of every front: nothing leaves the program that did not pass here.

A voice's candidates go through `judge`, which speaks the neutral mention, cuts unfinished ones back to their last
sentence, asks `Gates.check` about each, and says of every rejected one why.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from bot.gates.blocked import BlockList
from bot.gates.copies import CopyIndex, Copying
from bot.gates.live import find_live
from bot.gates.mentions import speak_mentions
from bot.gates.reason import Reason
from bot.gates.shape import is_empty, is_repeating, trim
from data.likeness import normalise

__all__ = ["BlockList", "Candidate", "Check", "Gates", "Reason", "Rejected", "judge", "speak_mentions", "trim"]

Check = Callable[[str], Reason | None]  # why a text may not be said, for a reason of the occasion's own

_COPIES: dict[Copying, Reason] = {
    "exact": Reason.COPY_EXACT,
    "run": Reason.COPY_RUN,
    "near": Reason.COPY_NEAR,
}


@dataclass(frozen=True)
class Candidate:
    """A whole text that a voice proposes, the `opening` it was given included."""

    text: str
    finished: bool = True  # False where the voice was stopped at its longest
    opening: str = ""
    seed: int = 0  # what drew it


@dataclass(frozen=True)
class Rejected:
    """A text that is not said, and why."""

    text: str
    reason: Reason


class Gates:
    """What one voice may say: its training posts must not be copied, and nothing on a block list is said."""

    def __init__(self, copies: CopyIndex, *block_lists: BlockList, further: Check | None = None) -> None:
        self._copies = copies
        self._block_lists = block_lists
        self._further = further

    def and_block(self, *block_lists: BlockList, further: Check | None = None) -> "Gates":
        """These gates with what else may not be said in one place."""
        return Gates(self._copies, *self._block_lists, *block_lists, further=further)

    def check(self, text: str, finished: bool = True, opening: str = "") -> Reason | None:
        """The reason why `text`, exactly as it would be sent, may not be said; None if it may."""
        if is_empty(text, opening):
            return Reason.EMPTY
        if live := find_live(text):
            return live
        if not finished and trim(text) != text:
            return Reason.CUT
        if is_repeating(text):
            return Reason.REPEATING
        if any(block_list.blocks(text) for block_list in self._block_lists):
            return Reason.BLOCKED
        if copying := self._copies.copied(text, opening):
            return _COPIES[copying]
        return self._further(text) if self._further else None


def judge(candidates: Iterable[Candidate], gates: Gates) -> tuple[list[Candidate], list[Rejected]]:
    """The candidates that may be said, as they may be said, no two alike, and those that may not."""
    passed: dict[str, Candidate] = {}
    rejected: list[Rejected] = []
    for candidate in candidates:
        text = speak_mentions(candidate.text).strip()
        opening = speak_mentions(candidate.opening)
        if not candidate.finished:
            text = trim(text) or text
        reason = gates.check(text, candidate.finished, opening)
        if reason is None and normalise(text) in passed:
            reason = Reason.REPEATING
        if reason is None:
            passed[normalise(text)] = replace(candidate, text=text, opening=opening)
        else:
            rejected.append(Rejected(text, reason))
    return list(passed.values()), rejected
