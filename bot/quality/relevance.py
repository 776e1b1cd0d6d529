"""Does an answer fit what was asked? For each answer, the prompt that it fits best is sought among ten.

The measure is another one than bot.relevance ranks with, which would mark its own work: character n-grams of the
rarer words, weighed over the person's posts. Both go by shared words, so they are no strangers to each other.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.likeness import normalise

AMONG = 10  # prompts: the right one and nine others
COMMON_SHARE = 0.05  # of a person's posts; words in more of them are about nothing, in any language
_CHARACTERS = (3, 5)  # lengths of the n-grams, within words
_ALIKE = 1e-9  # similarities nearer than this are the same


@dataclass(frozen=True)
class RelevanceMeasured:
    """`first` is the share of answers whose own prompt came first, 0 to 1; ties count as the lot would have it."""

    first: float
    mean_rank: float  # of the right prompt, 1 to AMONG; by chance (AMONG + 1) / 2
    answers: int

    @property
    def times_chance(self) -> float:
        """1 where answers have nothing to do with what was asked, AMONG where all of them fit it best."""
        return self.first * AMONG


def relevance(prompts: Sequence[str], answers: Sequence[str | None], posts: Sequence[str]) -> RelevanceMeasured:
    """`answers[n]` belongs to `prompts[n]`; None is an answer that was never given, and counts as by chance.

    Prompts are taken in tens, in their order; what is left over is not used. `posts` tell which words are rare.
    Raises ValueError for fewer than ten prompts.
    """
    rounds = len(prompts) // AMONG
    if not rounds or len(prompts) != len(answers):
        raise ValueError(f"relevance needs at least {AMONG} prompts, and an answer to each")
    from sklearn.feature_extraction.text import TfidfVectorizer  # takes most of a second; only evaluations need it

    telling = _Telling(posts, prompts)
    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=_CHARACTERS, sublinear_tf=True)
    vectors.fit([*map(telling.words, posts), *map(telling.words, prompts)])
    asked = vectors.transform([telling.words(prompt) for prompt in prompts])
    said = vectors.transform([telling.words(answer or "") for answer in answers])
    firsts, ranks = [], []
    for start in range(0, rounds * AMONG, AMONG):
        ten = slice(start, start + AMONG)
        similar = (said[ten] @ asked[ten].T).toarray()  # rows are of length 1 or 0, so this is the cosine
        for place, row in enumerate(similar):
            better = int(np.sum(row > row[place] + _ALIKE))
            tied = int(np.sum(np.abs(row - row[place]) <= _ALIKE))
            firsts.append(0.0 if better else 1 / tied)
            ranks.append(better + (tied + 1) / 2)
    return RelevanceMeasured(float(np.mean(firsts)), float(np.mean(ranks)), len(firsts))


class _Telling:
    """Leaves of a text the words that tell what it is about; all of them, where a person uses so few words that no
    prompt has a rare one.
    """

    def __init__(self, posts: Sequence[str], prompts: Sequence[str]) -> None:
        seen = Counter(word for post in posts for word in set(_words(post)))
        self._common = {word for word, count in seen.items() if count > max(1, COMMON_SHARE * len(posts))}
        if not any(map(self.words, prompts)):
            self._common = set()

    def words(self, text: str) -> str:
        return " ".join(word for word in _words(text) if word not in self._common)


def _words(text: str) -> list[str]:
    return normalise(text).split()
