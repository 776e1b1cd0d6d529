"""ONNX Runtime with int8 weights: GPT-2 written down for export, quantised dynamically, and a loop over tokens.

optimum's exporter would force another transformers upon the environment, so the graph comes from torch.onnx.
"""

import json
from pathlib import Path
from typing import Any

from bench.peers.generate import Speak
from bench.peers.nucleus import draw_rows

CACHE = ("cache_in", "cache_out")


def convert(folder: Path, target: Path) -> None:
    """Export the model to fp32 ONNX and quantise it to `target`, unless it is there."""
    if target.exists():
        return
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model, sizes = _exportable(folder)
    layers, heads, head = sizes
    whole = target.with_name(f"{target.stem}-fp32.onnx")
    example = (
        torch.zeros((2, 3), dtype=torch.int64),
        torch.arange(4, 7).repeat(2, 1),
        torch.zeros((layers, 2, 2, heads, 4, head)),
    )
    with torch.inference_mode():
        torch.onnx.export(
            model,
            example,
            str(whole),
            input_names=["ids", "positions", CACHE[0]],
            output_names=["logits", CACHE[1]],
            dynamic_axes={
                "ids": {0: "rows", 1: "new"},
                "positions": {0: "rows", 1: "new"},
                CACHE[0]: {2: "rows", 4: "before"},
                CACHE[1]: {2: "rows", 4: "all"},
                "logits": {0: "rows"},
            },
            opset_version=17,
            dynamo=False,
        )
    partial = target.with_suffix(".partial")
    quantize_dynamic(whole, partial, weight_type=QuantType.QInt8, extra_options={"DefaultTensorType": 1})
    whole.unlink()
    partial.rename(target)


def _exportable(folder: Path) -> tuple[Any, tuple[int, int, int]]:
    """The model as a torch module with its cache as one tensor, and its layers, heads and width of a head."""
    import torch
    from safetensors.torch import load_file
    from torch import Tensor, nn
    from torch.nn import functional

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    layers, heads, width = config["n_layer"], config["n_head"], config["n_embd"]
    epsilon = config.get("layer_norm_epsilon", 1e-5)
    stored = load_file(folder / "model.safetensors")
    weights = {name.removeprefix("transformer."): values.float() for name, values in stored.items()}
    weights["head.weight"] = weights["wte.weight"].T.contiguous()  # transposed in the graph, it would stay fp32

    class Gpt2(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name, values in weights.items():  # as buffers: what is a mere constant is not quantised
                self.register_buffer(name.replace(".", "_"), values)

        def weight(self, name: str) -> Tensor:
            found: Tensor = getattr(self, name.replace(".", "_"))
            return found

        def normalised(self, hidden: Tensor, name: str) -> Tensor:
            gain, shift = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
            return functional.layer_norm(hidden, (width,), gain, shift, epsilon)

        def linear(self, hidden: Tensor, name: str) -> Tensor:
            return hidden @ self.weight(f"{name}.weight") + self.weight(f"{name}.bias")

        def forward(self, ids: Tensor, positions: Tensor, cache: Tensor) -> tuple[Tensor, Tensor]:
            hidden = self.weight("wte.weight")[ids] + self.weight("wpe.weight")[positions]
            rows, new = ids.shape
            total = cache.shape[4] + new
            # A new token looks at all before it and itself; prompts have one length here, so nothing is padded.
            looked_at, looking = torch.arange(total)[None, :], torch.arange(new)[:, None] + cache.shape[4]
            bias = torch.where(looked_at <= looking, 0.0, -65504.0)
            kept = []
            for layer in range(layers):
                name = f"h.{layer}"
                parts = self.linear(self.normalised(hidden, f"{name}.ln_1"), f"{name}.attn.c_attn")
                query, key, value = (
                    part.reshape(rows, new, heads, width // heads).transpose(1, 2)
                    for part in parts.split(width, dim=2)
                )
                key = torch.cat([cache[layer, 0], key], dim=2)
                value = torch.cat([cache[layer, 1], value], dim=2)
                kept.append(torch.stack([key, value]))
                scores = query @ key.transpose(2, 3) * (width // heads) ** -0.5 + bias
                mixed = (scores.softmax(dim=-1) @ value).transpose(1, 2).reshape(rows, new, width)
                hidden = hidden + self.linear(mixed, f"{name}.attn.c_proj")
                inner = self.linear(self.normalised(hidden, f"{name}.ln_2"), f"{name}.mlp.c_fc")
                hidden = hidden + self.linear(functional.gelu(inner, approximate="tanh"), f"{name}.mlp.c_proj")
            last = self.normalised(hidden[:, -1], "ln_f")
            return last @ self.weight("head.weight"), torch.stack(kept)

    return Gpt2(), (layers, heads, width // heads)


def load(model: Path, folder: Path, opening: str, threads: int) -> Speak:
    import numpy
    import onnxruntime
    from tokenizers import Tokenizer

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    end = tokenizer.get_vocab()["<|endoftext|>"]
    prompt = tokenizer.encode("<|endoftext|>" + opening, add_special_tokens=False).ids
    layers, _, _, heads, _, head = session.get_inputs()[2].shape
    value = onnxruntime.OrtValue.ortvalue_from_numpy
    chance = numpy.random.default_rng(0)

    def speak(count: int, tokens: int, exactly: bool) -> list[str]:
        drawn: list[list[int]] = [[] for _ in range(count)]
        ids = numpy.array([prompt], numpy.int64)  # candidates share their prompt: it is read once
        positions = numpy.arange(len(prompt), dtype=numpy.int64)[None]
        cache = value(numpy.zeros((layers, 2, 1, heads, 0, head), numpy.float32))
        for number in range(tokens):
            feed = {"ids": value(ids), "positions": value(positions), CACHE[0]: cache}
            logits, cache = session.run_with_ort_values(["logits", CACHE[1]], feed)
            rows = logits.numpy()
            if number == 0 and count > 1:
                rows = numpy.repeat(rows, count, axis=0)
                cache = value(numpy.repeat(cache.numpy(), count, axis=2))
            if exactly:
                rows[:, end] = -numpy.inf
            for row, token in enumerate(draw_rows(rows, chance)):
                drawn[row].append(token)
            if not exactly and all(end in row for row in drawn):
                break
            ids = numpy.array([[row[-1]] for row in drawn], numpy.int64)
            positions = numpy.full((count, 1), len(prompt) + number, numpy.int64)
        return [opening + tokenizer.decode(row[: row.index(end)] if end in row else row) for row in drawn]

    return speak
