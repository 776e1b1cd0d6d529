"""What a repository must be before its voice may speak here: a plain and small GPT-2 in safetensors.

Nothing but the weights is taken as it is: configuration and tokenizer are written anew from their figures.
"""

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from data.errors import InputError
from trainer.prompt import END_OF_TEXT, TAKES_TOPICS

MOST_PARAMETERS = 400_000_000  # about GPT-2 medium; a larger one would not speak within the memory for voices
MOST_FILES = 10_000
LEAST_CONTEXT = 16  # tokens
MOST_OF = {  # what parameters alone don't bound; GPT-2 XL has 48, 25, 1,024 and 50,257
    "n_layer": 48,
    "n_head": 64,
    "n_positions": 4096,
    "vocab_size": 200_000,
}
LONGEST_TOKEN = 1000  # characters; the longest of GPT-2's own has 128
MEGABYTE = 1_000_000

WEIGHTS, CONFIG, CARD, TOKENIZER = "model.safetensors", "config.json", "README.md", "tokenizer.json"
VOCABULARY, MERGES = "vocab.json", "merges.txt"
LARGEST = {  # bytes; weights may be float32, and hold the masks that older releases of transformers kept
    WEIGHTS: 4 * MOST_PARAMETERS + 200 * MEGABYTE,
    CONFIG: MEGABYTE,
    CARD: MEGABYTE,
    TOKENIZER: 20 * MEGABYTE,
    VOCABULARY: 10 * MEGABYTE,
    MERGES: 10 * MEGABYTE,
}
ORIGIN = "pulled.json"  # beside the record of a pulled voice: from where and of which revision
_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".h5", ".msgpack")


def wanted_files(repo: str, sizes: Mapping[str, int | None]) -> dict[str, int]:
    """Of a repository's files, by name in bytes, those that make a voice. Raises InputError where they don't."""
    if len(sizes) > MOST_FILES:
        raise InputError(f"{repo} lists {len(sizes):,} files; a voice has about seven, so it is none.")
    for name in sizes:
        if name != str(PurePosixPath(name)) or name.startswith("/") or ".." in name.split("/") or "\\" in name:
            raise InputError(f"{repo} names a file outside of itself, so nothing of it was taken.")
    if WEIGHTS not in sizes:
        raise InputError(_without_weights(repo, sizes))
    tokenizer = [TOKENIZER] if TOKENIZER in sizes else [VOCABULARY, MERGES]
    if lacking := [name for name in (CONFIG, *tokenizer) if name not in sizes]:
        raise InputError(f"{repo} lacks {' and '.join(lacking)}, so it is no voice that could speak here.")
    wanted = {}
    for name in (WEIGHTS, CONFIG, CARD, *tokenizer):
        if name in sizes:
            size = sizes[name]
            if size is None or not 0 <= size <= LARGEST[name]:
                told = "of unknown size" if size is None else f"{size / MEGABYTE:,.0f} MB"
                raise InputError(
                    f"{name} of {repo} is {told}; at most {LARGEST[name] / MEGABYTE:,.0f} MB are taken."
                )
            wanted[name] = size
    return wanted


def _without_weights(repo: str, names: Mapping[str, int | None]) -> str:
    if any(name.startswith("model-") and name.endswith(".safetensors") for name in names):
        return f"{repo} keeps its weights in several files: it is too large a model for this bot."
    pickle = next((name for name in names if name.endswith(_PICKLES)), None)
    if pickle is not None:
        return (
            f"{repo} keeps its weights only in {PurePosixPath(pickle).name}, a format that can run code when "
            f"opened; ask its owner to add {WEIGHTS}."
        )
    return f"{repo} holds no {WEIGHTS}, so there is no voice in it."


def read_object(repo: str, file: Path) -> dict[str, Any]:
    """The JSON object in a file of theirs. Raises InputError for anything else."""
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise InputError(f"{file.name} of {repo} is no JSON that could be read, so nothing of it was taken.")
    return values


def plain_config(repo: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The figures that make a GPT-2, and none of the rest. Raises InputError for another model or a large one."""
    if values.get("model_type") != "gpt2":
        kind = str(values.get("model_type"))[:40]
        raise InputError(f"{repo} is a {kind} model; only GPT-2-shaped ones can speak here.")
    if not values.get("scale_attn_weights", True) or any(
        values.get(name) for name in ("scale_attn_by_inverse_layer_idx", "add_cross_attention", "pruned_heads")
    ):
        raise InputError(f"{repo} is a GPT-2 of an unusual kind; only plain ones can speak here.")
    try:
        layers, heads, width, context, vocabulary = (
            _figure(values[name]) for name in ("n_layer", "n_head", "n_embd", "n_positions", "vocab_size")
        )
        inner = _figure(values["n_inner"]) if values.get("n_inner") is not None else 4 * width
        epsilon = float(values.get("layer_norm_epsilon", 1e-5))
    except (KeyError, TypeError, ValueError, OverflowError):
        raise InputError(
            f"{CONFIG} of {repo} lacks figures that a GPT-2 has, so nothing of it was taken."
        ) from None
    for name, most in MOST_OF.items():
        if values[name] > most:
            raise InputError(f"{CONFIG} of {repo} says {name} {values[name]:,}; at most {most:,} can speak here.")
    parameters = (vocabulary + context) * width + layers * (4 * width + 2 * inner + 13) * width
    if parameters > MOST_PARAMETERS:
        raise InputError(
            f"{repo} has {parameters / 1e6:,.0f} million parameters; at most {MOST_PARAMETERS / 1e6:,.0f} can "
            "speak here."
        )
    if width % heads or context < LEAST_CONTEXT or not 0 < epsilon < 1:
        raise InputError(f"{CONFIG} of {repo} holds figures that no GPT-2 has, so nothing of it was taken.")
    return {
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "n_layer": layers,
        "n_head": heads,
        "n_embd": width,
        "n_inner": inner,
        "n_positions": context,
        "vocab_size": vocabulary,
        "layer_norm_epsilon": epsilon,
        "activation_function": str(values.get("activation_function", "gelu_new")),
        TAKES_TOPICS: values.get(TAKES_TOPICS) is True,
        "tie_word_embeddings": values.get("tie_word_embeddings", True) is True,
    }


def _figure(value: object) -> int:
    if type(value) is not int or not 0 < value <= MOST_PARAMETERS:
        raise ValueError
    return value


def byte_level_tokenizer(repo: str, folder: Path, vocabulary_size: int) -> Tokenizer:
    """The tokenizer in the folder's files, made anew. Raises InputError where it is not of GPT-2's kind."""
    try:
        if (folder / TOKENIZER).exists():
            vocabulary, merges = _from_tokenizer(read_object(repo, folder / TOKENIZER))
        else:
            vocabulary = read_object(repo, folder / VOCABULARY)
            lines = (folder / MERGES).read_text(encoding="utf-8").splitlines()
            merges = [_pair(line) for line in lines if line and not line.startswith("#version")]
        numbers = set(vocabulary.values())
        if (
            not all(type(number) is int and 0 <= number < vocabulary_size for number in numbers)
            or len(numbers) != len(vocabulary)
            or END_OF_TEXT not in vocabulary
            or any(len(token) > LONGEST_TOKEN for token in vocabulary)
        ):
            raise ValueError
        tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    except InputError:
        raise
    except Exception:  # the library raises no narrower class for merges that don't fit the vocabulary
        raise InputError(
            f"The tokenizer of {repo} is damaged or not of GPT-2's kind, so it can't speak here."
        ) from None
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([END_OF_TEXT])
    return tokenizer


def _from_tokenizer(values: Mapping[str, Any]) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Vocabulary and merges of a tokenizer.json. Raises ValueError, KeyError or TypeError where it does more."""
    model, before = values["model"], values["pre_tokenizer"]
    plain = before["type"] == "ByteLevel" and not before["add_prefix_space"] and before.get("use_regex", True)
    if model.get("type", "BPE") != "BPE" or not plain or values.get("normalizer") is not None:
        raise ValueError
    vocabulary = dict(model["vocab"])
    for added in values.get("added_tokens") or ():
        if added["content"] == END_OF_TEXT:
            vocabulary[END_OF_TEXT] = added["id"]
    return vocabulary, [_pair(merge) for merge in model["merges"]]


def _pair(merge: str | list[str]) -> tuple[str, str]:
    """`"th e"` or `["th", "e"]`: both forms are in use."""
    one, other = merge.split(" ") if isinstance(merge, str) else merge
    return one, other
