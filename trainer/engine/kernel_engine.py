"""Speaking on the CPU through our own kernel: twice as fast as OpenVINO where the processor has AVX-512 VNNI.

A voice is its packed weights, mapped from the disk, or an adapter over those of its base. Nothing is kept between
two calls, so that any number of them may run at once.
"""

from collections.abc import Sequence
from ctypes import CDLL
from pathlib import Path

from trainer.engine import Sampling
from trainer.engine.derived_cache import DerivedCache
from trainer.engine.generation import Heard, Prompt, generate
from trainer.engine.kernel import KernelAdapter, KernelModel
from trainer.engine.kernel_reader import KernelReader
from trainer.engine.neighbours import Neighbours, with_neighbours
from trainer.engine.packed_weights import VERSION, PackedWeights, is_untied, pack
from trainer.engine.speaker import BatchSpeaker, SharedBases
from trainer.engine.text import SharedTokenizers, VoiceTokenizer
from trainer.engine.weights import WEIGHTS, Gpt2Shape, TensorFile, read_adapter
from trainer.voice import Voice

# Bytes that a loaded model takes up beside its weights, and a share of what the process needs for voices besides,
# such as their indexed posts. Without it, 221 voices on the built-in base, asked 500 times, went 30 MB beyond the
# setting of 1,024, which 133 loaded ones filled.
_BESIDE_WEIGHTS = 2**20


class KernelSpeaker(BatchSpeaker):
    """A voice on the CPU."""

    def __init__(
        self,
        model: KernelModel,
        adapter: KernelAdapter | None,
        tokenizer: VoiceTokenizer,
        memory_bytes: int,
        neighbours: Neighbours | None,
    ) -> None:
        super().__init__(tokenizer, memory_bytes, neighbours)
        self._model = model
        self._adapter = adapter

    def _generate(
        self, prompts: Sequence[Prompt], seeds: Sequence[int], tokens: int, sampling: Sampling, heard: Heard
    ) -> list[list[int]]:
        reader = KernelReader(self._model, self._adapter, rows=len(prompts), tokens=tokens)
        mixed = with_neighbours(reader, self._neighbours)
        return generate(mixed, prompts, seeds, tokens, self._tokenizer.vocabulary, sampling, heard)


class KernelEngine:
    """Loads voices on the CPU. Voices that are adapters share their base as long as one of them lives."""

    def __init__(self, library: CDLL, cache: Path) -> None:
        """`cache` is a folder for packed weights, which may be deleted at any time."""
        self._library = library
        self._packed = DerivedCache(cache, "packed.bin", str(VERSION))
        self._tokenizers = SharedTokenizers()
        self._bases = SharedBases[KernelModel]()

    def load(self, voice: Voice) -> KernelSpeaker:
        """Ready a voice. Raises MynahError with a sentence where its files are damaged or missing."""
        lora = voice.record.method == "lora"
        folder = Path(voice.record.base_folder) if lora else voice.folder
        shape = Gpt2Shape.from_folder(folder)
        tokenizer = self._tokenizers.of(voice.folder, shape)
        neighbours = Neighbours.of(voice.folder, shape.vocabulary)
        if not lora:
            model = self._model(folder, shape)
            return KernelSpeaker(model, None, tokenizer, model.memory_bytes + _BESIDE_WEIGHTS, neighbours)
        adapter = KernelAdapter(shape, read_adapter(voice.folder, shape))
        base = self._bases.of(folder, lambda: self._model(folder, shape))
        return KernelSpeaker(base, adapter, tokenizer, adapter.memory_bytes, neighbours)

    def _model(self, folder: Path, shape: Gpt2Shape) -> KernelModel:
        weights = TensorFile(folder / WEIGHTS, "transformer.")
        packed = self._packed.opened(
            folder,
            "packed",
            lambda file: pack(weights, shape, file),
            lambda file: PackedWeights.map(file, shape, is_untied(weights)),
        )
        return KernelModel(self._library, shape, packed)
