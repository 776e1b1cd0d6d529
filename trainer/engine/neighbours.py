"""What followed in a person's own posts where the voice foresaw much the same as now, mixed into what it foresees.

A small base can't hold all turns of a few thousand posts in its weights, so the moments of the posts are kept
beside them: a nearest-neighbour language model (after Khandelwal and others 2020), in which every moment counts,
near ones most. A moment is known by a few figures that are drawn from the logits there, which all engines give.
Where many are near, more of what is foreseen comes from them.
`trainer.gather_neighbours` makes the file.
"""

import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Self

import numpy
from numpy.typing import NDArray
from safetensors.numpy import load, save_file
from threadpoolctl import threadpool_limits

from trainer.engine.generation import Prompt, Reader
from trainer.engine.weights import Floats, explained

NEIGHBOURS = "neighbours.safetensors"
_ROWS = 64  # at once: each takes four bytes a moment for a while
_TRUST = 0.2  # power of how many are near by which their odds against the model grow (docs/decisions.md)
_FEW_ROWS = 6  # fewer are multiplied faster one by one: three in 1.2 ms instead of 2.7


class Neighbours:
    """The moments of the posts that a voice learned."""

    def __init__(self, tensors: Mapping[str, NDArray[numpy.generic]], vocabulary: int) -> None:
        """What the file holds, of a model that knows so many tokens. Raises ValueError where that doesn't fit.

        projection  [vocabulary, figures]: from logits to the figures of a moment
        figures     [figures, moments] int8 with `scales` [figures, 1]: ordered by what followed
        tokens      [moments]: what followed each
        weights     [moments]: how much each counts, as a logarithm, so that people count alike
        bandwidth   the squared distance at which a moment counts e times less than right here
        usual       how many moments are near, each counting by its distance, where posts usually are: a logarithm
        share       0 to 1: how much of what is foreseen comes from the moments there
        """
        _keep_numpy_to_one_thread()
        names = ("projection", "scales", "weights")
        self._projection, scales, weights = (numpy.asarray(tensors[name], numpy.float32) for name in names)
        figures, tokens = tensors["figures"], numpy.asarray(tensors["tokens"], numpy.int64)
        fitting = figures.shape[1:] == tokens.shape == weights.shape
        if not fitting or self._projection.shape != (vocabulary, len(figures)):
            raise ValueError("its parts don't fit each other or the model")
        if not len(tokens) or (numpy.diff(tokens) < 0).any() or tokens[0] < 0 or tokens[-1] >= vocabulary:
            raise ValueError("its tokens are none of the model's, or in disorder")
        bandwidth, usual, share = (tensors[name].item() for name in ("bandwidth", "usual", "share"))
        if not (bandwidth > 0 and math.isfinite(usual) and 0 < share < 1):
            raise ValueError("its bandwidth or its share is out of bounds")
        self._bandwidth, self._usual, self._share = bandwidth, usual, share
        # weight - |q - k|^2 / bandwidth is 2 q k / bandwidth + the last row, but for |q|^2, the same for all.
        self._nearness = numpy.empty((len(figures) + 1, len(tokens)), numpy.float32)
        above = numpy.multiply(figures, scales, out=self._nearness[:-1])
        self._nearness[-1] = weights - numpy.einsum("fm,fm->m", above, above) / numpy.float32(bandwidth)
        above *= numpy.float32(2 / bandwidth)
        self._tokens, self._starts = numpy.unique(tokens, return_index=True)
        if not (numpy.isfinite(self._nearness).all() and numpy.isfinite(self._projection).all()):
            raise ValueError("it holds values that are not finite")
        self.memory_bytes = self._projection.nbytes + self._nearness.nbytes

    @classmethod
    def of(cls, folder: Path, vocabulary: int) -> Self | None:
        """Those of the voice in the folder; None where it has none. Raises InputError where they are damaged."""
        file = folder / NEIGHBOURS
        if not file.exists():
            return None
        with explained(file):
            return cls(load(file.read_bytes()), vocabulary)

    def foreseen(self, logits: Floats) -> tuple[Floats, Floats]:
        """Of what followed the shares [rows, vocabulary], each moment weighed by how near it is, and how many are
        near [rows], as a logarithm.
        """
        shares, near = zip(
            *(self._foreseen(logits[start : start + _ROWS]) for start in _starts(logits)), strict=True
        )
        return numpy.concatenate(shares), numpy.concatenate(near)

    def mixed(self, logits: Floats) -> Floats:
        """The logits [rows, vocabulary] of what model and moments foresee together."""
        mixed = numpy.empty_like(logits)
        for start in _starts(logits):
            rows = logits[start : start + _ROWS]
            followed, near = self._foreseen(rows)
            share = share_of(self._share, near - self._usual)[:, None]
            shares = numpy.exp(rows - rows.max(axis=1, keepdims=True))
            shares *= (1 - share) / shares.sum(axis=1, keepdims=True)
            shares += share * followed
            with numpy.errstate(divide="ignore"):  # what neither expects at all
                numpy.log(shares, out=mixed[start : start + _ROWS])
        return mixed

    def _foreseen(self, logits: Floats) -> tuple[Floats, Floats]:
        here = logits @ self._projection
        queries = numpy.hstack([here, numpy.ones((len(here), 1), numpy.float32)])
        if len(queries) < _FEW_ROWS:
            weights = numpy.stack([query @ self._nearness for query in queries])
        else:
            weights = queries @ self._nearness
        nearest = weights.max(axis=1)
        weights -= nearest[:, None]
        numpy.exp(weights, out=weights)
        sums = numpy.add.reduceat(weights, self._starts, axis=1)
        total = sums.sum(axis=1)
        shares = numpy.zeros_like(logits)
        shares[:, self._tokens] = sums / total[:, None]
        return shares, numpy.log(total) + nearest - numpy.einsum("rf,rf->r", here, here) / self._bandwidth


def share_of(usually: float, more: Floats) -> Floats:
    """How much comes from the moments where so many `more` are near than usually, as a logarithm."""
    odds = math.log(usually / (1 - usually)) + _TRUST * more
    share: Floats = numpy.exp(-numpy.logaddexp(0, -odds))  # the logistic curve, which this way can't overflow
    return share


def _starts(logits: Floats) -> range:
    return range(0, len(logits), _ROWS)


@cache
def _keep_numpy_to_one_thread() -> None:
    """For good, with all that does linear algebra in this process by then. Its threads wait for each other by
    spinning: where a training holds a core, what takes one thread 3.5 ms took two of them 136.
    """
    threadpool_limits(1, user_api="blas")


def save_neighbours(folder: Path, tensors: Mapping[str, NDArray[numpy.generic]]) -> None:
    """What `Neighbours` takes, into a voice's folder."""
    save_file({name: numpy.ascontiguousarray(tensor) for name, tensor in tensors.items()}, folder / NEIGHBOURS)


def with_neighbours(reader: Reader, neighbours: Neighbours | None) -> Reader:
    """The reader, with what the neighbours foresee mixed into its logits."""
    return reader if neighbours is None else _MixedReader(reader, neighbours)


class _MixedReader:
    """See `Reader`."""

    def __init__(self, reader: Reader, neighbours: Neighbours) -> None:
        self._reader = reader
        self._neighbours = neighbours

    def read(self, prompts: Sequence[Prompt]) -> Floats:
        return self._neighbours.mixed(self._reader.read(prompts))

    def go_on(self, tokens: Sequence[int], sources: Sequence[int]) -> Floats:
        return self._neighbours.mixed(self._reader.go_on(tokens, sources))
