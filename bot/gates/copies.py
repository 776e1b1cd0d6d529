"""Is a candidate a copy of a post the voice was trained on? The policy; data.likeness does the comparing."""

from collections.abc import Sequence
from typing import Literal

from bot.gates.mentions import speak_mentions
from data.likeness import LikenessIndex, count_words

# Below three words ("Good morning!") saying what somebody else said is no copying: such words are everybody's.
COPY_WORDS = 3

Copying = Literal["exact", "run", "near"]


class CopyIndex:
    """The training posts of one voice, asked whether a text copies one of them."""

    def __init__(self, posts: Sequence[str]) -> None:
        # Indexed as they would be spoken, or a mention in the middle would hide a copied run.
        self._index = LikenessIndex([speak_mentions(post) for post in posts])

    def copied(self, text: str, opening: str = "") -> Copying | None:
        """How `text` copies a training post: the whole, eight words in a row, or nearly; None if it does not.

        `opening` is the part of the text that was given to the voice: repeating words that a person just said is
        not the voice's copying, so a run of eight must reach beyond it.
        """
        if self._index.exact(text) is not None and count_words(text) >= COPY_WORDS:
            return "exact"
        if self._index.shares_run(text, opening):
            return "run"
        return "near" if self._index.near(text) is not None else None

    @property
    def memory_bytes(self) -> int:
        """What keeping it costs, roughly."""
        return self._index.memory_bytes
