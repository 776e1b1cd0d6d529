"""The engines under test: each one's name, and how to open it on a folder for its cache."""

from collections.abc import Callable
from pathlib import Path

import pytest

from trainer.engine import Engine
from trainer.engine.generation import Reader
from trainer.engine.kernel import load_library
from trainer.engine.kernel_engine import KernelEngine
from trainer.engine.kernel_reader import KernelReader
from trainer.engine.openvino_engine import OpenVinoEngine
from trainer.engine.torch_engine import TorchEngine
from trainer.voice import Voice

ROOM = 40  # rows and tokens of a reader


def kernel_engine(cache: Path) -> KernelEngine:
    """Skips the test where the kernel can't run."""
    library = load_library()
    if library is None:
        pytest.skip("no compiler when Mynah was installed, or a processor without AVX-512 VNNI")
    return KernelEngine(library, cache)


INT8_ENGINES: dict[str, Callable[[Path], Engine]] = {"kernel": kernel_engine, "openvino": OpenVinoEngine}
ENGINES: dict[str, Callable[[Path], Engine]] = {**INT8_ENGINES, "torch": lambda _: TorchEngine("cpu")}


def reader_of(engine: Engine, voice: Voice) -> Reader:
    """What the loop over tokens reads with, for a voice of one of the int8 engines."""
    if isinstance(engine, KernelEngine):
        kernel = engine.load(voice)
        return KernelReader(kernel._model, kernel._adapter, ROOM, ROOM)
    assert isinstance(engine, OpenVinoEngine)
    speaker = engine.load(voice)
    speaker._graph._wear(speaker._adapter)
    return speaker._graph
