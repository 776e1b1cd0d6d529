"""Whose is it? A classifier that knows real posts of several people says who wrote each generated one.

Its accuracy on real posts that it never saw is called the ceiling. A voice may pass it: the classifier knows the
posts that the voice learned from, and so the short turns of them that the gates let through; new posts have none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import fmean

CHARACTERS = (2, 5)  # lengths of the character n-grams that the classifier looks at, across the ends of words
LEAST_SEEN = 2  # times; an n-gram of a single post tells nothing of manner


@dataclass(frozen=True)
class Said:
    """What one voice said. `handles` are those of the people that it imitates."""

    handles: tuple[str, ...]
    texts: Sequence[str]


@dataclass(frozen=True)
class Attribution:
    """Accuracies are means over people, so that one with many posts counts like any other."""

    real: Mapping[str, Mapping[str, float]]  # of each person's posts held out, the share given to whom
    ceiling: float  # accuracy on those of the people who have a voice of their own, or of all; 0 to 1
    accuracy: float | None  # on what voices of one person said, 0 to 1; None where there is no such voice
    shares: tuple[Mapping[str, float], ...]  # for each voice, the share of its texts given to whom

    @property
    def people(self) -> tuple[str, ...]:
        return tuple(self.real)

    @property
    def chance(self) -> float:
        return 1 / len(self.people)

    @property
    def share_of_ceiling(self) -> float | None:
        """1 where generated posts are told as well as real ones."""
        return None if self.accuracy is None or not self.ceiling else self.accuracy / self.ceiling

    def told(self, handle: str) -> float:
        """The share of a person's real posts that is given to them."""
        return self.real[handle].get(handle, 0.0)

    def of_equal_parts(self, handle: str) -> float:
        """The share that this person would be given of real posts, as many of everybody."""
        return fmean(shares.get(handle, 0.0) for shares in self.real.values())


def attribute(
    learn: Mapping[str, Sequence[str]], held_out: Mapping[str, Sequence[str]], voices: Sequence[Said]
) -> Attribution:
    """Train on `learn`, the posts by handle, then judge `held_out` and what the voices said.

    Raises ValueError for fewer than two people, or a person without posts on either side.
    """
    people = tuple(sorted(learn))
    if len(people) < 2:
        raise ValueError("attribution needs at least two people")
    if empty := [handle for handle in people if not learn[handle] or not held_out.get(handle)]:
        raise ValueError(f"attribution needs posts of {', '.join(empty)} to learn from and to hold out")
    judge = _Judge(learn)
    real = {handle: judge.shares(held_out[handle]) for handle in people}
    shares = tuple(judge.shares(voice.texts) for voice in voices)
    alone = [
        (voice.handles[0], share)
        for voice, share in zip(voices, shares, strict=True)
        if len(voice.handles) == 1 and voice.texts
    ]
    accuracy = fmean(share.get(handle, 0.0) for handle, share in alone) if alone else None
    ceiling = fmean(real[handle].get(handle, 0.0) for handle in [handle for handle, _ in alone] or people)
    return Attribution(real, ceiling, accuracy, shares)


class _Judge:
    """Character n-grams weighed by tf-idf, and a linear classifier in which every person counts the same."""

    def __init__(self, learn: Mapping[str, Sequence[str]]) -> None:
        # Here, because they take most of a second: nothing else of the bot needs them.
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.pipeline import make_pipeline
        from sklearn.svm import LinearSVC

        self._pipeline = make_pipeline(
            # Case stays: who writes in capitals, or without any, is known by it.
            TfidfVectorizer(
                analyzer="char", ngram_range=CHARACTERS, lowercase=False, sublinear_tf=True, min_df=LEAST_SEEN
            ),
            LinearSVC(class_weight="balanced", random_state=0),
        )
        labels = list(chain.from_iterable([handle] * len(texts) for handle, texts in learn.items()))
        self._pipeline.fit(list(chain.from_iterable(learn.values())), labels)

    def shares(self, texts: Sequence[str]) -> dict[str, float]:
        """Which share of the texts is whose, by handle; empty for no texts."""
        if not texts:
            return {}
        found = [str(handle) for handle in self._pipeline.predict(list(texts))]
        return {handle: found.count(handle) / len(found) for handle in sorted(set(found))}
