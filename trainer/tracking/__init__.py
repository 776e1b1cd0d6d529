"""Tracking: each step from posts to a voice is recorded where people can look at it, then and later.

The trainer holds a `Tracking` (follow.py) and tells it of progress and of the end. A process of its own
(__main__.py) hands that to a tracker, which is what this file describes.

tracking/runs/<id>.json     that a run is tracked, of whom and where; `forget` goes by these (marks.py)
tracking/trackio/           what trackio keeps (trackio_tracker.py)
tracking/wandb/<id>/        what Weights & Biases keeps here of a run (wandb_tracker.py)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

Step = Literal["preprocess", "train"]  # of the pipeline; the reference's job types
STEPS: tuple[Step, ...] = get_args(Step)
Cell = str | float | None


def run_id(voice_key: str, number: int | str, step: Step) -> str:
    """The same at every attempt, so that what was interrupted goes on in its place. `number` is the queue's: the
    same voice made a second time is a run of its own.
    """
    return f"{voice_key}-{number}-{step}"


@dataclass(frozen=True)
class PlannedRun:
    """A run that is to be tracked, as it is known before it starts."""

    id: str  # as `run_id` has it
    name: str  # "@a-b-train"
    step: Step
    handles: tuple[str, ...]
    config: dict[str, Any]

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "PlannedRun":
        return cls(**{**values, "handles": tuple(values["handles"])})


@dataclass(frozen=True)
class Table:
    """Rows for people to read."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Table":
        return cls(values["name"], tuple(values["columns"]), tuple(tuple(row) for row in values["rows"]))


@dataclass(frozen=True)
class Content:
    """Something that an artifact stands for, told by its digest."""

    path: str  # within Mynah's home
    digest: str  # sha256, hex
    size: int  # bytes; of posts: characters


@dataclass(frozen=True)
class Artifact:
    """What a run made. Its content stays where it is, but for what its owners allow to be published."""

    name: str
    type: str
    metadata: dict[str, Any]
    contents: tuple[Content, ...]
    open_texts: tuple[str, ...] = ()  # posts that may leave the machine
    open_file: str = ""  # a file that may

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Artifact":
        contents = tuple(Content(**content) for content in values["contents"])
        return cls(**{**values, "contents": contents, "open_texts": tuple(values["open_texts"])})


@dataclass(frozen=True)
class Results:
    """What a run came to."""

    values: dict[str, float]
    table: Table
    artifact: Artifact

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Results":
        return cls(values["values"], Table.from_json(values["table"]), Artifact.from_json(values["artifact"]))


class TrackedRun(Protocol):
    """A run at a tracker. May raise anything: what goes wrong here ends the tracking and nothing else."""

    where: str  # a URL, or what to call on this machine

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """A point of the curves; one that an earlier attempt has told of already is left out."""

    def finish(self, results: Results | None) -> None:
        """The run is over; None where it broke off."""


class Tracker(Protocol):
    """Somewhere to keep runs."""

    def start(self, planned: PlannedRun) -> TrackedRun:
        """The run, new or gone on with."""
