"""Posts as token blocks: shuffled anew each epoch, packed without padding, the same weight for each handle."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, count

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
    for own, (times, weight) in zip(handles, balance(handles, repeat=learning), strict=True):
        posts.extend((post, weight) for post in [*own] * times)
    if learning:
        order = numpy.random.default_rng((seed, epoch)).permutation(len(posts))
        posts = [posts[index] for index in order]
    lengths = [len(post) for post, _ in posts]
    length = 1 + sum(lengths)
    rows = -(-(length - 1) // block_size)
    tokens = numpy.full(rows * block_size + 1, end, dtype=numpy.int64)
    weights = numpy.zeros(rows * block_size + 1, dtype=numpy.float32)
    tokens[1:length] = numpy.fromiter(chain.from_iterable(post for post, _ in posts), numpy.int64, length - 1)
    weights[1:length] = numpy.repeat([weight for _, weight in posts], lengths)
    return (
        torch.from_numpy(tokens).unfold(0, block_size + 1, block_size),
        torch.from_numpy(weights).unfold(0, block_size + 1, block_size),
    )


def batches(epoch: Callable[[int], Blocks], size: int, first: int = 0) -> Iterator[Blocks]:
    """Batches of `size` rows from the `first` on, epoch after epoch without end; one may reach into the next.

    Epochs are made as they are come to: a run may have any number of them.
    """
    skipped = first * size
    left: Blocks | None = None  # too few for a batch
    for number in count():
        tokens, weights = epoch(number)
        rows = len(tokens)
        tokens, weights = tokens[skipped:], weights[skipped:]
        skipped = max(0, skipped - rows)
        if left is not None:
            tokens, weights = torch.cat([left[0], tokens]), torch.cat([left[1], weights])
        while len(tokens) >= size:
            yield tokens[:size], weights[:size]
            tokens, weights = tokens[size:], weights[size:]
        left = tokens, weights
