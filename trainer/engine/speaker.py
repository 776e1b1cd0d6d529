"""What all speakers do alike: from lines to prompts, from ids to texts. And bases that several voices share."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

from trainer.engine import Continuation, Line, Sampling
from trainer.engine.generation import Heard, Prompt
from trainer.engine.neighbours import Neighbours
from trainer.engine.text import VoiceTokenizer
from trainer.engine.weights import WEIGHTS, explained

Base = TypeVar("Base")


class BatchSpeaker(ABC):
    """A loaded voice. `memory_bytes` of an adapter leaves out its base, which all its adapters share."""

    def __init__(self, tokenizer: VoiceTokenizer, memory_bytes: int, neighbours: Neighbours | None) -> None:
        """`memory_bytes` is what it takes beside the neighbours."""
        self.memory_bytes = memory_bytes + (neighbours.memory_bytes if neighbours else 0)
        self._tokenizer = tokenizer
        self._neighbours = neighbours

    def speak(self, lines: Sequence[Line], sampling: Sampling) -> list[Continuation]:
        """Continue each line, as one batch; see `Speaker.speak`."""
        if not lines:
            return []
        called_off: set[int] = set()

        def heard(row: int, ids: Sequence[int]) -> Iterable[int]:
            listener = lines[row].listener
            if listener is not None and listener.enough(lines[row], self._tokenizer.continuation(ids)):
                called_off.update(other for other, line in enumerate(lines) if line.listener is listener)
            return called_off

        prompts, tokens = self._tokenizer.prompts(lines, sampling)
        drawn = self._generate(prompts, [line.seed for line in lines], tokens, sampling, heard)
        spoken = [self._tokenizer.continuation(ids) for ids in drawn]
        return [
            replace(continuation, called_off=row in called_off and not continuation.finished)
            for row, continuation in enumerate(spoken)
        ]

    @abstractmethod
    def _generate(
        self, prompts: Sequence[Prompt], seeds: Sequence[int], tokens: int, sampling: Sampling, heard: Heard
    ) -> list[list[int]]:
        """For each prompt the ids drawn after it with its seed: at most `tokens`, an ending only as the last.

        `heard` may be asked for the rows that need not go on.
        """


class SharedBases(Generic[Base]):
    """Loaded bases, each as long as one of the voices over it lives; one whose file has changed is another."""

    def __init__(self) -> None:
        self._loaded: WeakValueDictionary[tuple[Path, int, int], Base] = WeakValueDictionary()

    def of(self, folder: Path, load: Callable[[], Base]) -> Base:
        """The base in that folder. Raises MynahError where it is missing, and what `load` raises."""
        file = folder / WEIGHTS
        with explained(file):
            status = file.stat()
        stamp = (file.resolve(), status.st_size, status.st_mtime_ns)
        base = self._loaded.get(stamp)
        if base is None:
            base = self._loaded[stamp] = load()
        return base
