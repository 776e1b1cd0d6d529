"""What came of it: tables for a person, and `bench/results/latest.json` for programs."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.figures import GOALS, Figure, Spread
from bench.rounds import GroupResults
from bench.workload import Measurement
from bot.cli.present import out, print_table

RESULTS = Path(__file__).parent / "results"
NOT_ASKED = "Not asked for in this run."


@dataclass(frozen=True)
class Setting:
    """On what and how it was measured."""

    started: datetime
    quick: bool
    rounds: int
    machine: Mapping[str, Any]
    versions: Mapping[str, str]
    commit: str


def read_figures(groups: Sequence[GroupResults]) -> list[Figure]:
    """Every key of GOALS, in its order, with what was found or why nothing was."""
    found: dict[str, Figure] = {}
    goals = {goal.key: goal for goal in GOALS}
    for results in groups:
        why_not = "; ".join(f"{side}: {reason}" for side, reason in results.left_out.items())
        try:
            readings = results.group.read(results.measured)
        except (
            KeyError,
            ValueError,
        ) as problem:  # a side that the figure needs is missing, in all rounds or in some
            readings = {}
            why_not = why_not or f"{problem} was not measured."
        for key in results.group.keys:
            found[key] = Figure(goals[key], readings.get(key), "" if key in readings else why_not)
    return [found.get(goal.key, Figure(goal, None, NOT_ASKED)) for goal in GOALS]


def to_json(setting: Setting, figures: Iterable[Figure], groups: Iterable[GroupResults]) -> dict[str, Any]:
    """The keys of GOALS stand at the top, beside what they were measured on and what every side said."""
    return {
        "measured_at": setting.started.isoformat(timespec="seconds"),
        "quick": setting.quick,
        "rounds": setting.rounds,
        "machine": dict(setting.machine),
        "versions": dict(setting.versions),
        "commit": setting.commit,
        **{figure.goal.key: figure.to_json() for figure in figures},
        "sides": {
            results.group.name: {
                "measured": {name: _side(measured) for name, measured in results.measured.items()},
                "left_out": results.left_out,
            }
            for results in groups
        },
    }


def write(values: Mapping[str, Any], folder: Path = RESULTS, picture: bytes | None = None) -> Path:
    """Write latest.json, with latest.png if there is a picture, and the same under the time of the run, which no
    later run replaces.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    moment = datetime.fromisoformat(values["measured_at"]).astimezone(UTC)
    for name in (f"{moment:%Y-%m-%dT%H-%M-%S}", "latest"):
        (folder / f"{name}.json").write_text(text, encoding="utf-8")
        if picture is not None:
            (folder / f"{name}.png").write_bytes(picture)
    return folder / "latest.json"


def show(setting: Setting, figures: Sequence[Figure], groups: Sequence[GroupResults]) -> None:
    """Print every side's figures, then the goals."""
    for results in groups:
        rows = [
            (side, name, _short(spread.median), f"{_short(spread.low)} - {_short(spread.high)}")
            for side, measured in results.measured.items()
            for name, spread in _spreads(measured).items()
        ]
        if rows:
            print_table(results.group.name, ("side", "figure", "median", "least - most"), rows)
        for side, reason in results.left_out.items():
            out.print(f"{results.group.name}: without {side}. {reason}", markup=False)
    how = f"{'quick, ' if setting.quick else ''}rounds: {setting.rounds}, commit: {setting.commit or 'unknown'}"
    print_table(
        f"Goals ({how})",
        ("key", "value", "least - most", "goal", "met", "what it is"),
        [_goal_row(figure) for figure in figures],
    )
    for figure in figures:
        if figure.reading is None:
            out.print(f"{figure.goal.key}: {figure.why_not}", markup=False)
        for condition in figure.reading.conditions if figure.reading else ():
            value = "" if condition.value is None else f" ({_short(condition.value)})"
            met = "holds" if condition.met else "DOES NOT HOLD"
            out.print(f"{figure.goal.key}: {condition.words}{value} {met}.", markup=False)
    if setting.quick:
        out.print("A quick run shows that everything works; what is claimed comes from `make bench`.")


def _goal_row(figure: Figure) -> tuple[str, ...]:
    goal = figure.goal
    if figure.reading is None:
        return goal.key, "-", "-", goal.asked, "-", goal.words
    spread = figure.reading.spread
    between = f"{_short(spread.low)} - {_short(spread.high)}"
    return goal.key, _short(spread.median), between, goal.asked, "yes" if figure.met else "no", goal.words


def _side(measured: Sequence[Measurement]) -> dict[str, Any]:
    return {
        name: {"median": spread.median, "spread": [spread.low, spread.high]}
        for name, spread in _spreads(measured).items()
    } | {"said": list(measured[-1].texts[:3])}


def _spreads(measured: Sequence[Measurement]) -> dict[str, Spread]:
    """Each figure over the rounds, and what the processes took."""
    names = measured[0].figures.keys()
    spreads = {name: Spread.of([one.figures[name] for one in measured]) for name in names}
    spreads["peak_rss_mb"] = Spread.of([one.rss_mb for one in measured])
    spreads["process_cpu_seconds"] = Spread.of([one.cpu_seconds for one in measured])
    return spreads


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
