"""Drawing from the nucleus for engines that return logits only: as cheap as numpy does it, so that none looks slow
for its sampler's sake.
"""

import numpy
from numpy.typing import NDArray

TOP_P = 0.95


def draw_rows(logits: NDArray[numpy.float32], chance: numpy.random.Generator) -> list[int]:
    """One token for each row of `logits`, from the likeliest ones that hold `TOP_P` together.

    Only tokens above a threshold that no nucleus of them needs are sorted.
    """
    drawn = []
    for row in logits:
        shares = numpy.exp(row - row.max())
        shares /= shares.sum()
        likely = numpy.flatnonzero(shares > (1 - TOP_P) / len(shares))
        order = likely[numpy.argsort(-shares[likely], kind="stable")]
        heights = numpy.cumsum(shares[order])
        size = min(int(numpy.searchsorted(heights, TOP_P)) + 1, len(order))
        drawn.append(int(order[numpy.searchsorted(heights[:size], chance.random() * heights[size - 1])]))
    return drawn
