"""One batch on the kernel: the keys and values of what its rows have read so far, and which row's is where."""

import os
import sys
from collections.abc import Sequence
from itertools import accumulate

from trainer.engine.generation import Prompt
from trainer.engine.kernel import KernelAdapter, KernelModel
from trainer.engine.weights import Floats


class KernelReader:
    """See `Reader`. What ended just stays behind in the cache; only a row that is doubled is copied there."""

    def __init__(self, model: KernelModel, adapter: KernelAdapter | None, rows: int, tokens: int) -> None:
        """For at most so many rows at a time, and so many tokens after a prompt."""
        self._model = model
        self._adapter = adapter
        self._rows = rows
        self._tokens = tokens
        self._threads = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
        self._cache = model.empty_cache(0, 0)
        self._places: list[int] = []  # of each row, in the cache
        self._lengths: list[int] = []  # of each row, in tokens

    def read(self, prompts: Sequence[Prompt]) -> Floats:
        """Forget everything and read the prompts, one a row, without padding."""
        self._lengths = [len(prompt) for prompt in prompts]
        self._places = list(range(len(prompts)))
        self._cache = self._model.empty_cache(self._rows, max(self._lengths) + self._tokens)
        return self._model.run(
            self._adapter,
            self._cache,
            tokens=[token for prompt in prompts for token in prompt],
            positions=[position for length in self._lengths for position in range(length)],
            rows=[place for place, length in zip(self._places, self._lengths, strict=True) for _ in range(length)],
            wanted=[end - 1 for end in accumulate(self._lengths)],
            threads=self._threads,
        )

    def go_on(self, tokens: Sequence[int], sources: Sequence[int]) -> Floats:
        """One more token for each row, which goes on from the row `sources` of the call before."""
        positions = [self._lengths[source] for source in sources]
        before = [self._places[source] for source in sources]
        free = iter(set(range(self._rows)).difference(before))
        places: list[int] = []
        taken = set()
        for place, length in zip(before, positions, strict=True):
            if place in taken:
                copy = next(free)
                self._cache[copy, ..., :length, :] = self._cache[place, ..., :length, :]
                place = copy
            taken.add(place)
            places.append(place)
        self._places, self._lengths = places, [position + 1 for position in positions]
        return self._model.run(
            self._adapter, self._cache, tokens, positions, places, range(len(tokens)), self._threads
        )
