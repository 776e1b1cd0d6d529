"""Drawing one token from a row of logits: temperature and top_p, seeded."""

import math

import numpy
from numpy.random import Generator
from numpy.typing import NDArray

from data.errors import InputError
from trainer.engine import Sampling
from trainer.engine.vocabulary import Spelling

# Tokens whose shares are added up together. Two short searches take the place of running sums over all 50,257
# tokens of GPT-2, which were half of a draw: a row takes 0.08 ms instead of 0.22.
_BLOCK = 256


def generator(seed: int) -> Generator:
    """The source of chance of one row of a batch, which depends on nothing else in the batch."""
    return numpy.random.default_rng(seed % 2**64)


def draw(
    logits: NDArray[numpy.float32], sampling: Sampling, chance: Generator, spelling: Spelling | None = None
) -> int:
    """A token from the nucleus: the fewest likeliest tokens whose shares reach `top_p`.

    With `spelling` a word is under way: how it goes on, or that it ends, is drawn at half the temperature where
    the sampling says so, what comes after it at the whole. At the whole a small base invents words in half of its
    posts (docs/decisions.md).

    No sorting: a token drawn from all of them is in the nucleus if the likelier ones don't reach `top_p` without
    it. If it isn't, no less likely one is either, so they leave together and the rest is drawn from again. That
    gives exactly the shares of the nucleus; at 0.95 one draw in twenty is repeated. Raises InputError for logits
    that are no numbers.
    """
    shares = logits - logits.max()
    if sampling.temperature != 1:
        shares /= numpy.float32(sampling.temperature)
    numpy.exp(shares, out=shares)
    if sampling.careful_spelling and spelling is not None:
        # At half the temperature shares are squared: that of each token that goes on, and that of the end as one.
        shares *= spelling.going_on * shares + spelling.others * (shares @ spelling.others)
    heights = _heights(shares)
    nucleus = sampling.top_p * heights[-1]
    if not math.isfinite(nucleus):
        raise InputError("The voice's weights are so large that its figures overflow; train it again.")
    while True:
        token = _at(shares, heights, chance.random() * heights[-1])
        if sampling.top_p >= 1 or shares[shares > shares[token]].sum(dtype=numpy.float64) < nucleus:
            return token
        shares[shares <= shares[token]] = 0
        heights = _heights(shares)


def _heights(shares: NDArray[numpy.float32]) -> NDArray[numpy.float64]:
    """Where each block ends when all shares are piled up."""
    return numpy.add.reduceat(shares, numpy.arange(0, len(shares), _BLOCK)).cumsum(dtype=numpy.float64)


def _at(shares: NDArray[numpy.float32], heights: NDArray[numpy.float64], height: float) -> int:
    """The token that lies at `height`: its block is found first, then its place in there."""
    block = int(heights.searchsorted(height, side="right"))
    start = block * _BLOCK
    within = shares[start : start + _BLOCK].cumsum(dtype=numpy.float64)
    left = height - heights[block - 1] if block else height
    # The two sums are rounded differently: what is left may be a hair more than the block holds.
    return start + int(within.searchsorted(min(left, numpy.nextafter(within[-1], 0)), side="right"))
