"""From text files to a small base: a byte-level BPE tokenizer, a GPT-2 of about 7 million parameters, a card.
Or from an existing base, with its tokenizer, to one that has read more.

Each post, and each paragraph of prose, is one document; documents stand between `<|endoftext|>`, as they do
when a voice is tuned. The run can be stopped and started again: it goes on from its checkpoint.
"""

import json
import math
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy
import torch
from tokenizers import Tokenizer
from transformers import GPT2Config, GPT2LMHeadModel

from data.errors import InputError
from trainer.base_text import EncodedSource, TextSource, documents, encode, train_tokenizer
from trainer.bases import Base
from trainer.checkpoint import load_checkpoint, save_checkpoint
from trainer.durable import write_json
from trainer.lean import keep_freed_memory, make_lean
from trainer.learning import Arithmetic, mean_loss, muon_and_adamw, next_token_loss, quiet_libraries
from trainer.model_folder import write_model_folder
from trainer.prompt import TAKES_TOPICS

RECORD = "pretraining.json"  # in a base's folder: how it was made, the curve, and the same of what it went on from


@dataclass(frozen=True)
class PretrainPlan:
    """All that decides what comes out, but for the speed of the machine: `minutes` is time spent learning."""

    sources: tuple[TextSource, ...]
    minutes: float
    start: Base | None = None  # what it goes on from; layers, width, heads and vocabulary are then its own
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
    measurements: int = 10  # of held-out text on the way: each takes as long as some 30 steps
    seed: int = 0

    def going_on_from(self, start: Base) -> "PretrainPlan":
        """The plan for a base that has learned already: a lower rate, which falls all the way, and larger batches.

        Wider bases take lower rates: 2e-3 at 256 is about 6e-4 at GPT-2's 768.
        """
        return replace(
            self,
            start=start,
            block_size=min(self.block_size, start.context),
            batch=32,
            learning_rate=2e-3 * 256 / start.width,
            warmup_steps=50,
            cooldown_share=1.0,
        )


@dataclass
class PretrainProgress:
    step: int = 0
    seconds: float = 0.0
    windows: list[int] = field(default_factory=list)  # read of each source
    history: list[dict[str, float]] = field(default_factory=list)


Report = Callable[[str, float], None]
"""Called with a sentence and the share done (0 to 1)."""

Measured = Callable[[dict[str, float]], None]
"""Called with a point of the curve: `step`, `seconds`, and each source's bits per byte of held-out text."""


def rate_at(plan: PretrainPlan, progress: PretrainProgress) -> float:
    """Warm-up, a plateau, then straight down to zero: the plateau may be prolonged by giving more minutes."""
    left = max(0.0, 1 - progress.seconds / (plan.minutes * 60))
    warm = min(1.0, (progress.step + 1) / plan.warmup_steps)
    return plan.learning_rate * min(warm, left / plan.cooldown_share)


def pretrain(plan: PretrainPlan, folder: Path, report: Report, measured: Measured = lambda point: None) -> Path:
    """Train a base into `folder/base` and return that path. Stop and call again to go on from a checkpoint.

    Raises InputError where a source can't be read or is too short, or `folder` holds another run.
    """
    quiet_libraries()
    keep_freed_memory()
    _claim(plan, folder)
    tokenizer = _tokenizer(plan, folder / "tokenizer.json", report)
    report("encoding the text", 0.0)
    encoded = [encode(source, tokenizer, folder, plan.block_size) for source in plan.sources]

    arithmetic = Arithmetic.of_this_machine()
    torch.manual_seed(plan.seed)
    model = _first_model(plan).to(arithmetic.device).train()
    make_lean(model, arithmetic.device)
    optimizers = muon_and_adamw(
        model, plan.learning_rate, plan.learning_rate, plan.weight_decay, bf16=arithmetic.bf16
    )
    checkpoint = folder / "checkpoint.safetensors"
    progress = PretrainProgress(**(load_checkpoint(checkpoint, model, optimizers) or {}))
    progress.windows = progress.windows or [0] * len(encoded)

    def measure() -> None:
        figures = {
            source.name: bits_per_byte(model, part, plan.block_size, arithmetic)
            for source, part in zip(plan.sources, encoded, strict=True)
        }
        progress.history.append({"step": progress.step, "seconds": progress.seconds, **figures})
        measured(progress.history[-1])

    if progress.step == 0:
        measure()
    last_save = time.monotonic()
    while progress.seconds < plan.minutes * 60:
        started = time.monotonic()
        rate = rate_at(plan, progress)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
        blocks, learned = (part.to(arithmetic.device) for part in _batch(plan, encoded, progress))
        with arithmetic.autocast():
            loss = next_token_loss(model, blocks, learned)
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
        if progress.seconds - progress.history[-1]["seconds"] > plan.minutes * 60 / plan.measurements:
            measure()
        if time.monotonic() - last_save > plan.checkpoint_seconds:
            save_checkpoint(checkpoint, model, optimizers, asdict(progress))
            last_save = time.monotonic()

    measure()
    return _save_base(plan, folder / "base", model, tokenizer, progress)


def _claim(plan: PretrainPlan, folder: Path) -> None:
    """Note what the run in this folder is, so that no other goes on from its checkpoint and arrays.

    More minutes, other shares and another rate are the same run.
    """
    if len({source.name for source in plan.sources}) < len(plan.sources):
        raise InputError("Two of the texts have the same name; rename one, as their figures stand under it.")
    run = {
        "base": plan.start.digest if plan.start else "",
        "texts": {source.name: source.digest for source in plan.sources},
        "sizes": [plan.layers, plan.width, plan.heads, plan.vocabulary, plan.block_size, plan.batch],
    }
    file = folder / "run.json"
    folder.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        write_json(file, run)
    elif json.loads(file.read_text(encoding="utf-8")) != run:
        raise InputError(f"'{folder}' holds a run of another base, other texts or sizes; name another folder.")


def _tokenizer(plan: PretrainPlan, file: Path, report: Report) -> Tokenizer:
    """The one of the base it goes on from, or else one trained on all sources; kept in `file`."""
    if not file.exists() and plan.start is not None:
        shutil.copyfile(plan.start.folder / "tokenizer.json", file)
    if not file.exists():
        report("training the tokenizer", 0.0)
        texts = (text for source in plan.sources for text in documents(source.path))
        train_tokenizer(texts, plan.vocabulary).save(str(file))
    return Tokenizer.from_file(str(file))


def _first_model(plan: PretrainPlan) -> GPT2LMHeadModel:
    without_dropout = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    if plan.start is not None:
        return GPT2LMHeadModel.from_pretrained(
            plan.start.folder, dtype=torch.float32, use_safetensors=True, **without_dropout
        )
    config = GPT2Config(
        vocab_size=plan.vocabulary,
        n_positions=plan.block_size,
        n_layer=plan.layers,
        n_embd=plan.width,
        n_head=plan.heads,
        bos_token_id=0,
        eos_token_id=0,
        **without_dropout,
    )
    return GPT2LMHeadModel(config)


def _batch(
    plan: PretrainPlan, encoded: Sequence[EncodedSource], progress: PretrainProgress
) -> tuple[torch.Tensor, torch.Tensor]:
    """The next windows and which of their tokens are learned; both (batch, block_size). The rows are shared out
    among the sources by chance.
    """
    shares = numpy.array([source.share for source in plan.sources])
    chance = numpy.random.default_rng((plan.seed, progress.step))
    rows = []
    for number in chance.choice(len(encoded), size=plan.batch, p=shares / shares.sum()):
        rows.append(encoded[number].learn.window(progress.windows[number], plan.block_size, plan.seed))
        progress.windows[number] += 1
    tokens, learned = (numpy.stack(part) for part in zip(*rows, strict=True))
    return torch.from_numpy(tokens.astype(numpy.int64)), torch.from_numpy(learned.astype(numpy.float32))


def bits_per_byte(model: GPT2LMHeadModel, source: EncodedSource, block_size: int, arithmetic: Arithmetic) -> float:
    """Held-out loss per byte of text, comparable between tokenizers; of at most 512 blocks from all over it."""
    held_out = source.held_out
    count = len(held_out.tokens) // block_size
    some = numpy.linspace(0, count - 1, min(512, count)).astype(int)
    blocks, learned = (
        torch.from_numpy(part[: count * block_size].reshape(count, block_size)[some].astype(kind))
        for part, kind in ((held_out.tokens, numpy.int64), (held_out.learned, numpy.float32))
    )
    bytes_per_token = source.held_out_bytes / int(held_out.learned.sum())
    return mean_loss(model, blocks, arithmetic, learned) / math.log(2) / bytes_per_token


def _save_base(
    plan: PretrainPlan, base: Path, model: GPT2LMHeadModel, tokenizer: Tokenizer, progress: PretrainProgress
) -> Path:
    if any(source.with_topics for source in plan.sources):
        setattr(model.config, TAKES_TOPICS, True)
    write_model_folder(base, model, tokenizer)
    last = progress.history[-1]
    record = {
        "parameters": model.num_parameters(),
        "tokens_seen": progress.step * plan.batch * plan.block_size,
        "seconds": round(progress.seconds),
        "held_out_bits_per_byte": {k: round(v, 4) for k, v in last.items() if k not in ("step", "seconds")},
        "curve": [{k: round(v, 4) for k, v in point.items()} for point in progress.history],
    }
    if plan.start is not None:
        before = plan.start.folder / RECORD
        record["before"] = {
            "base": plan.start.name,
            **(json.loads(before.read_text(encoding="utf-8")) if before.exists() else {}),
        }
    (base / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    (base / "README.md").write_text(base_card(plan, model.config, record), encoding="utf-8")
    return base


def base_card(plan: PretrainPlan, config: GPT2Config, record: dict[str, Any]) -> str:
    """What the base is, what it saw and how well it knows text it never saw."""
    shares = sum(source.share for source in plan.sources)
    sources = "\n".join(
        f"| {source.name} | {source.share / shares:.0%} | {bits:.3f} |"
        for source, bits in zip(plan.sources, record["held_out_bits_per_byte"].values(), strict=True)
    )
    before = record.get("before", {})
    going_on = ""
    if before:
        seen = f", which had seen {before['tokens_seen']:,} tokens" if "tokens_seen" in before else ""
        going_on = f"It goes on from the base `{before['base']}`{seen}. "
    return f"""---
library_name: transformers
pipeline_tag: text-generation
tags: [mynah, gpt2]
---

# A small base for voices

A GPT-2 with {config.n_layer} layers, width {config.n_embd}, {config.n_head} heads, context {config.n_positions}
and a byte-level BPE of {config.vocab_size:,} tokens: {record["parameters"]:,} parameters. It knows the shape of
posts and prose, and few facts; it is there to be tuned into voices, not to be asked.

| text | share of each batch | held-out bits per byte |
| --- | --- | --- |
{sources}

{going_on}Made by `mynah pretrain`: {record["tokens_seen"]:,} tokens seen in {record["seconds"] / 60:.0f} minutes,
Muon for the matrices and AdamW for the rest, learning rate {plan.learning_rate:.2g} falling to zero, seed
{plan.seed}. Every hundredth document was held out. It repeats the biases of what it read.
"""
