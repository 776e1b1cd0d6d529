"""Speaking through torch and transformers: on CUDA, or any device torch knows. The only engine that imports them.

Voices that are adapters share their base: peft holds the adapters by name and the one that speaks is made active.
"""

import warnings
from collections import deque
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import WeakValueDictionary, finalize

import numpy
import torch
from peft import PeftModel
from transformers import GenerationConfig, GPT2LMHeadModel, LogitsProcessor, LogitsProcessorList

from data.errors import InputError
from trainer.engine import Sampling
from trainer.engine.generation import Heard, Prompt
from trainer.engine.neighbours import Neighbours
from trainer.engine.sampling import draw, generator
from trainer.engine.speaker import BatchSpeaker
from trainer.engine.text import VoiceTokenizer
from trainer.engine.vocabulary import Vocabulary
from trainer.engine.weights import WEIGHTS, Gpt2Shape, TensorFile, explained, read_adapter
from trainer.voice import Voice


class TorchSpeaker(BatchSpeaker):
    """A voice in torch."""

    def __init__(
        self,
        model: "_Model",
        adapter: str | None,
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
        vocabulary = self._tokenizer.vocabulary
        endings = vocabulary.endings
        how = GenerationConfig(
            # _SeededRows has drawn already, and held back what would end a text too soon.
            do_sample=False,
            min_new_tokens=0,  # without it the folder's own least length would count
            max_new_tokens=tokens,
            eos_token_id=endings,
            pad_token_id=self._tokenizer.end,
        )
        drawn = []
        rows = _SeededRows(seeds, sampling, vocabulary, self._neighbours)
        for ids in self._model.generate(prompts, how, rows, self._adapter):
            length = next((place for place, number in enumerate(ids, 1) if number in endings), len(ids))
            drawn.append(ids[:length])  # after the ending stands only padding
        return drawn


class TorchEngine:
    """Loads voices on one device."""

    def __init__(self, device: str) -> None:
        """`device` is torch's name of it. Raises InputError where there is no CUDA but it is asked for."""
        if device == "cuda" and not torch.cuda.is_available():
            raise InputError("torch finds no CUDA device here; set MYNAH_SPEAK__DEVICE=cpu.")
        self._device = torch.device(device)
        self._bases: WeakValueDictionary[Path, _Model] = WeakValueDictionary()
        self._numbers = count()

    def load(self, voice: Voice) -> TorchSpeaker:
        """Ready a voice. Raises MynahError with a sentence where its files are damaged or missing."""
        lora = voice.record.method == "lora"
        folder = Path(voice.record.base_folder) if lora else voice.folder
        shape = Gpt2Shape.from_folder(folder)
        tokenizer = VoiceTokenizer(voice.folder, shape)
        neighbours = Neighbours.of(voice.folder, shape.vocabulary)
        if not lora:
            model = _Model(folder, self._device)
            return TorchSpeaker(model, None, tokenizer, model.memory_bytes, neighbours)
        adapter = read_adapter(voice.folder, shape)  # peft reads it again; this says what is wrong with it
        base = self._bases.get(folder.resolve())
        if base is None:
            base = self._bases[folder.resolve()] = _Model(folder, self._device)
        name = f"voice{next(self._numbers)}"
        base.add_adapter(name, voice.folder)
        size = sum(down.nbytes + up.nbytes for down, up in adapter.values())
        speaker = TorchSpeaker(base, name, tokenizer, size, neighbours)
        finalize(speaker, base.unused.append, name)
        return speaker


class _SeededRows(LogitsProcessor):  # type: ignore[misc]  # transformers is untyped here
    """Draws one token a row, each from its own seed, and leaves it as the only possible one.

    transformers' own sampling has one seed for a whole batch, so what others asked would change a reply.
    """

    def __init__(
        self, seeds: Sequence[int], sampling: Sampling, vocabulary: Vocabulary, neighbours: Neighbours | None
    ) -> None:
        self._chances = [generator(seed) for seed in seeds]
        self._sampling = sampling
        self._vocabulary = vocabulary
        self._neighbours = neighbours
        self._drawn = 0  # tokens of each row

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        logits = scores.float().cpu().numpy()
        if self._neighbours:
            logits = self._neighbours.mixed(logits)
        if self._drawn < self._sampling.min_tokens:
            logits[:, self._vocabulary.endings] = -numpy.inf
        self._drawn += 1
        spellings = map(self._vocabulary.spelling_after, input_ids[:, -1].tolist())
        rows = zip(logits, self._chances, spellings, strict=True)
        drawn = [draw(row, self._sampling, chance, spelling) for row, chance, spelling in rows]
        only = torch.full_like(scores, -torch.inf)
        only[range(len(drawn)), drawn] = 0.0
        return only


class _Model:
    """A GPT-2 on its device, in half precision on CUDA. One batch at a time; whoever comes meanwhile waits."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        dtype = torch.float32
        if device.type == "cuda":
            dtype = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
        TensorFile(folder / WEIGHTS)  # says in words what transformers would say in a traceback
        model: Any
        model, loading = GPT2LMHeadModel.from_pretrained(
            folder, dtype=dtype, local_files_only=True, output_loading_info=True, ignore_mismatched_sizes=True
        )
        with explained(folder / WEIGHTS):
            # transformers only warns of these and goes on with random weights
            if wrong := [*loading["missing_keys"], *loading["mismatched_keys"]]:
                raise ValueError(f"{wrong[0]} is missing or of another shape")
            if not all(weight.isfinite().all() for weight in model.parameters()):
                raise ValueError("it holds values that are not finite")
        self._model = model.to(device).eval()
        self._device = device
        self._lock = Lock()
        # Adapters whose voice is gone. The garbage collector notes them here: it can't wait for the lock.
        self.unused: deque[str] = deque()
        self.memory_bytes = sum(weight.nbytes for weight in model.parameters())

    def add_adapter(self, name: str, folder: Path) -> None:
        with self._lock:
            if isinstance(self._model, PeftModel):
                self._model.load_adapter(folder, adapter_name=name)
            else:
                with warnings.catch_warnings():  # peft asks transformers for a name that is going away
                    warnings.filterwarnings("ignore", ".*is_gradient_checkpointing", FutureWarning)
                    self._model = PeftModel.from_pretrained(self._model, folder, adapter_name=name).eval()

    def generate(
        self, prompts: Sequence[tuple[int, ...]], how: GenerationConfig, rows: "_SeededRows", adapter: str | None
    ) -> list[list[int]]:
        """The ids drawn after each prompt, padded to one length."""
        longest = max(map(len, prompts))
        padding = [longest - len(prompt) for prompt in prompts]
        ids = [[how.pad_token_id] * gap + list(prompt) for gap, prompt in zip(padding, prompts, strict=True)]
        mask = [[0] * gap + [1] * (longest - gap) for gap in padding]
        with self._lock, torch.inference_mode():
            if adapter is not None:
                self._model.set_adapter(adapter)
                while self.unused:
                    self._model.delete_adapter(self.unused.popleft())
            drawn = self._model.generate(
                input_ids=torch.tensor(ids, device=self._device),
                attention_mask=torch.tensor(mask, device=self._device),
                generation_config=how,
                logits_processor=LogitsProcessorList([rows]),
            )
        continuations: list[list[int]] = drawn[:, longest:].tolist()
        return continuations
