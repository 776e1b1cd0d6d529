"""A compiled graph at work: it reads prompts, goes on from them token by token, and lets go of what that took."""

import mmap
from collections.abc import Collection, Mapping, Sequence
from threading import Lock

import numpy
import openvino
from numpy.typing import NDArray

from trainer.engine import Sampling
from trainer.engine.generation import Heard, Prompt, generate
from trainer.engine.neighbours import Neighbours, with_neighbours
from trainer.engine.vocabulary import Vocabulary

Integers = NDArray[numpy.int64]
AdapterInputs = Mapping[str, openvino.Tensor]

# Bytes that a loaded graph takes up beside its weights: its structure, operations prepared for many batch sizes,
# and a share of what the process needs for voices besides, such as their indexed posts. With 8 MB, what 221 voices
# on the built-in base took in 900 requests went 257 MB beyond the setting of 1,024.
_BESIDE_WEIGHTS = 12 * 2**20


class RunningGraph:
    """One graph with room for one batch at a time; whoever comes meanwhile waits."""

    def __init__(self, graph: openvino.CompiledModel, weights: mmap.mmap) -> None:
        """`weights` are the graph's own, mapped; they are packed for the processor now, once."""
        # The only one there ever is: with a second, and the first deleted, runs broke off with a damaged heap.
        self._request = graph.create_infer_request()
        self._graph = graph
        self._lock = Lock()
        self._adapter: AdapterInputs | None = None
        self._mask: Integers = numpy.zeros((0, 0), numpy.int64)
        self.memory_bytes = len(weights) + _BESIDE_WEIGHTS
        self._weights = weights  # OpenVINO looks up embeddings there, and keeps no reference
        self._pack(graph)

    def generate(
        self,
        prompts: Sequence[Prompt],
        seeds: Sequence[int],
        tokens: int,
        vocabulary: Vocabulary,
        sampling: Sampling,
        adapter: AdapterInputs,
        neighbours: Neighbours | None,
        heard: Heard,
    ) -> list[list[int]]:
        """See `generate`."""
        with self._lock:
            self._wear(adapter)
            try:
                reader = with_neighbours(self, neighbours)
                return generate(reader, prompts, seeds, tokens, vocabulary, sampling, heard)
            finally:
                self._let_go()

    def _pack(self, graph: openvino.CompiledModel) -> None:
        """The first inference packs the weights. What it has read is let go of meanwhile, as the pages would stay
        in memory beside what was packed: 120 MB for GPT-2 124M.
        """
        for place in graph.inputs:
            sizes = [1 if size.is_dynamic else size.get_length() for size in place.get_partial_shape()]
            nothing = numpy.zeros(sizes, place.get_element_type().to_dtype())
            self._request.set_tensor(place, openvino.Tensor(nothing))
        self._request.start_async()
        while not self._request.wait_for(5):  # milliseconds
            self._weights.madvise(mmap.MADV_DONTNEED)
        self._let_go()

    def _let_go(self) -> None:
        """Give back what is only needed while tokens are drawn: many voices lie loaded, one speaks."""
        # Also as the plugin of 2026.4 loses it with the graph: 1.7 MB for each voice that was loaded and spoke.
        self._request.reset_state()
        self._graph.release_memory()
        self._weights.madvise(mmap.MADV_DONTNEED)

    def _wear(self, adapter: AdapterInputs) -> None:
        if adapter is not self._adapter:
            for name, tensor in adapter.items():
                self._request.set_tensor(name, tensor)
            self._adapter = adapter

    def read(self, prompts: Sequence[Prompt]) -> NDArray[numpy.float32]:
        """Forget everything and read the prompts, padded on the left. Returns logits [prompts, vocabulary]."""
        self._request.reset_state()
        longest = max(map(len, prompts))
        ids = numpy.zeros((len(prompts), longest), numpy.int64)
        self._mask = numpy.zeros_like(ids)
        for row, prompt in enumerate(prompts):
            ids[row, longest - len(prompt) :] = prompt
            self._mask[row, longest - len(prompt) :] = 1
        positions = numpy.maximum(self._mask.cumsum(axis=1) - 1, 0)
        return self._infer(ids, positions, range(len(prompts)))

    def go_on(self, tokens: Sequence[int], sources: Sequence[int]) -> NDArray[numpy.float32]:
        """One more token for each row, going on from rows `sources` of the step before. Returns as `_read`."""
        grown = numpy.ones((len(sources), 1), numpy.int64)
        self._mask = numpy.hstack([self._mask[sources], grown])
        positions = self._mask.sum(axis=1, keepdims=True) - 1
        return self._infer(numpy.array(tokens, numpy.int64)[:, None], positions, sources)

    def _infer(self, ids: Integers, positions: Integers, sources: Collection[int]) -> NDArray[numpy.float32]:
        self._request.infer(
            {
                "input_ids": ids,
                "position_ids": positions,
                "attention_mask": self._mask,
                "beam_idx": numpy.array(sources, numpy.int32),
            }
        )
        logits: NDArray[numpy.float32] = self._request.get_tensor("logits").data[:, -1].copy()
        return logits
