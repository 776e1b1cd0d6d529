"""How soon ours is as good as the reference is in the end: held-out loss over time, on the built-in base.

Each round takes another corpus, with the same posts held out from both. The clock runs over loading and steps, not
over looking at held-out posts: ours is made to look eight times an epoch, so that the moment is known well.
"""

import math
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from bench import corpora
from bench.figures import Condition, Reading, Spread
from bench.peers.trainer import REFERENCE, run_recipe
from bench.workload import CannotRunError, Group, Measurement, Results, Side, Terms

OURS, PLAIN = "ours", "reference"
LOOKS = 8  # an epoch
QUICK_POSTS = 80


def _corpus(terms: Terms) -> tuple[str, list[str], list[str]]:
    """Its name, and the posts to learn from and those held out."""
    files = corpora.files(terms)
    if not files:
        raise CannotRunError(
            f"{terms.corpora} holds no JSONL files; give a folder with --corpora, or none at all."
        )
    file = files[terms.round % len(files)]
    learn, held_out = corpora.learn_and_held_out(file)
    return (file.stem, learn[:QUICK_POSTS], held_out[:20]) if terms.quick else (file.stem, learn, held_out)


def ours(terms: Terms) -> Measurement:
    from trainer.bases import BUILTIN, resolve_base
    from trainer.job import Job, JobCorpus, Progress
    from trainer.recipe import Recipe
    from trainer.tune import tune

    corpus, learn, held_out = _corpus(terms)
    base = resolve_base(BUILTIN)
    recipe = replace(Recipe.for_base(base.parameters), evaluations_per_epoch=LOOKS)
    # The product looks twice an epoch and gives up after three looks without a better loss.
    recipe = replace(recipe, patience=recipe.patience * LOOKS // 2)
    job = Job("bench", BUILTIN, str(base.folder), recipe, (JobCorpus("bench", learn, held_out),), terms.threads)
    times: list[float] = []
    seen: list[Progress] = []

    def hear(progress: Progress) -> None:
        times.append(time.perf_counter())
        seen.append(progress)

    started = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=terms.scratch) as folder:
        job.write(Path(folder))
        tune(Path(folder), hear)
    looked = [progress.evaluated for progress in seen]
    seconds, losses = loss_over_time(started, times, looked, [progress.held_out_loss for progress in seen])
    return Measurement(
        {"seconds": seconds[-1], "wall_seconds": time.perf_counter() - started, "final_loss": min(losses)},
        {"seconds": seconds, "losses": losses},
        corpus=corpus,
    )


def loss_over_time(
    started: float, times: Sequence[float], looked: Sequence[bool], losses: Sequence[float]
) -> tuple[list[float], list[float]]:
    """When each look at held-out posts found which loss. A step with a look in it counts as long as a usual one.

    The first step, with all the loading before it, counts in full, and the look before any training with it.
    """
    durations = [later - earlier for earlier, later in zip([started, *times], times, strict=False)]
    usual = [duration for duration, look in zip(durations[1:], looked[1:], strict=True) if not look]
    step = statistics.median(usual) if usual else math.inf
    clock = durations[0]
    seconds, found = [], []
    for number, (duration, look, loss) in enumerate(zip(durations, looked, losses, strict=True)):
        if number:
            clock += min(step, duration) if look else duration
        if look:
            seconds.append(clock)
            found.append(loss)
    return seconds, found


def reference(terms: Terms) -> Measurement:
    from tokenizers import Tokenizer

    from trainer.bases import BUILTIN_FOLDER
    from trainer.blocks import epoch_blocks
    from trainer.learning import Arithmetic, mean_loss
    from trainer.prompt import encode_posts, end_of_text_id

    corpus, learn, held_out = _corpus(terms)
    started = time.perf_counter()
    tokenizer = Tokenizer.from_file(str(BUILTIN_FOLDER / "tokenizer.json"))
    end = end_of_text_id(tokenizer)
    recipe = replace(REFERENCE, block_size=256)  # the whole context of this base, as 1,024 is of GPT-2
    run = run_recipe(Path(BUILTIN_FOLDER), encode_posts(tokenizer, learn), end, recipe, terms.scratch)
    seconds = time.perf_counter() - started
    blocks = epoch_blocks([encode_posts(tokenizer, held_out)], 256, end, seed=0, epoch=0, learning=False)
    arithmetic = Arithmetic(next(run.model.parameters()).device, bf16=False)
    final_loss = mean_loss(run.model, blocks[0], arithmetic, blocks[1])
    return Measurement({"seconds": seconds, "final_loss": final_loss}, corpus=corpus)


def time_to(loss: float, measurement: Measurement) -> float:
    """Seconds until a look found that loss or a lower one; infinite where none did."""
    looks = zip(measurement.series["seconds"], measurement.series["losses"], strict=True)
    return next((seconds for seconds, found in looks if found <= loss), math.inf)


def read(results: Results) -> Mapping[str, Reading]:
    ratios, gains, beside = [], [], dict[str, float]()
    for own, plain in zip(results[OURS], results[PLAIN], strict=True):
        loss, goal = own.figures["final_loss"], plain.figures["final_loss"]
        ratios.append(time_to(goal, own) / plain.figures["seconds"])
        gains.append(goal - loss)
        beside |= {
            f"{own.corpus}.ratio": ratios[-1],
            f"{own.corpus}.final_loss": loss,
            f"{own.corpus}.final_loss_of_the_reference": goal,
        }
    words = "final held-out loss below the reference's on every corpus"
    conditions = (Condition(words, min(gains) > 0, min(gains)),)
    return {"train.time_to_loss_ratio": Reading(Spread.of(ratios), conditions, beside)}


GROUP = Group(
    "time_to_loss",
    ("train.time_to_loss_ratio",),
    (Side(OURS, ours), Side(PLAIN, reference)),
    read,
    least_rounds=len(corpora.NAMES),
)
