"""Marks of tracked runs: one small file each that says whose run it is, so that a person can be forgotten.

A mark is written before anything else is kept of its run and deleted after all of it: a run without one has been
forgotten.
"""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.errors import MynahError
from trainer.durable import write_json
from trainer.tracking import trackio_tracker, wandb_tracker

if TYPE_CHECKING:  # the tracking process starts sooner without it
    from data.settings import Settings

REMOTE_SECONDS = 60.0  # most that a server is waited for


@dataclass(frozen=True)
class Mark:
    """A tracked run."""

    id: str
    name: str
    handles: tuple[str, ...]
    project: str
    where: str = ""  # a URL, or what to call on this machine; empty until the tracker has begun

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Mark":
        return cls(**{**values, "handles": tuple(values["handles"])})

    @classmethod
    def read(cls, folder: Path, run: str) -> "Mark | None":
        """The mark of a run, where it has one; `folder` is the one of everything tracked."""
        try:
            return cls.from_json(json.loads(_file(folder, run).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None

    def write(self, folder: Path) -> None:
        """Into the place of an earlier one."""
        _file(folder, self.id).parent.mkdir(parents=True, exist_ok=True)
        write_json(_file(folder, self.id), asdict(self))


def tracked_runs(settings: "Settings") -> list[Mark]:
    """Every run that is tracked, by whichever tracker, in the order in which they were begun."""
    folder, found = settings.tracked, []
    for file in (folder / "runs").glob("*.json"):
        with contextlib.suppress(FileNotFoundError):  # it is being forgotten
            changed = file.stat().st_mtime_ns
            if mark := Mark.read(folder, file.stem):
                found.append((changed, mark.id, mark))
    return [mark for *_, mark in sorted(found, key=lambda entry: entry[:2])]


def erase_tracked(settings: "Settings", runs: Iterable[Mark]) -> None:
    """Delete runs and all that was kept of them, here and at Weights & Biases.

    Raises MynahError where some can't be deleted: their marks then stay, so that it can be tried again.
    """
    folder, failed = settings.tracked, None
    for run in runs:
        try:
            for place in _places_at_a_server(folder, run):
                _erase_remotely(settings, place)
            erase_here(folder, run.id)
        except OSError as error:
            failed = MynahError(
                f"What is tracked of {run.name} can't be deleted ({error}); mend that, then try once more."
            )
        except MynahError as error:
            failed = error
    if failed is not None:
        raise failed


def erase_here(folder: Path, run: str) -> None:
    """Delete what is kept of a run on this machine, its mark last. Raises OSError where that fails."""
    trackio_tracker.erase(folder / "trackio", run)
    wandb_tracker.erase(folder / "wandb", run)
    for file in (folder / "runs").glob(f"{run}.*"):  # and what a kill left of one that was being written
        file.unlink(missing_ok=True)


def _file(folder: Path, run: str) -> Path:
    return folder / "runs" / f"{run}.json"


def _places_at_a_server(folder: Path, run: Mark) -> list[str]:
    """URLs, and "project/run" of one that somebody has sent by hand."""
    places = [run.where] if run.where.startswith("http") else []
    if wandb_tracker.was_sent(folder / "wandb", run.id):
        places.append(f"{run.project}/{run.id}")
    return places


def _erase_remotely(settings: "Settings", place: str) -> None:
    """By a process of its own: as the one that tracks, it must know none of our secrets, nor ask for a key."""
    from trainer.tracking.process import tracking_environment

    if settings.dry_run or settings.offline:
        raise MynahError(
            f"The tracked run at {place} can't be deleted while nothing may be sent; turn off MYNAH_DRY_RUN "
            "and MYNAH_OFFLINE, then try once more."
        )
    try:
        erasing = subprocess.run(  # noqa: S603 - our own module and a place that a tracker gave
            (sys.executable, "-m", "trainer.tracking.wandb_erase", place),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=tracking_environment(settings, "wandb"),
            timeout=REMOTE_SECONDS,
        )
        why = erasing.stdout.strip() or f"exit code {erasing.returncode}" if erasing.returncode else ""
    except subprocess.TimeoutExpired:
        why = "the server doesn't answer"
    if why:
        raise MynahError(f"The tracked run at {place} can't be deleted ({why}); mend that, then try once more.")
