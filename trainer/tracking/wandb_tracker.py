"""Weights & Biases: a run folder here and, where it may, the same at its server.

Without a key, or where the server doesn't answer, a run is kept here alone; `wandb sync` sends it later.
"""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.tracking import Artifact, PlannedRun, Results

if TYPE_CHECKING:
    import wandb

PATIENCE_SECONDS = 15.0  # with a server that doesn't answer
_POINTS = "points.jsonl"


class WandbTracker:
    """Keeps each run in a folder of its own, logs and caches included, so that all of it can be deleted."""

    def __init__(self, folder: Path, project: str) -> None:
        self._folder = folder
        self._project = project
        self._offline = False  # then as WANDB_MODE has it

    def start(self, planned: PlannedRun) -> "WandbRun":
        folder = self._folder / planned.id
        for kind in ("DATA", "CACHE", "ARTIFACT"):
            os.environ[f"WANDB_{kind}_DIR"] = str(folder)
        import wandb

        try:
            run = self._begin(planned, folder)
        except wandb.Error:
            if self._offline:
                raise
            self._offline = True
            wandb.teardown()  # it holds on to the run that it could not begin
            run = self._begin(planned, folder)
        return WandbRun(folder, run)

    def _begin(self, planned: PlannedRun, folder: Path) -> "wandb.Run":
        import wandb

        for earlier in ("wandb", "artifacts"):  # an attempt's that was killed; its points are told again
            shutil.rmtree(folder / earlier, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        return wandb.init(
            project=self._project,
            id=planned.id,
            name=planned.name,
            job_type=planned.step,
            config=planned.config,
            dir=folder,
            mode="offline" if self._offline else None,
            resume="allow",
            settings=wandb.Settings(
                silent=True,
                console="off",
                init_timeout=PATIENCE_SECONDS,
                finish_timeout=PATIENCE_SECONDS,
                # Of this machine it learns what the config tells, and no more.
                host="mynah",
                disable_git=True,
                disable_code=True,
                x_disable_meta=True,
                x_disable_machine_info=True,
                x_disable_stats=True,
                x_save_requirements=False,
            ),
        )


class WandbRun:
    """A run at Weights & Biases. Its points are kept beside it too: an offline run can't be gone on with, so it is
    written anew.
    """

    def __init__(self, folder: Path, run: "wandb.Run") -> None:
        self.where = (not run.offline and run.url) or f"mynah track (run {run.name})"
        self._folder = folder
        self._run = run
        self._last_step = -1
        file = folder / _POINTS
        told = file.read_text(encoding="utf-8").splitlines(keepends=True) if file.exists() else []
        self._points = file.open("w", encoding="utf-8", buffering=1)
        for line in told:
            if line.endswith("\n"):  # the last may have been cut by a kill
                self.log(**json.loads(line))

    def log(self, step: int, values: Mapping[str, float]) -> None:
        if step > self._last_step:
            self._last_step = step
            self._points.write(json.dumps({"step": step, "values": dict(values)}) + "\n")
            self._run.log(dict(values), step=step)

    def finish(self, results: Results | None) -> None:
        import wandb

        if results is not None:
            table = wandb.Table(
                columns=list(results.table.columns), data=[list(row) for row in results.table.rows]
            )
            self._run.log({**results.values, results.table.name: table}, step=self._last_step + 1)
            self._run.log_artifact(_artifact(results.artifact))
        self._run.finish(exit_code=0 if results is not None else 1)
        self._points.close()


def _artifact(told: Artifact) -> "wandb.Artifact":
    import wandb

    digests = {content.path: {"sha256": content.digest, "size": content.size} for content in told.contents}
    artifact = wandb.Artifact(told.name, told.type, metadata={**told.metadata, "contents": digests})
    if told.open_texts:
        with artifact.new_file("posts.jsonl", mode="w", encoding="utf-8") as file:
            file.writelines(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in told.open_texts)
    if told.open_file:
        artifact.add_file(told.open_file)
    return artifact


def erase(folder: Path, run: str) -> None:
    """Delete what is kept here of a run. Raises OSError where that fails."""
    if (folder / run).exists():
        shutil.rmtree(folder / run)


def was_sent(folder: Path, run: str) -> bool:
    """Whether somebody has sent what is kept here of a run by `wandb sync`, which leaves a file that says so."""
    return any((folder / run).rglob("*.wandb.synced"))
