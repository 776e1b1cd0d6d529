"""Read GPT-2-shaped models and LoRA adapters from Hugging Face folders with numpy alone, so without torch.

All that a person can set right (a file missing, cut short, of another shape) ends here, in one sentence.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from data.errors import InputError, NotFoundError

Floats = NDArray[numpy.float32]

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"

ACTIVATIONS = {"gelu_new": "tanh", "gelu_pytorch_tanh": "tanh", "gelu": "erf"}  # by the names of transformers

_STORED_AS = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}


@contextmanager
def explained(file: Path) -> Iterator[None]:
    """Turn what reading `file` may raise into one sentence: NotFoundError where it is missing, else InputError."""
    try:
        yield
    except FileNotFoundError:
        raise NotFoundError(f"{file} is missing; put it back, or train the voice again.") from None
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as problem:
        raise InputError(f"{file} is damaged ({problem}); put it back, or train the voice again.") from problem


def read_json(file: Path) -> dict[str, Any]:
    """The object in a JSON file. Raises what `explained` says."""
    with explained(file):
        values = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise ValueError("not a JSON object")
        return values


@dataclass(frozen=True)
class Gpt2Shape:
    """The figures of a GPT-2's config.json that its graph needs."""

    layers: int
    heads: int
    width: int
    inner: int  # width of the feed-forward part
    vocabulary: int
    context: int  # tokens
    epsilon: float  # of the layer norms
    activation: str

    @classmethod
    def from_folder(cls, folder: Path) -> "Gpt2Shape":
        """Raises InputError for a model that is no plain GPT-2, or of another activation than GELU."""
        file = folder / CONFIG
        values = read_json(file)
        plain = values.get("scale_attn_weights", True) and not values.get("scale_attn_by_inverse_layer_idx")
        if values.get("model_type") != "gpt2" or not plain or values.get("add_cross_attention"):
            raise InputError(
                f"{folder} holds no plain GPT-2; choose a base with that architecture, such as `gpt2`."
            )
        with explained(file):
            width = int(values["n_embd"])
            shape = cls(
                layers=int(values["n_layer"]),
                heads=int(values["n_head"]),
                width=width,
                inner=int(values.get("n_inner") or 4 * width),
                vocabulary=int(values["vocab_size"]),
                context=int(values["n_positions"]),
                epsilon=float(values.get("layer_norm_epsilon", 1e-5)),
                activation=str(values.get("activation_function", "gelu_new")),
            )
        if shape.activation not in ACTIVATIONS:
            raise InputError(f"A GPT-2 with the activation {shape.activation} can't speak; choose another base.")
        return shape

    def modules(self) -> dict[str, tuple[int, int]]:
        """Every linear module that an adapter may change, with its numbers of (inputs, outputs)."""
        return {
            f"h.{layer}.{name}": size
            for layer in range(self.layers)
            for name, size in {
                "attn.c_attn": (self.width, 3 * self.width),
                "attn.c_proj": (self.width, self.width),
                "mlp.c_fc": (self.width, self.inner),
                "mlp.c_proj": (self.inner, self.width),
            }.items()
        }


class TensorFile:
    """The tensors of a safetensors file, mapped into memory and handed out as float32 however they are stored.

    The safetensors library checks the file; numpy reads it, because numpy has no bf16 and the library
    gives up there.
    """

    def __init__(self, file: Path, prefix: str = "") -> None:
        """`prefix` is what may stand before every name; the hub's GPT-2 goes without, transformers writes it."""
        self._file = file
        with explained(file):
            with safe_open(file, "np"):
                pass  # opening it checks that the header and the length agree
            with file.open("rb") as stream:
                start = int.from_bytes(stream.read(8), "little")
                header: dict[str, Any] = json.loads(stream.read(start))
            header.pop("__metadata__", None)
            self._header = {name.removeprefix(prefix): entry for name, entry in header.items()}
            # As a plain array: each slice of a memmap takes 0.2 ms.
            self._bytes = numpy.asarray(numpy.memmap(file, numpy.uint8, "r", offset=8 + start))

    def __contains__(self, name: str) -> bool:
        return name in self._header

    def get(self, name: str, *shape: int | None) -> Floats:
        """One tensor as float32; None in `shape` fits any size. Raises InputError where it is missing, of another
        shape, or not finite.
        """
        with explained(self._file):
            if name not in self._header:
                raise ValueError(f"{name} is not in it")
            entry = self._header[name]
            found = entry["shape"]
            if len(found) != len(shape) or any(w not in (None, f) for w, f in zip(shape, found, strict=True)):
                raise ValueError(f"{name} has the shape {found}")
            if entry["dtype"] not in _STORED_AS:
                raise ValueError(f"{name} is stored as {entry['dtype']}")
            first, last = entry["data_offsets"]
            stored = self._bytes[first:last].view(_STORED_AS[entry["dtype"]])
            if entry["dtype"] == "BF16":  # the upper half of a float32
                stored = (stored.astype(numpy.uint32) << 16).view(numpy.float32)
            tensor: Floats = numpy.asarray(stored, numpy.float32).reshape(found)
            if not numpy.isfinite(tensor).all():
                raise ValueError(f"{name} holds values that are not finite")
            return tensor


def read_adapter(folder: Path, shape: Gpt2Shape) -> dict[str, tuple[Floats, Floats]]:
    """A peft LoRA folder: for each module it changes, `down` [rank, inputs] and `up` [outputs, rank] with
    lora_alpha / r multiplied in. Raises InputError where it doesn't fit a base of this shape.
    """
    config = read_json(folder / ADAPTER_CONFIG)
    with explained(folder / ADAPTER_CONFIG):
        if config["peft_type"] != "LORA" or config.get("use_rslora") or config.get("use_dora"):
            raise ValueError("only plain LoRA can be spoken with")
        scale = float(config["lora_alpha"]) / int(config["r"])
    tensors = TensorFile(folder / ADAPTER_WEIGHTS, prefix="base_model.model.transformer.")
    adapter = {}
    for module, (inputs, outputs) in shape.modules().items():
        if f"{module}.lora_A.weight" in tensors:
            down = tensors.get(f"{module}.lora_A.weight", None, inputs)
            up = tensors.get(f"{module}.lora_B.weight", outputs, len(down))
            adapter[module] = (down, up * numpy.float32(scale))
    if not adapter:
        raise InputError(f"{folder} holds no adapter for its base; train the voice again.")
    return adapter


def quantise(matrix: Floats) -> tuple[NDArray[numpy.int8], Floats]:
    """`matrix` [outputs, inputs] as int8 and one scale per output [outputs, 1]; symmetric, rounded to nearest."""
    scale = numpy.abs(matrix).max(axis=1, keepdims=True) / numpy.float32(127)
    scale[scale == 0] = 1
    return numpy.rint(matrix / scale).astype(numpy.int8), scale
