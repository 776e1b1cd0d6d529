"""The Markov chain that markov bots are, given a probability: interpolated Kneser-Ney over the base's token ids.

A bot's bare chain gives nothing at all to a post it has not seen, so it is smoothed as well as such chains can be:
what beats this beats them. After Kneser and Ney 1995 and Chen and Goodman 1999, with a uniform floor.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

ORDERS = (1, 2, 3, 4, 5)  # tokens of an n-gram, the foreseen one included

Ids = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]

_UNKNOWN = -1  # the rank of an n-gram that was never seen
_USUAL_DISCOUNT = 0.5  # where there are too few n-grams to estimate one


@dataclass(frozen=True)
class _Level:
    """All n-grams of one length. Each is known by a rank, its place in the sorted keys: the rank of what is left
    without its first token, times the vocabulary, plus that token. So are contexts.
    """

    ngrams: Ids  # keys, sorted
    counts: Values  # of each n-gram
    contexts: Ids  # keys, sorted
    totals: Values  # of each context: the counts of the n-grams in it
    followers: Values  # of each context: different n-grams in it
    discount: float


class MarkovChain:
    """Foresees the next token from the `order - 1` before it. Every post begins after as many ends of text."""

    def __init__(self, posts: Sequence[Sequence[int]], vocabulary: int, end: int, order: int) -> None:
        """Learn from posts as token ids, each closed by `end`. Raises ValueError where there is no token."""
        if not any(map(len, posts)):
            raise ValueError("a chain needs posts to learn from")
        self.order = order
        self._vocabulary = vocabulary
        self._end = end
        self._levels = self._learn(_windows(posts, end, order))

    def nats(self, posts: Sequence[Sequence[int]]) -> Values:
        """What each post costs, its end included if it stands there."""
        costs = -np.log(self._probability(_windows(posts, self._end, self.order)))
        owners = np.repeat(np.arange(len(posts)), [len(post) for post in posts])
        return np.bincount(owners, weights=costs, minlength=len(posts)).astype(np.float64)

    def probabilities(self, history: Sequence[int]) -> Values:
        """Of every token to come next; `history` begins with the post."""
        before = [self._end] * (self.order - 1) + list(history)
        context = before[len(before) - (self.order - 1) :]
        rows = np.empty((self._vocabulary, self.order), dtype=np.int64)
        rows[:, :-1] = context
        rows[:, -1] = np.arange(self._vocabulary)
        return self._probability(rows)

    def _learn(self, windows: Ids) -> list[_Level]:
        ngrams: list[tuple[Ids, Ids, Ids]] = []  # of each length: keys, how often, where first seen
        context_keys: list[Ids] = []
        context_of: list[Ids] = []  # rank of every row's context
        rank = context = np.zeros(len(windows), dtype=np.int64)
        for length in range(1, self.order + 1):
            first = windows[:, self.order - length]
            keys, where, rank, often = np.unique(
                rank * self._vocabulary + first, return_index=True, return_inverse=True, return_counts=True
            )
            ngrams.append((keys, often, where))
            if length > 1:
                known, context = np.unique(context * self._vocabulary + first, return_inverse=True)
            else:
                known = np.zeros(1, dtype=np.int64)
            context_keys.append(known)
            context_of.append(context)
        levels = []
        for place, (keys, often, where) in enumerate(ngrams):
            counts = often.astype(np.float64)
            if place + 1 < self.order:
                # Below the longest it counts after how many different tokens an n-gram was seen, not how often.
                # But before the first token of a post stands nothing that could differ.
                after = np.bincount(ngrams[place + 1][0] // self._vocabulary, minlength=len(keys))
                first = windows[where, self.order - place - 1]
                at_start = (first == self._end) & (place > 0)
                counts = np.where(at_start, counts, after.astype(np.float64))
            owner = context_of[place][where]
            size = len(context_keys[place])
            levels.append(
                _Level(
                    ngrams=keys,
                    counts=counts,
                    contexts=context_keys[place],
                    totals=np.bincount(owner, weights=counts, minlength=size).astype(np.float64),
                    followers=np.bincount(owner, minlength=size).astype(np.float64),
                    discount=_discount(counts),
                )
            )
        return levels

    def _probability(self, windows: Ids) -> Values:
        """Of the last token of each row, given those before it."""
        probability = np.full(len(windows), 1 / self._vocabulary)
        rank = context = np.zeros(len(windows), dtype=np.int64)
        for length, level in enumerate(self._levels, 1):
            first = windows[:, self.order - length]
            rank = _find(level.ngrams, rank, self._vocabulary, first)
            if length > 1:
                context = _find(level.contexts, context, self._vocabulary, first)
            known = context != _UNKNOWN
            total = np.where(known, level.totals[context], 1.0)
            count = np.where(rank != _UNKNOWN, level.counts[rank], 0.0)
            kept = np.maximum(count - level.discount, 0.0) / total
            left = level.discount * np.where(known, level.followers[context], 0.0) / total
            probability = np.where(known, kept + left * probability, probability)
        return probability


def best_chain(
    learn: Sequence[Sequence[int]], held_out: Sequence[Sequence[int]], vocabulary: int, end: int
) -> MarkovChain:
    """The chain of the order that foresees `held_out` best: the choice is made in the chain's favour."""
    chains = [MarkovChain(learn, vocabulary, end, order) for order in ORDERS]
    return min(chains, key=lambda chain: float(chain.nats(held_out).sum()))


def _windows(posts: Sequence[Sequence[int]], end: int, order: int) -> Ids:
    """A row for every token of the posts: the `order - 1` before it in its post, then itself."""
    rows: list[Ids] = [np.empty((0, order), dtype=np.int64)]
    for post in posts:
        padded = np.array([end] * (order - 1) + list(post), dtype=np.int64)
        if len(post):
            rows.append(np.lib.stride_tricks.sliding_window_view(padded, order))
    return np.concatenate(rows)


def _find(known: Ids, rank: Ids, vocabulary: int, first: Ids) -> Ids:
    """The ranks of n-grams that are `rank` with one token before it; what was never seen stays unknown."""
    keys = rank * vocabulary + first
    places = np.searchsorted(known, keys).clip(max=len(known) - 1)
    return np.where((rank != _UNKNOWN) & (known[places] == keys), places, _UNKNOWN)


def _discount(counts: Values) -> float:
    """Ney's estimate from how many n-grams were seen once and twice: between 0 and 1."""
    once, twice = int((counts == 1).sum()), int((counts == 2).sum())
    return once / (once + 2 * twice) if once and twice else _USUAL_DISCOUNT
