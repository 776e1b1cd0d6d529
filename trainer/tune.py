"""Tune a base on a person's posts: load, prepare, loop, evaluate, save, from top to bottom."""

import math
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from tokenizers import Tokenizer
from torch import nn
from transformers import GPT2LMHeadModel

from data.errors import RunFailedError
from trainer.blocks import Blocks, batches, epoch_blocks
from trainer.checkpoint import load_checkpoint, save_checkpoint
from trainer.durable import write_json
from trainer.examples import with_examples
from trainer.gather_neighbours import Posts, gather_neighbours
from trainer.job import Job, Progress
from trainer.lean import keep_freed_memory, make_lean
from trainer.learning import (
    Arithmetic,
    adamw,
    language_model,
    mean_loss,
    muon_and_adamw,
    next_token_loss,
    quiet_libraries,
)
from trainer.prompt import TAKES_TOPICS, encode_posts, end_of_text_id
from trainer.recipe import Recipe
from trainer.voice import POSTS, RECORD, Voice, VoiceRecord

CHECKPOINT_SECONDS = 5.0  # at most this much work is lost to a kill, but for the time of one evaluation
BLOCKS_AT_ONCE = 4  # of a batch: more take more memory and hardly less time
LORA_TARGETS = ["c_attn", "c_proj", "c_fc"]

Report = Callable[[Progress], None]


@dataclass
class TuneState:
    """What a checkpoint remembers beside the tensors."""

    step: int = 0
    seconds: float = 0.0
    before: float = math.nan  # held-out loss of the untouched base
    best: float = math.inf
    evaluations_since_best: int = 0
    history: list[dict[str, float]] = field(default_factory=list)


def tune(folder: Path, report: Report) -> VoiceRecord:
    """Run the job in `folder` and leave a finished voice in `folder/voice`; goes on from a checkpoint.

    Raises RunFailedError where the loss is not a number or the voice learned nothing.
    """
    quiet_libraries()
    keep_freed_memory()
    job = Job.read(folder)
    recipe = job.recipe
    if job.threads:
        torch.set_num_threads(job.threads)
    torch.manual_seed(recipe.seed)
    arithmetic = Arithmetic.of_this_machine()
    model = load_model(Path(job.base_folder), recipe, arithmetic)
    optimizers = make_optimizers(model, recipe, arithmetic)

    tokenizer = Tokenizer.from_file(str(Path(job.base_folder) / "tokenizer.json"))
    end = end_of_text_id(tokenizer)
    learn = [encode_posts(tokenizer, corpus.learn) for corpus in job.corpora]
    held_out = [encode_posts(tokenizer, corpus.held_out) for corpus in job.corpora]
    context = min(recipe.block_size, language_model(model).config.n_positions)
    held_out_blocks = epoch_blocks(held_out, context, end, seed=recipe.seed, epoch=0, learning=False)

    def held_out_loss() -> float:
        return mean_loss(model, held_out_blocks[0], arithmetic, held_out_blocks[1])

    state = TuneState(**(load_checkpoint(folder / "checkpoint.safetensors", model, optimizers) or {}))
    # Taken now, since a checkpoint brings groups of its own.
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    highest_rates = [group["lr"] for group in groups]
    if state.step == 0:
        state.before = held_out_loss()
        state.history.append({"step": 0, "held_out_loss": state.before})

    @lru_cache(maxsize=1)  # the first is counted, then learned
    def epoch(number: int) -> Blocks:
        return epoch_blocks(learn, context, end, seed=recipe.seed, epoch=number)

    steps, evaluate_every = recipe.pace(len(epoch(0)[0]), _bits_per_byte(state.before, job, held_out))
    following = batches(epoch, recipe.batch, state.step)
    last_checkpoint = time.monotonic()

    while state.step < steps and state.evaluations_since_best < recipe.patience:
        started = time.monotonic()
        tokens, weights = (part.to(arithmetic.device) for part in next(following))
        factor = rate_factor(state.step, steps, recipe.warmup_share)
        for group, highest in zip(groups, highest_rates, strict=True):
            group["lr"] = highest * factor
        loss_value = 0.0
        for part, counts in zip(tokens.split(BLOCKS_AT_ONCE), weights.split(BLOCKS_AT_ONCE), strict=True):
            with arithmetic.autocast():
                loss = next_token_loss(model, part, counts) * (counts[:, 1:].sum() / weights[:, 1:].sum())
            loss_value += loss.item()
            if not math.isfinite(loss_value):
                raise _no_number(state.step)
            loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        state.step += 1

        if state.step % evaluate_every == 0 or state.step == steps:
            current = held_out_loss()
            if not math.isfinite(current):
                raise _no_number(state.step)
            state.history.append({"step": state.step, "loss": loss_value, "held_out_loss": current})
            state.evaluations_since_best += 1
            if current < state.best:
                state.best, state.evaluations_since_best = current, 0
                save_checkpoint(folder / "best.safetensors", model, [], {"held_out_loss": current})
        state.seconds += time.monotonic() - started
        if time.monotonic() - last_checkpoint > CHECKPOINT_SECONDS:
            save_checkpoint(folder / "checkpoint.safetensors", model, optimizers, asdict(state))
            last_checkpoint = time.monotonic()
        report(_progress(state, steps, loss_value, recipe.learning_rate * factor, recipe.batch * context))

    if not state.best < state.before:
        raise RunFailedError(
            f"The voice learned nothing: held-out loss {state.before:.3f} before, {state.best:.3f} after; "
            "bring more posts or try another base."
        )
    if load_checkpoint(folder / "best.safetensors", model, []) is None:
        (folder / "checkpoint.safetensors").unlink(missing_ok=True)  # so that the next attempt starts again
        raise OSError("the best weights can't be read back")
    return save_voice(folder, job, model, state, learn, held_out)


def load_model(base: Path, recipe: Recipe, arithmetic: Arithmetic) -> nn.Module:
    """The base, ready to learn. With LoRA the frozen base is held in bf16 where the machine has it and the
    adapter in fp32; in full tuning everything stays fp32 (pure bf16 loses small updates).
    """
    lora = recipe.method == "lora"
    model = GPT2LMHeadModel.from_pretrained(
        base,
        dtype=torch.bfloat16 if lora and arithmetic.bf16 else torch.float32,
        use_safetensors=True,
        resid_pdrop=recipe.dropout,
        embd_pdrop=recipe.dropout,
        attn_pdrop=recipe.dropout,
    ).to(arithmetic.device)
    if lora:
        adapter = LoraConfig(
            r=recipe.lora_rank,
            lora_alpha=recipe.lora_alpha,
            target_modules=LORA_TARGETS,
            fan_in_fan_out=True,  # GPT-2's Conv1D holds its weights transposed
            task_type="CAUSAL_LM",
        )
        model = get_peft_model(model, adapter)
    make_lean(model, arithmetic.device)
    return model.train()  # type: ignore[no-any-return]  # transformers is untyped here


def make_optimizers(model: nn.Module, recipe: Recipe, arithmetic: Arithmetic) -> list[torch.optim.Optimizer]:
    """Each with the recipe's highest rate."""
    rate, decay = recipe.learning_rate, recipe.weight_decay
    if recipe.optimizer == "adamw":
        return [adamw(model.parameters(), rate, decay)]
    return muon_and_adamw(model, rate, rate * recipe.others_rate, decay, bf16=arithmetic.bf16)


def rate_factor(step: int, steps: int, warmup_share: float) -> float:
    """Linear warm-up, then cosine to zero."""
    warmup = int(steps * warmup_share)
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def save_voice(
    folder: Path, job: Job, model: nn.Module, state: TuneState, learn: Sequence[Posts], held_out: Sequence[Posts]
) -> VoiceRecord:
    """Write `folder/voice`, which appears whole: a lost run's child may be writing its own beside it.

    `learn` and `held_out` are the job's posts as token ids, corpus after corpus.
    """
    voice = folder / f"voice.{os.getpid()}.partial"
    shutil.rmtree(voice, ignore_errors=True)
    voice.mkdir()
    share = 0.0
    if job.recipe.neighbours:
        share = gather_neighbours(voice, language_model(model).eval(), learn, held_out, job.recipe.seed)
    if isinstance(model, PeftModel):
        # Half the size, which keeps a voice on GPT-2 124M under 5 MB.
        model.to(torch.float16).save_pretrained(voice, safe_serialization=True)
        (voice / "README.md").unlink(missing_ok=True)  # peft's own, which knows nothing of this voice
    else:
        language_model(model).to(torch.float16).save_pretrained(voice)
    shutil.copyfile(Path(job.base_folder) / "tokenizer.json", voice / "tokenizer.json")
    write_json(voice / POSTS, [post for corpus in job.corpora for post in corpus.learn + corpus.held_out])
    record = VoiceRecord(
        key=job.key,
        handles=job.handles,
        base=job.base,
        base_folder=job.base_folder,
        method=job.recipe.method,
        recipe=job.recipe,
        held_out_loss_before=state.before,
        held_out_loss=state.best,
        posts=sum(len(corpus.learn) + len(corpus.held_out) for corpus in job.corpora),
        seconds=round(state.seconds, 1),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        history=state.history,
        learned=tuple(corpus.learned for corpus in job.corpora if corpus.learned),
        takes_topics=getattr(language_model(model).config, TAKES_TOPICS, False) is True,
        tokens_per_character=max(
            round(sum(map(len, tokens)) / sum(len(post) + 1 for post in corpus.learn), 3)
            for corpus, tokens in zip(job.corpora, learn, strict=True)
        ),
        neighbours_share=share,
    )
    device = next(model.parameters()).device.type
    record = with_examples(Voice(record, voice), device).record
    write_json(voice / RECORD, record.to_json())
    shutil.rmtree(folder / "voice", ignore_errors=True)  # left by an attempt whose trainer was killed
    os.replace(voice, folder / "voice")
    return record


def _bits_per_byte(nats_per_token: float, job: Job, held_out: Sequence[Posts]) -> float:
    """Of posts whose people count alike, as in the loss."""
    tokens = size = 0.0
    for corpus, posts in zip(job.corpora, held_out, strict=True):
        tokens += sum(map(len, posts)) / len(posts)
        size += sum(len(post.encode("utf-8", "replace")) + 1 for post in corpus.held_out) / len(posts)
    return nats_per_token / math.log(2) * tokens / size


def _no_number(step: int) -> RunFailedError:
    return RunFailedError(
        f"The loss stopped being a number at step {step}; train again with a lower learning rate."
    )


def _progress(state: TuneState, steps: int, loss: float, learning_rate: float, tokens_per_step: int) -> Progress:
    seconds_per_step = state.seconds / state.step
    return Progress(
        step=state.step,
        steps=steps,
        loss=round(loss, 4),
        held_out_loss=round(state.history[-1]["held_out_loss"], 4),
        held_out_loss_before=round(state.before, 4),
        evaluated=state.history[-1]["step"] == state.step,
        learning_rate=learning_rate,
        tokens_per_second=round(tokens_per_step / seconds_per_step, 1),
        eta_seconds=round((steps - state.step) * seconds_per_step, 1),
        history=state.history,
    )
