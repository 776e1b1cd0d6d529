"""The loop over tokens on a compiled graph: read the prompts, then draw one token per row until all ended."""

from collections.abc import Collection, Mapping, Sequence
from threading import Lock

import numpy
import openvino
from numpy.typing import NDArray

from trainer.engine import Sampling
from trainer.engine.sampling import draw, generator

Prompt = tuple[int, ...]
Integers = NDArray[numpy.int64]
AdapterInputs = Mapping[str, openvino.Tensor]


class RunningGraph:
    """One graph with room for one batch at a time; whoever comes meanwhile waits."""

    def __init__(self, graph: openvino.CompiledModel) -> None:
        self._request = graph.create_infer_request()
        self._lock = Lock()
        self._adapter: AdapterInputs | None = None
        self._mask: Integers = numpy.zeros((0, 0), numpy.int64)

    def generate(
        self,
        prompts: Sequence[Prompt],
        seeds: Sequence[int],
        tokens: int,
        endings: Sequence[int],
        sampling: Sampling,
        adapter: AdapterInputs,
    ) -> list[list[int]]:
        """For each prompt the ids drawn after it with its seed: at most `tokens`, an ending only as the last."""
        with self._lock:
            self._wear(adapter)
            return self._generate(prompts, seeds, tokens, endings, sampling)

    def _generate(
        self,
        prompts: Sequence[Prompt],
        seeds: Sequence[int],
        tokens: int,
        endings: Sequence[int],
        sampling: Sampling,
    ) -> list[list[int]]:
        drawn: list[list[int]] = [[] for _ in prompts]
        chances = [generator(seed) for seed in seeds]
        distinct = list(dict.fromkeys(prompts))  # candidates share their opening: it is read once
        sources = [distinct.index(prompt) for prompt in prompts]  # each row's place in the batch before
        rows = list(range(len(prompts)))  # those that have not ended
        logits = self._read(distinct)
        ends = frozenset(endings)
        for length in range(tokens):
            if length < sampling.min_tokens:
                logits[:, endings] = -numpy.inf
            for row, source in zip(rows, sources, strict=True):
                drawn[row].append(draw(logits[source], sampling, chances[row]))
            going_on = [place for place, row in enumerate(rows) if drawn[row][-1] not in ends]
            if not going_on or length == tokens - 1:
                break
            rows = [rows[place] for place in going_on]
            logits = self._go_on([drawn[row][-1] for row in rows], [sources[place] for place in going_on])
            sources = list(range(len(rows)))
        return drawn

    def _wear(self, adapter: AdapterInputs) -> None:
        if adapter is not self._adapter:
            for name, tensor in adapter.items():
                self._request.set_tensor(name, tensor)
            self._adapter = adapter

    def _read(self, prompts: Sequence[Prompt]) -> NDArray[numpy.float32]:
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

    def _go_on(self, tokens: Sequence[int], sources: Sequence[int]) -> NDArray[numpy.float32]:
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
