"""From text files to a small base: a byte-level BPE tokenizer, a GPT-2 of about 7 million parameters, a card.

Each post, and each paragraph of prose, is one document; documents stand between `<|endoftext|>`, as they do
when a voice is tuned. The run can be stopped and started again: it goes on from its checkpoint.
"""

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy
import torch
import zstandard
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import GPT2Config, GPT2LMHeadModel

from data.errors import InputError
from trainer.checkpoint import load_checkpoint, save_checkpoint
from trainer.lean import keep_freed_memory, make_lean
from trainer.learning import Arithmetic, mean_loss, muon_and_adamw, next_token_loss, quiet_libraries
from trainer.model_folder import write_model_folder
from trainer.prompt import END_OF_TEXT, encode_posts, end_of_text_id

HELD_OUT_SHARE = 100  # every hundredth document is never trained on
MINIMUM_PARAGRAPH = 20  # characters; shorter ones are chapter numbers and page headings


@dataclass(frozen=True)
class TextSource:
    """A text file and its share of each batch. Ends in .txt, .jsonl or .jsonl.zst (with a `text` key)."""

    path: Path
    share: float


@dataclass(frozen=True)
class PretrainPlan:
    """All that decides what comes out, but for the speed of the machine: `minutes` is time spent learning."""

    sources: tuple[TextSource, ...]
    minutes: float
    layers: int = 6
    width: int = 256
    heads: int = 4
    block_size: int = 256
    vocabulary: int = 8192
    batch: int = 16
    learning_rate: float = 3e-3
    weight_decay: float = 0.1
    warmup_steps: int = 100
    cooldown_share: float = 0.6  # of the minutes, the rate falls to zero over this last part
    checkpoint_seconds: float = 120.0
    seed: int = 0


@dataclass
class PretrainProgress:
    step: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)


Report = Callable[[str, float], None]
"""Called with a sentence and the share done (0 to 1)."""


def documents(path: Path) -> Iterator[str]:
    """Every document of a text file, white space collapsed; books are cut into paragraphs.

    Raises InputError for a file that is no text in one of the three forms.
    """
    try:
        raw = path.read_bytes()
        if path.suffix == ".zst":
            raw = zstandard.ZstdDecompressor().stream_reader(raw).read()
        whole = raw.decode("utf-8")
        texts = (
            [whole] if path.suffix == ".txt" else [json.loads(line)["text"] for line in whole.split("\n") if line]
        )
    except (ValueError, KeyError, TypeError, zstandard.ZstdError) as error:
        raise InputError(
            f"'{path}' can't be read as text ({error}); give .txt in UTF-8, or one JSON object with `text` a line."
        ) from None
    for text in texts:
        paragraphs = text.split("\n\n")
        for paragraph in paragraphs:
            joined = " ".join(paragraph.split())
            if len(paragraphs) == 1 or len(joined) >= MINIMUM_PARAGRAPH:
                yield joined


def train_tokenizer(texts: Iterator[str], vocabulary: int) -> Tokenizer:
    """Byte-level BPE that can spell any string; `<|endoftext|>` is token 0."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


@dataclass(frozen=True)
class EncodedSource:
    """Token streams of one source (uint16), and the held-out part with its size in bytes of text."""

    learn: numpy.ndarray
    held_out: numpy.ndarray
    held_out_bytes: int


def encode(source: TextSource, tokenizer: Tokenizer, folder: Path, block_size: int) -> EncodedSource:
    """Encode a source once; a resumed run reads the arrays back. Raises InputError where it is too short."""
    file = folder / f"{source.path.name}.npz"
    if not file.exists():
        end = end_of_text_id(tokenizer)
        streams: tuple[list[int], list[int]] = ([end], [end])
        held_out_bytes = 0
        texts = list(documents(source.path))
        for start in range(0, len(texts), 4096):
            part = texts[start : start + 4096]
            for index, tokens in enumerate(encode_posts(tokenizer, part), start):
                held = index % HELD_OUT_SHARE == 0
                streams[held].extend(tokens)
                held_out_bytes += len(texts[index].encode()) + 1 if held else 0
        numpy.savez(
            file,
            learn=numpy.array(streams[0], dtype=numpy.uint16),
            held_out=numpy.array(streams[1], dtype=numpy.uint16),
            held_out_bytes=held_out_bytes,
        )
    arrays = numpy.load(file, allow_pickle=False)
    encoded = EncodedSource(arrays["learn"], arrays["held_out"], int(arrays["held_out_bytes"]))
    if min(len(encoded.learn), len(encoded.held_out)) <= block_size:
        file.unlink()
        raise InputError(
            f"'{source.path}' is too short: at least {HELD_OUT_SHARE * block_size:,} tokens are needed, so that "
            "a hundredth of it can be held out."
        )
    return encoded


def rate_at(plan: PretrainPlan, progress: PretrainProgress) -> float:
    """Warm-up, a plateau, then straight down to zero: the plateau may be prolonged by giving more minutes."""
    left = max(0.0, 1 - progress.seconds / (plan.minutes * 60))
    warm = min(1.0, (progress.step + 1) / plan.warmup_steps)
    return plan.learning_rate * min(warm, left / plan.cooldown_share)


def _batch(plan: PretrainPlan, encoded: list[EncodedSource], step: int) -> torch.Tensor:
    """Random windows, rows shared out among the sources; depends on seed and step alone."""
    generator = numpy.random.default_rng((plan.seed, step))
    shares = numpy.array([source.share for source in plan.sources])
    rows = []
    for number in generator.choice(len(encoded), size=plan.batch, p=shares / shares.sum()):
        stream = encoded[number].learn
        start = generator.integers(0, len(stream) - plan.block_size)
        rows.append(stream[start : start + plan.block_size].astype(numpy.int64))
    return torch.from_numpy(numpy.stack(rows))


def bits_per_byte(model: GPT2LMHeadModel, source: EncodedSource, block_size: int, arithmetic: Arithmetic) -> float:
    """Held-out loss per byte of text, comparable between tokenizers. At most 512 blocks are read."""
    count = min(512, len(source.held_out) // block_size)
    blocks = torch.from_numpy(source.held_out[: count * block_size].astype(numpy.int64)).view(count, block_size)
    bytes_per_token = source.held_out_bytes / len(source.held_out)
    return mean_loss(model, blocks, arithmetic) / math.log(2) / bytes_per_token


def pretrain(plan: PretrainPlan, folder: Path, report: Report) -> Path:
    """Train a base into `folder/base` and return that path. Stop and call again to go on from a checkpoint."""
    quiet_libraries()
    keep_freed_memory()
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer_file = folder / "tokenizer.json"
    if not tokenizer_file.exists():
        report("training the tokenizer", 0.0)
        texts = (text for source in plan.sources for text in documents(source.path))
        train_tokenizer(texts, plan.vocabulary).save(str(tokenizer_file))
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    report("encoding the text", 0.0)
    encoded = [encode(source, tokenizer, folder, plan.block_size) for source in plan.sources]

    arithmetic = Arithmetic.of_this_machine()
    torch.manual_seed(plan.seed)
    config = GPT2Config(
        vocab_size=plan.vocabulary,
        n_positions=plan.block_size,
        n_layer=plan.layers,
        n_embd=plan.width,
        n_head=plan.heads,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=0,
        eos_token_id=0,
    )
    model = GPT2LMHeadModel(config).to(arithmetic.device).train()
    make_lean(model, arithmetic.device)
    optimizers = muon_and_adamw(
        model, plan.learning_rate, plan.learning_rate, plan.weight_decay, bf16=arithmetic.bf16
    )
    checkpoint = folder / "checkpoint.safetensors"
    progress = PretrainProgress(**(load_checkpoint(checkpoint, model, optimizers) or {}))

    def measure() -> dict[str, float]:
        figures = {
            source.path.name.split(".")[0]: bits_per_byte(model, part, plan.block_size, arithmetic)
            for source, part in zip(plan.sources, encoded, strict=True)
        }
        progress.history.append({"step": progress.step, "seconds": progress.seconds, **figures})
        return figures

    last_save = time.monotonic()
    while progress.seconds < plan.minutes * 60:
        started = time.monotonic()
        rate = rate_at(plan, progress)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
        blocks = _batch(plan, encoded, progress.step).to(arithmetic.device)
        with arithmetic.autocast():
            loss = next_token_loss(model, blocks)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        loss_value = loss.item()
        progress.step += 1
        progress.seconds += time.monotonic() - started
        speed = progress.step * plan.batch * plan.block_size / progress.seconds
        report(
            f"step {progress.step}, loss {loss_value:.3f}, {speed:,.0f} tokens/s",
            progress.seconds / (plan.minutes * 60),
        )
        if time.monotonic() - last_save > plan.checkpoint_seconds:
            report(f"held-out bits per byte: {measure()}", progress.seconds / (plan.minutes * 60))
            save_checkpoint(checkpoint, model, optimizers, asdict(progress))
            last_save = time.monotonic()

    measure()
    return _save_base(plan, folder / "base", model, tokenizer, progress)


def _save_base(
    plan: PretrainPlan, base: Path, model: GPT2LMHeadModel, tokenizer: Tokenizer, progress: PretrainProgress
) -> Path:
    write_model_folder(base, model, tokenizer)
    last = progress.history[-1]
    record = {
        "parameters": sum(p.numel() for p in model.parameters()),
        "tokens_seen": progress.step * plan.batch * plan.block_size,
        "seconds": round(progress.seconds),
        "held_out_bits_per_byte": {k: round(v, 4) for k, v in last.items() if k not in ("step", "seconds")},
    }
    (base / "pretraining.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    (base / "README.md").write_text(base_card(plan, record), encoding="utf-8")
    return base


def base_card(plan: PretrainPlan, record: dict[str, Any]) -> str:
    """What the base is, what it saw and how well it knows text it never saw."""
    shares = sum(source.share for source in plan.sources)
    sources = "\n".join(
        f"| {source.path.name} | {source.share / shares:.0%} | {bits:.3f} |"
        for source, bits in zip(plan.sources, record["held_out_bits_per_byte"].values(), strict=True)
    )
    return f"""---
library_name: transformers
pipeline_tag: text-generation
tags: [mynah, gpt2]
---

# A small base for voices

A GPT-2 with {plan.layers} layers, width {plan.width}, {plan.heads} heads, context {plan.block_size} and a
byte-level BPE of {plan.vocabulary:,} tokens: {record["parameters"]:,} parameters. It knows the shape of posts and
prose, and few facts; it is there to be tuned into voices, not to be asked.

| text | share of each batch | held-out bits per byte |
| --- | --- | --- |
{sources}

Made by `mynah pretrain`: {record["tokens_seen"]:,} tokens seen in {record["seconds"] / 60:.0f} minutes, Muon for
the matrices and AdamW for the rest, learning rate {plan.learning_rate} falling to zero, seed {plan.seed}. Every
hundredth document was held out. It repeats the biases of what it read.
"""
