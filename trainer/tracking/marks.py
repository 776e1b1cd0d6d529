"""Marks of tracked runs: one small file each that says whose run it is, so that a person can be forgotten."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.errors import MynahError
from trainer.durable import write_json
from trainer.tracking import trackio_tracker, wandb_tracker

if TYPE_CHECKING:  # the tracking process starts sooner without it
    from data.settings import Settings


@dataclass(frozen=True)
class Mark:
    """A tracked run."""

    id: str
    name: str
    handles: tuple[str, ...]
    where: str  # a URL, or what to call on this machine

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Mark":
        return cls(**{**values, "handles": tuple(values["handles"])})

    def write(self, folder: Path) -> None:
        """`folder` is the one of everything tracked."""
        (folder / "runs").mkdir(parents=True, exist_ok=True)
        write_json(folder / "runs" / f"{self.id}.json", asdict(self))


def tracking_folder(settings: "Settings") -> Path:
    """Everything that is tracked here."""
    return settings.home.resolve() / "tracking"


def tracked_runs(settings: "Settings") -> list[Mark]:
    """Every run that is tracked, by whichever tracker, oldest first."""
    files = sorted((tracking_folder(settings) / "runs").glob("*.json"), key=lambda file: file.stat().st_mtime)
    return [Mark.from_json(json.loads(file.read_text(encoding="utf-8"))) for file in files]


def erase_tracked(settings: "Settings", runs: Iterable[Mark]) -> None:
    """Delete runs and all that was kept of them, here and at Weights & Biases.

    Raises MynahError where one can't be deleted: its mark then stays, so that it can be tried again.
    """
    folder = tracking_folder(settings)
    for run in runs:
        try:
            trackio_tracker.erase(folder / "trackio", run.id)
            wandb_tracker.erase(folder / "wandb", run.id)
        except OSError as error:
            raise MynahError(
                f"What is tracked of {run.name} can't be deleted ({error}); mend that, then try once more."
            ) from None
        if run.where.startswith("http"):
            _erase_remotely(settings, run)
        (folder / "runs" / f"{run.id}.json").unlink(missing_ok=True)


def _erase_remotely(settings: "Settings", run: Mark) -> None:
    if settings.dry_run or settings.offline:
        raise MynahError(
            f"The tracked run at {run.where} can't be deleted while nothing may be sent; turn off MYNAH_DRY_RUN "
            "and MYNAH_OFFLINE, then try once more."
        )
    try:
        wandb_tracker.erase_remote(run.where)
    except Exception as error:  # no key, no network, no right: whatever it is, only a person can mend it
        raise MynahError(
            f"The tracked run at {run.where} can't be deleted ({error}); mend that, then try once more."
        ) from None
