"""Posts as token blocks: shuffled anew each epoch, packed without padding, the same weight for each handle."""

from collections.abc import Sequence

import numpy
import torch
from torch import Tensor

Blocks = tuple[Tensor, Tensor]
"""Token ids (int64) and weights (float32), both (count, block_size + 1): the last token of a row is the first
of the next, so that every token is predicted exactly once. A token's weight is that of predicting it."""


def balance(handles: Sequence[Sequence[Sequence[int]]], *, repeat: bool = True) -> list[tuple[int, float]]:
    """How often to repeat each handle's posts and how much each of them counts, so that repeats x posts x weight
    is the same for every handle, exactly: then a cyborg begins as many posts in the voice of one as of another.

    Whole repeats alone can't be exact (the reference's were not), weights alone make a small corpus's gradients
    jumpy: so repeats do the coarse part and a weight between 1 and 2 the rest.
    """
    sizes = [len(posts) for posts in handles]
    largest = max(sizes)
    repeats = [largest // size if repeat else 1 for size in sizes]
    return [(count, largest / (count * size)) for count, size in zip(repeats, sizes, strict=True)]


def epoch_blocks(
    handles: Sequence[Sequence[Sequence[int]]],
    block_size: int,
    end: int,
    *,
    seed: int,
    epoch: int,
    learning: bool = True,
) -> Blocks:
    """One epoch over all handles' posts as packed blocks; the last one is filled up with weightless tokens.

    Depends on seed and epoch alone, so a resumed run sees the same blocks. `learning=False` keeps the order
    and repeats nothing, for measuring a loss.
    """
    posts: list[tuple[Sequence[int], float]] = []
    for own, (count, weight) in zip(handles, balance(handles, repeat=learning), strict=True):
        posts.extend((post, weight) for _ in range(count) for post in own)
    if learning:
        order = numpy.random.default_rng((seed, epoch)).permutation(len(posts))
        posts = [posts[index] for index in order]
    length = 1 + sum(len(post) for post, _ in posts)
    rows = -(-(length - 1) // block_size)
    tokens = numpy.full(rows * block_size + 1, end, dtype=numpy.int64)
    weights = numpy.zeros(rows * block_size + 1, dtype=numpy.float32)
    tokens[1:length] = numpy.concatenate([numpy.asarray(post) for post, _ in posts])
    weights[1:length] = numpy.repeat([weight for _, weight in posts], [len(post) for post, _ in posts])
    return (
        torch.from_numpy(tokens).unfold(0, block_size + 1, block_size),
        torch.from_numpy(weights).unfold(0, block_size + 1, block_size),
    )
