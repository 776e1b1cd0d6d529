"""What a row group is made of: sides, each a function that runs in a fresh process and says what it measured.

Only the standard library is imported here and at the top of every row: the peers' environment lacks what the
product needs, and a side must pay for its own imports and for nobody else's.
"""

import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Self

from bench.figures import Reading

Environment = Literal["product", "peers"]


class CannotRunError(Exception):
    """A side can't be measured here. Its text is the sentence that the report shows."""


@dataclass(frozen=True)
class Terms:
    """What is the same for all sides of a run."""

    scratch: Path  # kept from one process to the next
    quick: bool  # the same, small
    threads: int  # processor threads, and cores that the processes are bound to
    corpora: Path | None  # a folder of JSONL files with real posts; None where there are none
    base: Path | None  # a folder with the real GPT-2 124M; None: the built-in base in its shape
    round: int = 0

    def to_json(self) -> str:
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> Self:
        values: dict[str, Any] = json.loads(text)
        paths = {name: Path(values[name]) if values[name] else None for name in ("corpora", "base")}
        return cls(**{**values, **paths, "scratch": Path(values["scratch"])})


@dataclass(frozen=True)
class Measurement:
    """What one side said in one round."""

    figures: Mapping[str, float] = field(default_factory=dict)
    series: Mapping[str, Sequence[float]] = field(default_factory=dict)  # figures over time
    texts: Sequence[str] = ()  # what was spoken, for the gates to judge
    corpus: str = ""  # on which it was measured, where the rounds take different ones
    rss_mb: float = 0.0  # the most that the process and those it started held at once
    cpu_seconds: float = 0.0  # of the process and those it waited for

    def with_process(self, rss_mb: float, cpu_seconds: float) -> "Measurement":
        return replace(self, rss_mb=rss_mb, cpu_seconds=cpu_seconds)


Work = Callable[[Terms], Measurement]
Results = Mapping[str, Sequence[Measurement]]  # by side, in the order of the rounds; without those that can't run


@dataclass(frozen=True)
class Side:
    """One contender of a row group."""

    name: str
    work: Work
    prepare: Work | None = None  # runs once before the rounds, unmeasured: conversions, files
    environment: Environment = "product"
    needs: tuple[str, ...] = ()  # modules of the peers' environment
    in_quick: bool = True


@dataclass(frozen=True)
class Group:
    """Sides that are measured in turn, and what their measurements come to."""

    name: str
    keys: tuple[str, ...]  # of bench.figures.GOALS
    sides: tuple[Side, ...]
    read: Callable[[Results], Mapping[str, Reading]]  # raises KeyError where a side that it needs is missing
    least_rounds: int = 1  # where the rounds differ, as in corpora: at least so many, unless quick

    def rounds(self, asked: int, quick: bool) -> int:
        return asked if quick else max(asked, self.least_rounds)


def seconds_of(work: Callable[[], object], repeats: int, warm_ups: int = 1) -> float:
    """The median of so many repeats, after so many that don't count."""
    durations = []
    for number in range(warm_ups + repeats):
        started = time.perf_counter()
        work()
        if number >= warm_ups:
            durations.append(time.perf_counter() - started)
    return statistics.median(durations)
