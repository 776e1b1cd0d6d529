"""What came of it: tables for a person, `quality/results/latest.json` for programs, and a picture beside it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bench import report as bench_report
from bench.figures import Spread
from bot.cli import evaluation_report
from bot.cli.present import out, print_table
from bot.quality.attribution import Attribution
from bot.quality.evaluation import Evaluation
from bot.quality.plot import quality_plot
from quality.goals import GOALS, Figure
from trainer.bases import BUILTIN_FOLDER

RESULTS = Path(__file__).parent / "results"
NOT_MEASURED = "No seed gave a figure."


@dataclass(frozen=True)
class Setting:
    """On what and how it was measured."""

    started: datetime
    quick: bool
    seeds: int
    corpora: Sequence[str]
    machine: Mapping[str, Any]
    versions: Mapping[str, str]
    commit: str


def read_figures(evaluations: Sequence[Evaluation], cyborgs: Sequence[Sequence[Evaluation]]) -> list[Figure]:
    """Every goal in its order, with the median over the seeds; there is an evaluation for each seed, and for each
    seed one of every cyborg.
    """
    pretraining = json.loads((BUILTIN_FOLDER / "pretraining.json").read_text(encoding="utf-8"))
    own = float(pretraining["held_out_bits_per_byte"]["posts"])
    found = []
    for goal in GOALS:
        values = [evaluation.figures.get(goal.key) for evaluation in evaluations]
        reasons = [evaluation.why_not.get(goal.key, "") for evaluation in evaluations]
        if goal.key == "base.pretraining_bits_per_byte":
            values = [own]
        if goal.key in FURTHEST:
            values = [max(map(FURTHEST[goal.key], blends), default=None) for blends in cyborgs]
            reasons = ["A cyborg takes at least two corpora."]
        there = [value for value in values if value is not None]
        why_not = next(filter(None, reasons), NOT_MEASURED)
        found.append(Figure(goal, Spread.of(there)) if there else Figure(goal, None, why_not))
    return found


def furthest_share(cyborg: Evaluation) -> float:
    """How far from an equal share the posts of the person are whom the classifier finds least or most; 0 to 1."""
    told, shares = _told(cyborg)
    return max(abs(shares.get(handle, 0.0) - told.chance) for handle in told.people)


def furthest_from_real(cyborg: Evaluation) -> float:
    """The same, from what it finds in real posts, as many of each."""
    told, shares = _told(cyborg)
    return max(abs(shares.get(handle, 0.0) - told.of_equal_parts(handle)) for handle in told.people)


FURTHEST = {"cyborg.furthest_share": furthest_share, "cyborg.furthest_from_real": furthest_from_real}


def _told(cyborg: Evaluation) -> tuple[Attribution, Mapping[str, float]]:
    assert cyborg.attribution is not None  # it has at least two people
    (shares,) = cyborg.attribution.shares
    return cyborg.attribution, shares


def middle(evaluations: Sequence[Evaluation]) -> Evaluation:
    """The seed that stands in the middle, by attribution: what is shown in full, where the JSON has all."""
    ordered = sorted(evaluations, key=lambda found: found.figures["attribution.share_of_ceiling"] or 0.0)
    return ordered[len(ordered) // 2]


def to_json(
    setting: Setting,
    figures: Sequence[Figure],
    evaluations: Sequence[Evaluation],
    cyborgs: Sequence[Sequence[Evaluation]],
) -> dict[str, Any]:
    """The keys of GOALS stand at the top, beside what they were measured on and what each seed gave."""
    return {
        "measured_at": setting.started.isoformat(timespec="seconds"),
        "quick": setting.quick,
        "corpora": list(setting.corpora),
        "machine": dict(setting.machine),
        "versions": dict(setting.versions),
        "commit": setting.commit,
        **{figure.goal.key: figure.to_json() for figure in figures},
        "seeds": [evaluation_report.to_json(evaluation) for evaluation in evaluations],
        "cyborgs": [[evaluation_report.to_json(evaluation) for evaluation in blends] for blends in cyborgs],
    }


def write(values: Mapping[str, Any], picture: bytes, folder: Path = RESULTS) -> Path:
    """Write latest.json and latest.png, and the same under the time of the run, which no later run replaces."""
    return bench_report.write(values, folder, picture)


def picture(evaluations: Sequence[Evaluation]) -> bytes:
    return quality_plot(middle(evaluations))


def show(setting: Setting, figures: Sequence[Figure], evaluations: Sequence[Evaluation]) -> None:
    """Print the voices of the middle seed, then the goals."""
    evaluation_report.show(middle(evaluations), figures=False)
    how = f"{'quick, ' if setting.quick else ''}seeds: {setting.seeds}, commit: {setting.commit or 'unknown'}"
    print_table(
        f"Goals ({how})",
        ("key", "value", "least - most", "goal", "met", "what it is"),
        [_row(figure) for figure in figures],
    )
    if setting.quick:
        out.print("A quick run shows that everything works; what is claimed comes from `make quality`.")


def _row(figure: Figure) -> tuple[str, ...]:
    goal, spread = figure.goal, figure.spread
    met = {None: "-", True: "yes", False: "no"}[figure.met]
    if spread is None:
        return goal.key, "-", "-", goal.asked, met, goal.words
    return goal.key, f"{spread.median:.3f}", f"{spread.low:.3f} - {spread.high:.3f}", goal.asked, met, goal.words
