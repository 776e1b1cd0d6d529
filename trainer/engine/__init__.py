"""The seam behind which voices speak: `Engine.load` and `Speaker.speak`. Text in, text out; it knows no chat.

Three implementations stand behind it. On the CPU, without torch in the process: our own kernel where it was
compiled and the processor has what it needs, else OpenVINO. On CUDA: torch.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from trainer.voice import Voice

# OpenVINO imports its converter of models with itself, which forks the process and tells Google Analytics so. That
# takes 0.04 seconds of CPU and 6 MB. Nothing here converts, and OpenVINO does without where it isn't there.
sys.modules.setdefault("openvino.tools.ovc", None)  # type: ignore[arg-type]  # None: a module not to be found


@dataclass(frozen=True)
class Sampling:
    """How to draw. Temperature and top_p are the reference's."""

    temperature: float = 1.0
    top_p: float = 0.95
    max_tokens: int = 80
    min_tokens: int = 2
    careful_spelling: bool = True  # words go on, and end, at half the temperature


class Listener(Protocol):
    """Hears the lines of one question as they are spoken, and may call off those under way."""

    def enough(self, line: "Line", continuation: "Continuation") -> bool:
        """Asked as a line ends, and on its way from time to time, by the thread that speaks: may they all stop?"""
        ...


@dataclass(frozen=True)
class Line:
    """One line to continue. Its seed alone decides the draw, whatever else is in the batch."""

    opening: str
    seed: int = 0
    topics: tuple[str, ...] = ()  # what the post shall be about; only for voices whose base has learned that
    listener: Listener | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Continuation:
    """What the model wrote after a prompt; `finished` is False where it was cut at `max_tokens`, or called off."""

    text: str
    finished: bool
    called_off: bool = False


class Speaker(Protocol):
    """One loaded voice. Calls may block for seconds: keep them off the event loop, one at a time."""

    memory_bytes: int  # what keeping it loaded costs, roughly

    def speak(self, lines: Sequence[Line], sampling: Sampling) -> list[Continuation]:
        """Continue each line, as one batch. A line's draw depends on its opening and its seed alone; only the last
        digits of the arithmetic differ with the size of the batch, which may now and then tip a token.
        Engines that can stop a line ask the listeners.
        """
        ...


class Engine(Protocol):
    """Something that can load voices."""

    def load(self, voice: Voice) -> Speaker:
        """Ready a voice. Raises MynahError with a sentence where its files are damaged or missing."""
        ...


def open_engine(device: str, cache: Path) -> Engine:
    """`cpu`, `cuda`, or `auto` (CUDA when there). Imports only what the chosen engine needs."""
    if device == "cuda" or (device == "auto" and _cuda_is_there()):
        from trainer.engine.torch_engine import TorchEngine

        return TorchEngine(device="cuda")
    from trainer.engine.kernel import load_library

    if library := load_library():
        from trainer.engine.kernel_engine import KernelEngine

        return KernelEngine(library, cache)
    from trainer.engine.openvino_engine import OpenVinoEngine

    return OpenVinoEngine(cache)


def _cuda_is_there() -> bool:
    """Ask the driver and the installed torch's version: importing torch costs a second and 200 MB."""
    return Path("/proc/driver/nvidia/version").exists() and "+cpu" not in version("torch")
