"""What was said on a platform, so that nothing is said there again, nor nearly."""

from collections.abc import Sequence

from bot.gates import Reason
from data.likeness import LikenessIndex

_MOST_INDEXES = 16  # before they are made one


class Said:
    """The texts that stand on a platform or may come to; what is new of them is learned without the others."""

    def __init__(self, texts: Sequence[str] = ()) -> None:
        self._known: set[str] = set()
        self._indexes: list[LikenessIndex] = []
        self.learn(texts)

    def learn(self, texts: Sequence[str]) -> None:
        """These are all there are now."""
        current = set(texts)
        if not self._known <= current or len(self._indexes) >= _MOST_INDEXES:
            self._known, self._indexes = set(), []
        if new := sorted(current - self._known):
            self._indexes.append(LikenessIndex(new))
            self._known = current

    def check(self, text: str) -> Reason | None:
        """The last of the gates of what is posted."""
        said = any(index.exact(text) is not None or index.near(text) is not None for index in self._indexes)
        return Reason.SAID_BEFORE if said else None

    def repeats(self, text: str, texts: Sequence[str]) -> bool:
        """Whether a text says again what stands there, given all there is now.

        Only what was not learned yet is indexed, as others wait for the answer. What was learned is asked too:
        somebody else may have learned it after this text was checked.
        """
        unknown = Said([other for other in texts if other not in self._known])
        return self.check(text) is not None or unknown.check(text) is not None
