"""A GPT-2 of 124 M parameters without a hub: as large and as slow, and it speaks as well as the built-in base.

Speed depends on the shape alone, but random weights give flat logits and gibberish: samplers take other times, no
gate lets anything pass, and no held-out loss means anything. So the built-in base (6 layers, width 256) is laid
out three times side by side. Every layer norm then sees the same mean and variance, each matrix a third of its
input three times, and the logits are the base's own. The layers and tokens beyond it add next to nothing.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from bench.workload import Terms

BUILTIN_FOLDER = Path(__file__).parent.parent / "trainer" / "builtin"
LAYERS, VOCABULARY, CONTEXT, TIMES = 12, 50_257, 1024, 3  # GPT-2 124M, whose width is 3 x 256
NEVER_SAID = "\u00c0"  # the byte 0xC0 in byte-level BPE, which no text in UTF-8 holds
RANK, ALPHA = 8, 16
MODULES = ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")  # what the product's adapters change

Arrays = dict[str, NDArray[numpy.float32]]


def base_folder(terms: Terms) -> Path:
    """The base of all rows on 124 M parameters, made where it is missing."""
    if terms.base is not None:
        return terms.base
    folder = terms.scratch / "base"
    if not (folder / "config.json").exists():
        widen(BUILTIN_FOLDER, folder, LAYERS, VOCABULARY, CONTEXT)
    return folder


def merged_folder(terms: Terms) -> Path:
    """The base with the adapter of seed 0 merged into it: the same voice for engines that know no adapters."""
    base, folder = base_folder(terms), terms.scratch / "merged"
    if not (folder / "config.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        weights = load_base(base)
        for name, (down, up) in adapter_weights(base, seed=0).items():
            weights[f"{name}.weight"] += (up @ down).T * numpy.float32(ALPHA / RANK)
        save_file(
            {f"transformer.{name}": values for name, values in weights.items()}, folder / "model.safetensors"
        )
        for file in ("tokenizer.json", "tokenizer_config.json", "generation_config.json", "config.json"):
            if (base / file).exists():
                shutil.copyfile(base / file, folder / file)
    return folder


def load_base(folder: Path) -> Arrays:
    """Weights in fp32, named without the prefix that transformers writes."""
    tensors = load_file(folder / "model.safetensors")
    return {name.removeprefix("transformer."): values.astype(numpy.float32) for name, values in tensors.items()}


def adapter_weights(base: Path, seed: int) -> dict[str, tuple[NDArray[numpy.float32], NDArray[numpy.float32]]]:
    """By module, `down` [rank, inputs] and `up` [outputs, rank]: small, so that the voice still speaks well."""
    chance = numpy.random.default_rng((124, seed))
    found = {}
    for module, (inputs, outputs) in _module_sizes(base).items():
        down = chance.normal(0, inputs**-0.5, (RANK, inputs)).astype(numpy.float32)
        up = chance.normal(0, 0.002, (outputs, RANK)).astype(numpy.float32)
        found[module] = (down, up)
    return found


def _module_sizes(base: Path) -> dict[str, tuple[int, int]]:
    """(inputs, outputs) of each module that an adapter changes, from the header of the weights alone."""
    with safe_open(base / "model.safetensors", "numpy") as tensors:
        names = [name for name in sorted(tensors.keys()) if name.removesuffix(".weight").endswith(MODULES)]
        return {
            name.removeprefix("transformer.").removesuffix(".weight"): tuple(tensors.get_slice(name).get_shape())
            for name in names
            if name.endswith(".weight")
        }


def write_adapter(base: Path, folder: Path, seed: int) -> Path:
    """An adapter over `base` as tuning leaves it."""
    folder.mkdir(parents=True)
    tensors: dict[str, NDArray[numpy.float16]] = {}
    for module, (down, up) in adapter_weights(base, seed).items():
        tensors[f"base_model.model.transformer.{module}.lora_A.weight"] = down.astype(numpy.float16)
        tensors[f"base_model.model.transformer.{module}.lora_B.weight"] = up.astype(numpy.float16)
    save_file(tensors, folder / "adapter_model.safetensors")
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": RANK,
        "lora_alpha": ALPHA,
        "target_modules": ["c_attn", "c_proj", "c_fc"],
        "fan_in_fan_out": True,
        "base_model_name_or_path": str(base),
    }
    (folder / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    shutil.copyfile(base / "tokenizer.json", folder / "tokenizer.json")
    return folder


def widen(source: Path, target: Path, layers: int, vocabulary: int, context: int, times: int = TIMES) -> None:
    """Write `target`, a model of another shape that says what `source` says; its folder appears whole."""
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    config: dict[str, Any] = json.loads((source / "config.json").read_text(encoding="utf-8"))
    weights = load_base(source)
    tokens: dict[str, Any] = json.loads((source / "tokenizer.json").read_text(encoding="utf-8"))
    unsaid = weights["wte.weight"][tokens["model"]["vocab"][NEVER_SAID]]
    share = numpy.float32(1 / times)
    added = vocabulary - len(weights["wte.weight"])
    wide: Arrays = {
        "wte.weight": _tiled(numpy.vstack([weights["wte.weight"], numpy.tile(unsaid, (added, 1))]), 1, times),
        "wpe.weight": _tiled(numpy.resize(weights["wpe.weight"], (context, config["n_embd"])), 1, times),
        # The product with the embedding sums over all copies.
        "ln_f.weight": _tiled(weights["ln_f.weight"], times) * share,
        "ln_f.bias": _tiled(weights["ln_f.bias"], times) * share,
    }
    for layer in range(config["n_layer"]):
        wide |= _wide_layer(weights, f"h.{layer}", config["n_embd"], times)
    for layer in range(config["n_layer"], layers):
        wide |= _idle_layer(f"h.{layer}", config["n_embd"] * times, layer)
    save_file({f"transformer.{name}": values for name, values in wide.items()}, partial / "model.safetensors")

    tokens["model"]["vocab"] |= {f"<u{number}>": vocabulary - added + number for number in range(added)}
    (partial / "tokenizer.json").write_text(json.dumps(tokens, ensure_ascii=False), encoding="utf-8")
    for name in ("tokenizer_config.json", "generation_config.json"):
        if (source / name).exists():
            shutil.copyfile(source / name, partial / name)
    config |= {
        "n_layer": layers,
        "n_head": config["n_head"] * times,
        "n_embd": config["n_embd"] * times,
        "n_positions": context,
        "vocab_size": vocabulary,
        "dtype": "float32",
    }
    (partial / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)


def _tiled(values: NDArray[numpy.float32], *times: int) -> NDArray[numpy.float32]:
    return numpy.tile(values, times)


def _wide_layer(weights: Arrays, name: str, width: int, times: int) -> Arrays:
    """One layer of the source, `times` over; queries, keys and values stay three blocks of columns."""
    wide: Arrays = {}
    share = numpy.float32(1 / times)
    for part in ("ln_1", "ln_2"):
        for kind in ("weight", "bias"):
            wide[f"{name}.{part}.{kind}"] = _tiled(weights[f"{name}.{part}.{kind}"], times)
    for part in ("attn.c_proj", "mlp.c_fc", "mlp.c_proj"):
        wide[f"{name}.{part}.weight"] = _tiled(weights[f"{name}.{part}.weight"], times, times) * share
        wide[f"{name}.{part}.bias"] = _tiled(weights[f"{name}.{part}.bias"], times)
    matrix, bias = weights[f"{name}.attn.c_attn.weight"], weights[f"{name}.attn.c_attn.bias"]
    blocks = [slice(start, start + width) for start in range(0, 3 * width, width)]
    wide[f"{name}.attn.c_attn.weight"] = (
        numpy.hstack([_tiled(matrix[:, block], times, times) for block in blocks]) * share
    )
    wide[f"{name}.attn.c_attn.bias"] = numpy.hstack([_tiled(bias[block], times) for block in blocks])
    return wide


def _idle_layer(name: str, width: int, seed: int) -> Arrays:
    """A layer that computes as much as any other and adds almost nothing to what passes through."""
    chance = numpy.random.default_rng(seed)
    layer: Arrays = {}
    for part in ("ln_1", "ln_2"):
        layer[f"{name}.{part}.weight"] = numpy.ones(width, numpy.float32)
        layer[f"{name}.{part}.bias"] = numpy.zeros(width, numpy.float32)
    sizes = {"attn.c_attn": (1, 3), "attn.c_proj": (1, 1), "mlp.c_fc": (1, 4), "mlp.c_proj": (4, 1)}
    for part, (inputs, outputs) in sizes.items():
        scale = 2e-4 if part.endswith("c_proj") else 0.02  # GPT-2's own start, but for what leaves the layer
        values = chance.normal(0, scale, (inputs * width, outputs * width))
        layer[f"{name}.{part}.weight"] = values.astype(numpy.float32)
        layer[f"{name}.{part}.bias"] = numpy.zeros(outputs * width, numpy.float32)
    return layer
