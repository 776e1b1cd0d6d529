"""How much is copied: the share of texts that have eight words in a row from a post."""

from collections.abc import Sequence

from bot.gates.mentions import speak_mentions
from data.likeness import LikenessIndex


class CopyMeasure:
    """Knows a voice's training posts. Where one mentions somebody, both the neutral mention and the word that it
    is spoken as count, so that texts can be asked about before and after the gates.
    """

    def __init__(self, posts: Sequence[str]) -> None:
        spoken = [speak_mentions(post) for post in posts]
        changed = [said for said, post in zip(spoken, posts, strict=True) if said != post]
        self._index = LikenessIndex([*posts, *changed])

    def copies(self, text: str) -> bool:
        """Whether eight words in a row of `text` stand in a post; see data.likeness for scripts without spaces."""
        return self._index.shares_run(text)

    def share(self, texts: Sequence[str]) -> float:
        """Of the texts, 0 to 1; 0 for none."""
        return sum(map(self.copies, texts)) / len(texts) if texts else 0.0
