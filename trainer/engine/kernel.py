"""native/gpt2.c from Python: its structures, its one function, and whether it can be used here.

It is compiled when Mynah is installed, if there is a C compiler, and needs AVX-512 VNNI (Intel's servers since
2019, AMD since 2022); without, OpenVINO speaks. ctypes lets go of the interpreter while it runs.
"""

import ctypes
from collections.abc import Mapping, Sequence
from ctypes import POINTER, Structure, byref, c_float, c_int, c_int64, c_void_p
from importlib.util import find_spec
from typing import Any

import numpy
from numpy.typing import NDArray

from trainer.engine.packed_weights import PackedMatrix, PackedWeights
from trainer.engine.weights import Floats, Gpt2Shape

Halves = NDArray[numpy.float16]

_LIBRARY = "trainer.engine._kernel"
_MODULES = ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")  # as _Layer has them


class _Matrix(Structure):
    _fields_ = [
        ("weights", c_void_p),
        ("scales", c_void_p),
        ("bias", c_void_p),
        ("inputs", c_int64),
        ("outputs", c_int64),
    ]


class _Norm(Structure):
    _fields_ = [("gain", c_void_p), ("shift", c_void_p)]


class _Adapter(Structure):
    _fields_ = [("down", c_void_p), ("up", c_void_p), ("rank", c_int64)]


class _Layer(Structure):
    _fields_ = [("norms", _Norm * 2), ("matrices", _Matrix * 4)]


class _Model(Structure):
    _fields_ = [
        ("layers", c_int64),
        ("heads", c_int64),
        ("width", c_int64),
        ("inner", c_int64),
        ("exact_gelu", c_int64),
        ("epsilon", c_float),
        ("layer", POINTER(_Layer)),
        ("places", c_void_p),
        ("embedding", _Matrix),
        ("head", _Matrix),
        ("last", _Norm),
    ]


class _Batch(Structure):
    _fields_ = [
        ("tokens", c_void_p),
        ("positions", c_void_p),
        ("rows", c_void_p),
        ("wanted", c_void_p),
        ("count", c_int64),
        ("wanted_count", c_int64),
        ("capacity", c_int64),
        ("cache", c_void_p),
        ("logits", c_void_p),
    ]


def load_library() -> ctypes.CDLL | None:
    """The compiled kernel; None where it was not compiled, or the processor can't run it."""
    found = find_spec(_LIBRARY)
    if found is None or found.origin is None:
        return None
    try:
        library = ctypes.CDLL(found.origin)
    except OSError:  # compiled elsewhere
        return None
    library.mynah_run.argtypes = [POINTER(_Model), POINTER(_Adapter), POINTER(_Batch), c_int64]
    library.mynah_run.restype = c_int
    return library if library.mynah_supported() else None


class KernelAdapter:
    """An adapter as the kernel takes it. `modules` are its (down [rank, inputs], up [outputs, rank]) by name."""

    def __init__(self, shape: Gpt2Shape, modules: Mapping[str, tuple[Floats, Floats]]) -> None:
        self._kept: list[Floats] = []  # the kernel has only their addresses
        self.structures = (_Adapter * (shape.layers * len(_MODULES)))()
        for place, name in enumerate(shape.modules()):
            if name in modules:
                down, up = (numpy.ascontiguousarray(matrix) for matrix in (modules[name][0], modules[name][1].T))
                self._kept += [down, up]
                self.structures[place] = _Adapter(_address(down), _address(up), len(down))
        self.memory_bytes = sum(matrix.nbytes for matrix in self._kept)


class KernelModel:
    """A model as the kernel takes it. Any number of threads may run it at once."""

    def __init__(self, library: ctypes.CDLL, shape: Gpt2Shape, weights: PackedWeights) -> None:
        self.shape = shape
        self._library = library
        self._weights = weights  # the kernel has only their addresses
        self._layers = (_Layer * shape.layers)()
        for number, layer in enumerate(self._layers):
            layer.norms = (self._norm(f"h.{number}.ln_1"), self._norm(f"h.{number}.ln_2"))
            layer.matrices = tuple(_matrix(weights.matrices[f"h.{number}.{name}"]) for name in _MODULES)
        embedding = _matrix(weights.matrices["wte"])
        self._model = _Model(
            layers=shape.layers,
            heads=shape.heads,
            width=shape.width,
            inner=shape.inner,
            exact_gelu=shape.activation == "gelu",
            epsilon=shape.epsilon,
            layer=self._layers,
            places=_address(weights.vectors["wpe.weight"]),
            embedding=embedding,
            head=_matrix(weights.matrices["lm_head"]) if "lm_head" in weights.matrices else embedding,
            last=self._norm("ln_f"),
        )
        self.memory_bytes = weights.memory_bytes

    def empty_cache(self, rows: int, tokens: int) -> Halves:
        """Keys and values [rows, layers, heads, 2, tokens, width / heads] for `run` to write and read."""
        shape = self.shape
        size = shape.width // shape.heads
        return numpy.empty((rows, shape.layers, shape.heads, 2, tokens, size), numpy.float16)

    def run(
        self,
        adapter: KernelAdapter | None,
        cache: Halves,
        tokens: Sequence[int],
        positions: Sequence[int],
        rows: Sequence[int],
        wanted: Sequence[int],
        threads: int,
    ) -> Floats:
        """Read `tokens`, each at its position of its row of the cache: its earlier tokens are in there, or before
        it in the batch. Returns the logits [wanted, vocabulary] of the tokens with the numbers `wanted`.
        """
        integers = [numpy.array(values, numpy.int64) for values in (tokens, positions, rows, wanted)]
        logits = numpy.empty((len(wanted), self.shape.vocabulary), numpy.float32)
        batch = _Batch(
            *[_address(values) for values in integers],
            len(tokens),
            len(wanted),
            cache.shape[4],
            _address(cache),
            _address(logits),
        )
        adapters = adapter.structures if adapter else None
        if self._library.mynah_run(byref(self._model), adapters, byref(batch), threads):
            raise MemoryError
        return logits

    def _norm(self, name: str) -> _Norm:
        vectors = self._weights.vectors
        return _Norm(_address(vectors[f"{name}.weight"]), _address(vectors[f"{name}.bias"]))


def _matrix(matrix: PackedMatrix) -> _Matrix:
    pieces = (matrix.weights, matrix.scales, matrix.bias)
    return _Matrix(*[_address(piece) for piece in pieces], matrix.inputs, matrix.outputs)


def _address(array: NDArray[Any]) -> int:
    assert array.flags.c_contiguous
    return array.ctypes.data
