"""The arithmetic of the report: medians with their spread, ratios of rounds, and the goals to reach."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True)
class Spread:
    """A median and what it lies between."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Raises ValueError for no values at all."""
        if not values:
            raise ValueError("no round was measured")
        return cls(statistics.median(values), min(values), max(values))

    @classmethod
    def of_ratios(cls, above: Sequence[float], below: Sequence[float]) -> Self:
        """Round by round: what slows the whole machine for a minute slows both sides of a round."""
        return cls.of([one / other for one, other in zip(above, below, strict=True)])


@dataclass(frozen=True)
class Condition:
    """What must hold besides the figure itself."""

    words: str  # "final held-out loss below the reference's"
    met: bool
    value: float | None = None

    def to_json(self) -> dict[str, Any]:
        return {"condition": self.words, "met": self.met, "value": _plain(self.value)}


@dataclass(frozen=True)
class Reading:
    """What a row group found for one key."""

    spread: Spread
    conditions: tuple[Condition, ...] = ()
    beside: Mapping[str, float] = field(default_factory=dict)  # figures without a goal of their own


@dataclass(frozen=True)
class Goal:
    """A key of the report, and the figure that it should reach, if there is one."""

    key: str
    words: str
    limit: float | None = None
    larger_is_better: bool = True

    @property
    def asked(self) -> str:
        """What should be reached, for a table."""
        return "-" if self.limit is None else f"{'>=' if self.larger_is_better else '<='} {self.limit:g}"

    def met_by(self, value: float) -> bool | None:
        """None where nothing has to be reached."""
        if self.limit is None:
            return None
        return value >= self.limit if self.larger_is_better else value <= self.limit


GOALS = (
    Goal("train.throughput_ratio", "real tokens a second, times the reference recipe's", 5),
    Goal("train.rss_ratio", "peak memory of tuning, share of the reference recipe's", 0.35, False),
    Goal("train.time_to_loss_ratio", "time to the reference's final held-out loss, share of its", 0.125, False),
    Goal("speak.ten_ratio", "ten candidates of 50 tokens, times transformers.generate", 7),
    Goal("speak.one_ratio", "one reply of 50 tokens, times transformers.generate", 6),
    Goal("speak.one_bandwidth_share", "one reply, share of what reading int8 weights allows", 0.6),
    Goal("start.cpu_seconds", "CPU seconds of the bot from its start to its first reply", 1.5, False),
    Goal("start.rss_mb", "peak memory of the bot by its first reply, MB", 400, False),
    Goal("voices.cold_switch_ms", "what the first request to a further voice costs more, ms", 300, False),
    Goal("voices.warm_switch_ms", "what changing to a loaded voice costs, ms", 5, False),
    Goal("voices.thousand_share", "throughput over 1,000 voices (Zipf), share of one voice's", 0.8),
    Goal("import.mb_per_s", "importing a tweets.js, MB a second", 50),
    Goal("copy_check.ms", "copy check of a candidate against 50,000 posts, ms", 1, False),
    Goal("burst.p95_s", "a burst of mentions: 95 of 100 are answered within, seconds", 10, False),
)


@dataclass(frozen=True)
class Figure:
    """A key of the report with what was found, or the sentence why nothing was."""

    goal: Goal
    reading: Reading | None
    why_not: str = ""

    @property
    def met(self) -> bool | None:
        """Whether goal and conditions are met; None where nothing was measured."""
        if self.reading is None:
            return None
        return self.goal.met_by(self.reading.spread.median) and all(part.met for part in self.reading.conditions)

    def to_json(self) -> dict[str, Any]:
        goal = {"goal": self.goal.limit, "larger_is_better": self.goal.larger_is_better}
        if self.reading is None:
            return {"value": None, **goal, "met": None, "spread": None, "why_not": self.why_not}
        spread = self.reading.spread
        return {
            "value": _plain(spread.median),
            **goal,
            "met": self.met,
            "spread": [_plain(spread.low), _plain(spread.high)],
            "conditions": [condition.to_json() for condition in self.reading.conditions],
            "beside": {name: _plain(value) for name, value in self.reading.beside.items()},
        }


def _plain(value: float | None) -> float | None:
    """JSON knows no infinity: what was never reached is null."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.5g}")
