"""Speaking on the CPU through OpenVINO: no torch in the process, and one int8 graph per base. Adapters are inputs
of that graph, so that changing the voice is handing over some tensors.

The loop over tokens is ours rather than OpenVINO GenAI's (docs/decisions.md): each row has its own seed, rows that
ended leave the batch, equal openings are read once, and nothing is left over from one call to the next.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy
import openvino

from trainer.engine import Sampling
from trainer.engine.generation import Heard, Prompt
from trainer.engine.graph_cache import GraphCache
from trainer.engine.neighbours import Neighbours
from trainer.engine.running_graph import AdapterInputs, RunningGraph
from trainer.engine.speaker import BatchSpeaker, SharedBases
from trainer.engine.text import SharedTokenizers, VoiceTokenizer
from trainer.engine.weights import Gpt2Shape, read_adapter
from trainer.voice import Voice


class OpenVinoSpeaker(BatchSpeaker):
    """A voice on the CPU."""

    def __init__(
        self,
        graph: RunningGraph,
        adapter: AdapterInputs,
        tokenizer: VoiceTokenizer,
        memory_bytes: int,
        neighbours: Neighbours | None,
    ) -> None:
        super().__init__(tokenizer, memory_bytes, neighbours)
        self._graph = graph
        self._adapter = adapter

    def _generate(
        self, prompts: Sequence[Prompt], seeds: Sequence[int], tokens: int, sampling: Sampling, heard: Heard
    ) -> list[list[int]]:
        vocabulary = self._tokenizer.vocabulary
        return self._graph.generate(
            prompts, seeds, tokens, vocabulary, sampling, self._adapter, self._neighbours, heard
        )


class OpenVinoEngine:
    """Loads voices on the CPU. Voices that are adapters share their base's graph as long as one of them lives."""

    def __init__(self, cache: Path) -> None:
        self._cache = GraphCache(cache)
        self._tokenizers = SharedTokenizers()
        self._bases = SharedBases[RunningGraph]()

    def load(self, voice: Voice) -> OpenVinoSpeaker:
        """Ready a voice. Raises MynahError with a sentence where its files are damaged or missing."""
        lora = voice.record.method == "lora"
        folder = Path(voice.record.base_folder) if lora else voice.folder
        shape = Gpt2Shape.from_folder(folder)
        tokenizer = self._tokenizers.of(voice.folder, shape)
        neighbours = Neighbours.of(voice.folder, shape.vocabulary)
        if not lora:
            graph = RunningGraph(*self._cache.compiled(folder, adapters=False))
            return OpenVinoSpeaker(graph, {}, tokenizer, graph.memory_bytes, neighbours)
        adapter = _adapter_inputs(voice.folder, shape)
        size = sum(tensor.byte_size for tensor in adapter.values())
        base = self._bases.of(folder, lambda: RunningGraph(*self._cache.compiled(folder, adapters=True)))
        return OpenVinoSpeaker(base, adapter, tokenizer, size, neighbours)


def _adapter_inputs(folder: Path, shape: Gpt2Shape) -> AdapterInputs:
    """The graph's adapter inputs; modules that the adapter leaves alone get zeros of rank 1."""
    adapter = read_adapter(folder, shape)
    inputs = {}
    for module, (width, height) in shape.modules().items():
        nothing = (numpy.zeros((1, width), numpy.float32), numpy.zeros((height, 1), numpy.float32))
        down, up = adapter.get(module, nothing)
        inputs[f"{module}.down"] = openvino.Tensor(down)
        inputs[f"{module}.up"] = openvino.Tensor(numpy.ascontiguousarray(up.T))
    return inputs
