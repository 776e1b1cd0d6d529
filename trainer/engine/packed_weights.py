"""A GPT-2's weights as native/gpt2.c reads them: int8 matrices in the order of their use, all in one file.

The file is mapped into memory and used where it lies: loading a voice takes a millisecond or two, and what nobody
speaks with the system can drop.
"""

import math
import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy
from numpy.typing import NDArray

from trainer.engine.weights import Floats, Gpt2Shape, TensorFile, quantise

VERSION = 1  # raise it with every change to what is in the file: then it is made again

_BLOCK = 32  # outputs, and inputs, that the kernel takes at a time; matrices are filled up to whole blocks
_ALIGNMENT = 64  # bytes of a cache line


@dataclass(frozen=True)
class PackedMatrix:
    """`weights` are int8 plus 128, [blocks, inputs / 4, 32, 4]: what the kernel multiplies at once lies together.

    `scales` and `bias` are float32 [blocks * 32]; of what was filled up both are 0.
    """

    inputs: int
    outputs: int
    weights: NDArray[numpy.uint8]
    scales: Floats
    bias: Floats

    @classmethod
    def pack(cls, matrix: Floats, bias: Floats | None) -> "PackedMatrix":
        """Of a matrix [outputs, inputs]."""
        outputs, inputs = matrix.shape
        rows, columns = _filled(outputs), _filled(inputs)
        whole, scales = quantise(matrix)
        filled = numpy.full((rows, columns), 128, numpy.uint8)
        filled[:outputs, :inputs] = whole.view(numpy.uint8) ^ 128
        return cls(
            inputs,
            outputs,
            numpy.ascontiguousarray(filled.reshape(rows // _BLOCK, _BLOCK, columns // 4, 4).swapaxes(1, 2)),
            numpy.pad(scales[:, 0], (0, rows - outputs)),
            numpy.zeros(rows, numpy.float32) if bias is None else numpy.pad(bias, (0, rows - outputs)),
        )


@dataclass(frozen=True)
class PackedWeights:
    """All of a model. `vectors` are the gains and biases of its norms, and `wpe` [context, width]."""

    matrices: dict[str, PackedMatrix]
    vectors: dict[str, Floats]
    memory_bytes: int

    @classmethod
    def map(cls, file: Path, shape: Gpt2Shape, untied: bool) -> "PackedWeights":
        """What `pack` wrote. Raises OSError or ValueError where the file is missing or of another size."""
        mapped = numpy.frombuffer(_mapped(file), numpy.uint8)
        start = 0

        def take(kind: type, *size: int) -> NDArray[Any]:
            nonlocal start
            end = start + math.prod(size) * numpy.dtype(kind).itemsize
            piece: NDArray[Any] = mapped[start:end].view(kind).reshape(size)
            start = end + -end % _ALIGNMENT
            return piece

        matrices = {}
        for name, (inputs, outputs) in _matrices(shape, untied).items():
            rows = _filled(outputs)
            weights = take(numpy.uint8, rows // _BLOCK, _filled(inputs) // 4, _BLOCK, 4)
            matrices[name] = PackedMatrix(
                inputs, outputs, weights, take(numpy.float32, rows), take(numpy.float32, rows)
            )
        vectors = {name: take(numpy.float32, *size) for name, size in _vectors(shape).items()}
        if start != len(mapped):
            raise ValueError(f"{file} is of another model")
        return cls(matrices, vectors, start)


def pack(weights: TensorFile, shape: Gpt2Shape, file: Path) -> None:
    """Write a model's packed weights. Raises InputError where the weights don't fit the shape; OSError on a full
    disk.
    """
    with file.open("wb") as stream:
        for name in _matrices(shape, is_untied(weights)):
            packed = PackedMatrix.pack(*_matrix(weights, name, shape))
            for part in (packed.weights, packed.scales, packed.bias):
                _write(stream, part)
        for name, size in _vectors(shape).items():
            _write(stream, weights.get(name, *size))


def is_untied(weights: TensorFile) -> bool:
    """Whether the head has a matrix of its own, beside that of the embeddings."""
    return "lm_head.weight" in weights


def _matrix(weights: TensorFile, name: str, shape: Gpt2Shape) -> tuple[Floats, Floats | None]:
    """A matrix [outputs, inputs] and its bias, if it has one."""
    if name in ("wte", "lm_head"):
        return weights.get(f"{name}.weight", shape.vocabulary, shape.width), None
    inputs, outputs = shape.modules()[name]
    matrix = weights.get(f"{name}.weight", inputs, outputs)  # GPT-2 keeps them the other way round
    return numpy.ascontiguousarray(matrix.T), weights.get(f"{name}.bias", outputs)


def _matrices(shape: Gpt2Shape, untied: bool) -> dict[str, tuple[int, int]]:
    """Their (inputs, outputs), in the order of the file."""
    tables = ("wte", "lm_head") if untied else ("wte",)
    return shape.modules() | dict.fromkeys(tables, (shape.width, shape.vocabulary))


def _vectors(shape: Gpt2Shape) -> dict[str, tuple[int, ...]]:
    norms = ["ln_f", *(f"h.{layer}.{norm}" for layer in range(shape.layers) for norm in ("ln_1", "ln_2"))]
    sizes = {f"{norm}.{part}": (shape.width,) for norm in norms for part in ("weight", "bias")}
    return {"wpe.weight": (shape.context, shape.width), **sizes}


def _mapped(file: Path) -> mmap.mmap:
    """Its pages at once where the system can: one by one, 124 MB take 30 to 50 ms of CPU, so 7."""
    with file.open("rb") as stream:
        flags = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)
        return mmap.mmap(stream.fileno(), 0, flags=flags, prot=mmap.PROT_READ)


def _filled(size: int) -> int:
    return size + -size % _BLOCK


def _write(stream: BinaryIO, part: NDArray[Any]) -> None:
    content = numpy.ascontiguousarray(part)
    stream.write(content.data)
    stream.write(bytes(-content.nbytes % _ALIGNMENT))
