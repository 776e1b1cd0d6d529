"""Drawing an answer's candidates no longer than it takes to know which of them is said."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from bot.gates import Candidate
from trainer.engine import Continuation, Line


class FirstBest:
    """Hears the `lines` of one answer, and calls off those under way once it is certain which is chosen.

    That is the first in their order of those that score highest. So where no text could score higher than one of
    them, and none before it can come up to that, nothing that is still to come takes its place.
    """

    def __init__(
        self, lines: Sequence[Line], is_best: Callable[[Candidate], bool], may_become_best: Callable[[str], bool]
    ) -> None:
        """`is_best` is asked about what ended, `may_become_best` about the text of what is under way."""
        self.lines = [replace(line, listener=self) for line in lines]
        self._is_best = is_best
        self._may_become_best = may_become_best
        self._known: dict[int, bool] = {}  # by seed: whether it is one of the best there can be

    def enough(self, line: Line, continuation: Continuation) -> bool:
        candidate = candidate_of(line, continuation)
        if candidate.finished:
            self._known[line.seed] = self._is_best(candidate)
        elif not self._may_become_best(candidate.text):
            self._known[line.seed] = False
        for earlier in self.lines:
            best = self._known.get(earlier.seed)
            if best is None:  # it may yet become the best, and would come first
                return False
            if best:
                return True
        return False


def candidate_of(line: Line, continuation: Continuation) -> Candidate:
    return Candidate(line.opening + continuation.text, continuation.finished, line.opening, line.seed)
