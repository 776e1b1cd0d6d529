"""A run's folder: what a tuning child finds in it and what it leaves behind.

runs/<id>/job.json                 in: corpora, base, recipe
runs/<id>/checkpoint.safetensors   to go on from after a kill
runs/<id>/best.safetensors         the weights with the lowest held-out loss so far
runs/<id>/voice/                   out: complete once it holds voice.json, which is written last
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trainer.durable import write_json
from trainer.learned import Learned
from trainer.recipe import Recipe


@dataclass(frozen=True)
class JobCorpus:
    """One handle's cleaned posts, split."""

    handle: str
    learn: list[str]
    held_out: list[str]
    learned: Learned | None = None  # for the voice's record

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "JobCorpus":
        learned = values.get("learned")
        return cls(**{**values, "learned": Learned.from_json(learned) if learned else None})


@dataclass(frozen=True)
class Job:
    """Everything a tuning child needs; it never opens the store."""

    key: str
    base: str
    base_folder: str
    recipe: Recipe
    corpora: tuple[JobCorpus, ...]
    threads: int = 0  # 0: every core

    @property
    def handles(self) -> tuple[str, ...]:
        return tuple(sorted(corpus.handle for corpus in self.corpora))

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "job.json", asdict(self))

    @classmethod
    def is_whole(cls, folder: Path) -> bool:
        """Whether a job can be read there: a power cut may leave a file without its content."""
        try:
            cls.read(folder)
        except (OSError, ValueError, KeyError, TypeError):
            return False
        return True

    @classmethod
    def read(cls, folder: Path) -> "Job":
        values: dict[str, Any] = json.loads((folder / "job.json").read_text(encoding="utf-8"))
        return cls(
            **{
                **values,
                "recipe": Recipe.from_json(values["recipe"]),
                "corpora": tuple(JobCorpus.from_json(corpus) for corpus in values["corpora"]),
            }
        )


@dataclass(frozen=True)
class Progress:
    """Where a tuning stands."""

    step: int
    steps: int
    loss: float  # nats per token, the last step's
    held_out_loss: float  # nats per token, the last evaluation's
    held_out_loss_before: float  # nats per token, the untouched base's
    evaluated: bool  # whether that evaluation came with this step
    learning_rate: float
    tokens_per_second: float
    eta_seconds: float
    history: list[dict[str, float]]  # of every evaluation: step, loss and held-out loss

    def to_json(self) -> dict[str, Any]:
        return asdict(self)
