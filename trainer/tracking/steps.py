"""What is recorded of each step of the pipeline: of the posts that were prepared, and of the training."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from trainer.job import Job, JobCorpus
from trainer.tracking import Artifact, Content, PlannedRun, Results, Step, Table, run_id
from trainer.voice import Voice

MOST_POINTS = 200  # of a curve, besides the evaluations
_WEIGHTS = ("model.safetensors", "adapter_model.safetensors")


def planned_run(job: Job, number: str, step: Step) -> PlannedRun:
    """The run of a step; `number` is the queue's."""
    config: dict[str, Any] = {
        "handles": list(job.handles),
        "profile": job.recipe.profile,
        "corpora": {corpus.handle: corpus.learned.digest for corpus in job.corpora if corpus.learned},
    }
    if step == "train":
        config |= {"voice": job.key, "base": _base_name(job), **job.recipe.to_json()}
    name = f"@{'-'.join(job.handles)}-{step}"
    return PlannedRun(run_id(job.key, number, step), name, step, job.handles, config)


def preprocess_results(job: Job) -> Results:
    """Counts of every handle, and the data set by digest; its texts where all owners let them be published."""
    corpora = sorted(job.corpora, key=lambda corpus: corpus.handle)
    learned = [corpus.learned for corpus in corpora if corpus.learned]
    totals = {
        "downloaded": sum(counts.downloaded for counts in learned),
        "retweets": sum(counts.retweets for counts in learned),
        "short": sum(counts.short for counts in learned),
        "kept": sum(counts.kept for counts in learned),
        "characters": sum(counts.characters for counts in learned),
        "to_learn_from": sum(len(corpus.learn) for corpus in corpora),
        "held_out": sum(len(corpus.held_out) for corpus in corpora),
    }
    columns = ("Handle", "Downloaded", "Retweets", "Short", "Kept", "To learn from", "Held out", "Languages")
    contents = tuple(Content(f"posts/{counts.handle}", counts.digest, counts.characters) for counts in learned)
    return Results(
        {f"posts/{name}": float(count) for name, count in totals.items()},
        Table("handles", columns, tuple(_row(corpus) for corpus in corpora)),
        Artifact(
            _artifact_name(job.handles, "posts"),
            "dataset",
            {"profile": job.recipe.profile, **totals},
            contents,
            open_texts=tuple(_texts(corpora)) if _may_publish(job.corpora) else (),
        ),
    )


def train_results(job: Job, voice: Voice) -> Results:
    """What the voice says and how good it is, and its weights by digest; the file where it may be published."""
    record = voice.record
    (weights,) = [voice.folder / name for name in _WEIGHTS if (voice.folder / name).exists()]
    with weights.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    values = {
        "best_held_out_loss": record.held_out_loss,
        "held_out_loss_before": record.held_out_loss_before,
        "training_seconds": record.seconds,
    }
    if record.copy_rate is not None:
        values["copy_rate"] = record.copy_rate
    return Results(
        {f"result/{name}": value for name, value in values.items()},
        Table(
            "examples",
            ("Input", "Prediction"),
            tuple((record.opening, text.removeprefix(record.opening).strip()) for text in record.examples),
        ),
        Artifact(
            _artifact_name(job.handles, "voice"),
            "model",
            {"key": record.key, "base": _base_name(job), "method": record.method, **values},
            (Content(f"voices/{record.key}/{weights.name}", digest, weights.stat().st_size),),
            open_file=str(weights.resolve()) if _may_publish(job.corpora) else "",
        ),
    )


def points(progress: Mapping[str, Any]) -> dict[int, dict[str, float]]:
    """What a `Progress` adds to the curves, by step: every so many steps, and at each evaluation."""
    step = progress["step"]
    found = {}
    if step == 1:
        found[0] = {"held_out_loss": progress["held_out_loss_before"]}
    if progress["evaluated"] or step == 1 or step % -(-progress["steps"] // MOST_POINTS) == 0:
        found[step] = {name: progress[name] for name in ("loss", "learning_rate", "tokens_per_second")}
    if progress["evaluated"]:
        found[step]["held_out_loss"] = progress["held_out_loss"]
    return found


def _base_name(job: Job) -> str:
    """Without the folders that a local base lies in, which are nobody's business at a server."""
    return Path(job.base).name if Path(job.base).is_dir() else job.base


def _row(corpus: JobCorpus) -> tuple[str | float | None, ...]:
    counts, split = corpus.learned, (len(corpus.learn), len(corpus.held_out))
    if counts is None:
        return (f"@{corpus.handle}", None, None, None, None, *split, None)
    figures = (counts.downloaded, counts.retweets, counts.short, counts.kept, *split)
    return (f"@{corpus.handle}", *figures, ", ".join(counts.languages))


def _may_publish(corpora: Iterable[JobCorpus]) -> bool:
    return all(corpus.learned is not None and corpus.learned.may_publish for corpus in corpora)


def _texts(corpora: Iterable[JobCorpus]) -> Iterable[str]:
    return (text for corpus in corpora for text in (*corpus.learn, *corpus.held_out))


def _artifact_name(handles: Iterable[str], kind: str) -> str:
    """Of what both trackers take in a name."""
    return re.sub(r"[^a-z0-9._-]", "-", "-".join(handles))[:100] + f"-{kind}"
