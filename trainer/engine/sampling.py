"""Drawing one token from a row of logits: temperature and top_p, seeded."""

import math

import numpy
from numpy.random import Generator
from numpy.typing import NDArray

from data.errors import InputError
from trainer.engine import Sampling


def generator(seed: int) -> Generator:
    """The source of chance of one row of a batch, which depends on nothing else in the batch."""
    return numpy.random.default_rng(seed % 2**64)


def draw(logits: NDArray[numpy.float32], sampling: Sampling, chance: Generator) -> int:
    """A token from the nucleus: the fewest likeliest tokens whose shares reach `top_p`.

    No sorting: a token drawn from all of them is in the nucleus if the likelier ones don't reach `top_p` without
    it. If it isn't, no less likely one is either, so they leave together and the rest is drawn from again. That
    gives exactly the shares of the nucleus; at 0.95 one draw in twenty is repeated. Raises InputError for logits
    that are no numbers.
    """
    shares = numpy.exp((logits - logits.max()) / numpy.float32(sampling.temperature))
    nucleus = sampling.top_p * shares.sum(dtype=numpy.float64)
    if not math.isfinite(nucleus):
        raise InputError("The voice's weights are so large that its figures overflow; train it again.")
    while True:
        heights = numpy.cumsum(shares, dtype=numpy.float64)
        token = int(numpy.searchsorted(heights, chance.random() * heights[-1], side="right"))
        if sampling.top_p >= 1 or shares[shares > shares[token]].sum(dtype=numpy.float64) < nucleus:
            return token
        shares[shares <= shares[token]] = 0
