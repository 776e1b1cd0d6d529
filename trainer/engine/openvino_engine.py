"""Speaking on the CPU through OpenVINO: no torch in the process, and one int8 graph per base. Adapters are inputs
of that graph, so that changing the voice is handing over some tensors.

The loop over tokens is ours rather than OpenVINO GenAI's (docs/decisions.md): each row has its own seed, rows that
ended leave the batch, equal openings are read once, and nothing is left over from one call to the next.
"""

from collections.abc import Sequence
from pathlib import Path
from weakref import WeakValueDictionary

import numpy
import openvino

from trainer.engine import Continuation, Line, Sampling
from trainer.engine.graph_cache import GraphCache
from trainer.engine.running_graph import AdapterInputs, RunningGraph
from trainer.engine.text import SharedTokenizers, VoiceTokenizer
from trainer.engine.weights import WEIGHTS, Gpt2Shape, explained, read_adapter
from trainer.voice import Voice


class OpenVinoSpeaker:
    """A voice on the CPU. `memory_bytes` of an adapter leaves out its base, which all its adapters share."""

    def __init__(
        self, graph: RunningGraph, adapter: AdapterInputs, tokenizer: VoiceTokenizer, memory_bytes: int
    ) -> None:
        self.memory_bytes = memory_bytes
        self._graph = graph
        self._adapter = adapter
        self._tokenizer = tokenizer

    def speak(self, lines: Sequence[Line], sampling: Sampling) -> list[Continuation]:
        """Continue each line, as one batch; see `Speaker.speak`."""
        if not lines:
            return []
        prompts, tokens = self._tokenizer.prompts(lines, sampling)
        seeds = [line.seed for line in lines]
        drawn = self._graph.generate(prompts, seeds, tokens, self._tokenizer.endings, sampling, self._adapter)
        return [self._tokenizer.continuation(ids) for ids in drawn]


class OpenVinoEngine:
    """Loads voices on the CPU. Voices that are adapters share their base's graph as long as one of them lives."""

    def __init__(self, cache: Path) -> None:
        self._cache = GraphCache(cache)
        self._tokenizers = SharedTokenizers()
        self._bases: WeakValueDictionary[tuple[Path, int, int], RunningGraph] = WeakValueDictionary()

    def load(self, voice: Voice) -> OpenVinoSpeaker:
        """Ready a voice. Raises MynahError with a sentence where its files are damaged or missing."""
        lora = voice.record.method == "lora"
        folder = Path(voice.record.base_folder) if lora else voice.folder
        shape = Gpt2Shape.from_folder(folder)
        tokenizer = self._tokenizers.of(voice.folder, shape.context)
        if not lora:
            graph = RunningGraph(*self._cache.compiled(folder, adapters=False))
            return OpenVinoSpeaker(graph, {}, tokenizer, graph.memory_bytes)
        adapter = _adapter_inputs(voice.folder, shape)
        size = sum(tensor.byte_size for tensor in adapter.values())
        return OpenVinoSpeaker(self._base(folder), adapter, tokenizer, size)

    def _base(self, folder: Path) -> RunningGraph:
        file = folder / WEIGHTS
        with explained(file):
            status = file.stat()
        stamp = (file.resolve(), status.st_size, status.st_mtime_ns)
        base = self._bases.get(stamp)
        if base is None:
            base = self._bases[stamp] = RunningGraph(*self._cache.compiled(folder, adapters=True))
        return base


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
