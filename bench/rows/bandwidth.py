"""How fast this machine reads int8 weights, and what share of that one reply reaches.

For each token of one reply every weight is read once, so that nothing goes faster than the bytes come. The limit
is measured on a buffer as large as the weights: where they fit into a cache of the processor, it is the cache's.
"""

import statistics
import threading
from collections.abc import Callable, Sequence

from bench import shape
from bench.figures import Reading, Spread
from bench.workload import Measurement, Terms, seconds_of

READS = 12  # of the whole buffer, for one figure


def weight_bytes(terms: Terms) -> int:
    """Bytes of all weights in int8 that one token needs: every matrix, but of the positions one row only."""
    from safetensors import safe_open

    with safe_open(shape.base_folder(terms) / "model.safetensors", "numpy") as tensors:
        names = [name for name in tensors.keys() if not name.endswith("wpe.weight")]  # noqa: SIM118 - no mapping
        sizes = [tensors.get_slice(name).get_shape() for name in names]
    return sum(rows * columns for rows, columns in (size for size in sizes if len(size) == 2))


def read_limit(terms: Terms) -> Measurement:
    """The fastest of several ways to read the whole buffer, each thread its own part; in bytes and tokens."""
    import os

    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before numpy comes: the threads are ours
    import numpy

    size = weight_bytes(terms) // 64 * 64
    weights = numpy.full(size, 64, numpy.int8)  # as floats, these bytes are ordinary numbers near 3
    parts = numpy.array_split(weights.view(numpy.int64), terms.threads)
    # None of them is the fastest on every processor; each reads every byte once and writes next to nothing.
    ways: dict[str, Callable[[int], object]] = {
        "sum": lambda part: parts[part].sum(),
        "largest": lambda part: parts[part].view(numpy.int8).max(),
        "product": lambda part: numpy.dot(parts[part].view(numpy.float32), parts[part].view(numpy.float32)),
    }
    found = {name: size / _seconds(way, terms.threads, 1 if terms.quick else 3) for name, way in ways.items()}
    best = max(found.values())
    figures = {"gb_per_second": best / 1e9, "tokens_per_second": best / size, "weight_mb": size / 1e6}
    return Measurement(figures | {f"{name}_gb_per_second": rate / 1e9 for name, rate in found.items()})


def _seconds(way: Callable[[int], object], threads: int, repeats: int) -> float:
    """Seconds for one reading of the whole buffer by all threads together."""

    def reading(part: int) -> None:
        for _ in range(READS):
            way(part)

    def together() -> None:
        workers = [threading.Thread(target=reading, args=(part,)) for part in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    return seconds_of(together, repeats) / READS


def share(tokens_per_second: Sequence[float], limits: Sequence[float]) -> Reading:
    """What one reply reaches of the limit, round by round."""
    return Reading(
        Spread.of_ratios(tokens_per_second, limits),
        (),
        {"tokens_per_second": statistics.median(tokens_per_second), "limit": statistics.median(limits)},
    )
