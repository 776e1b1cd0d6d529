"""The bench's arithmetic and its way of going on: medians, ratios, keys, a side that fails. Nothing is timed."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench import report, rounds
from bench.__main__ import arguments_of
from bench.figures import GOALS, Condition, Figure, Goal, Reading, Spread
from bench.peers.install import CONSTRAINTS
from bench.rows import GROUPS
from bench.workload import Group, Measurement, Results, Side, Terms, seconds_of
from tests.test_layers import FORBIDDEN, ROOT, imported

TERMS = Terms(Path("nowhere"), quick=False, threads=1, corpora=None, base=None)
SETTING = report.Setting(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), False, 3, {"cores": 2}, {"python": "3"}, "abc")
KEYS = [
    "train.throughput_ratio",
    "train.rss_ratio",
    "train.time_to_loss_ratio",
    "speak.ten_ratio",
    "speak.one_ratio",
    "speak.one_bandwidth_share",
    "start.cpu_seconds",
    "start.rss_mb",
    "voices.cold_switch_ms",
    "voices.warm_switch_ms",
    "voices.thousand_share",
    "import.mb_per_s",
    "copy_check.ms",
    "burst.p95_s",
]


def read_ratio(results: Results) -> Mapping[str, Reading]:
    ours, plain = ([one.figures["rate"] for one in results[side]] for side in ("ours", "plain"))
    return {"burst.p95_s": Reading(Spread.of_ratios(ours, plain))}


def never(_: Terms) -> Measurement:
    raise AssertionError("it runs in a process of its own")


def group(*sides: Side) -> Group:
    return Group("test", ("burst.p95_s",), sides or (Side("ours", never), Side("plain", never)), read_ratio)


def test_a_ratio_is_taken_round_by_round() -> None:
    # The machine slowed down in the second round: both sides did, and the ratio stayed.
    assert Spread.of_ratios([10, 5, 12], [2, 1, 4]) == Spread(5, 3, 5)
    assert Spread.of([3, 1, 2, 10]) == Spread(2.5, 1, 10)
    with pytest.raises(ValueError, match="no round"):
        Spread.of([])


def test_a_goal_is_met_from_its_limit_on_and_with_all_conditions() -> None:
    more, less = Goal("a", "", 5), Goal("b", "", 0.35, larger_is_better=False)
    assert [more.met_by(value) for value in (4.9, 5, 6)] == [False, True, True]
    assert [less.met_by(value) for value in (0.3, 0.35, 0.4)] == [True, True, False]
    reading = Reading(Spread(6, 5, 7), (Condition("x", True),))
    assert Figure(more, reading).met
    assert Figure(more, replace(reading, conditions=(Condition("x", False),))).met is False
    assert Figure(more, None, "why").met is None


def test_the_keys_are_those_of_the_issue_and_each_belongs_to_one_group() -> None:
    assert [goal.key for goal in GOALS] == KEYS
    assert sorted(key for one in GROUPS.values() for key in one.keys) == sorted(KEYS)


def test_the_report_holds_every_key_with_value_goal_spread_and_whether_it_is_met(tmp_path: Path) -> None:
    measured = {
        "ours": [Measurement({"rate": rate}, rss_mb=7) for rate in (8.0, 9.0)],
        "plain": [Measurement({"rate": 1.0})] * 2,
    }
    results = rounds.GroupResults(group(), measured)
    figures = report.read_figures([results])
    place = report.write(report.to_json(SETTING, figures, [results]), tmp_path)
    values = json.loads(place.read_text(encoding="utf-8"))
    assert values.keys() == {*KEYS, "measured_at", "quick", "rounds", "machine", "versions", "commit", "sides"}
    figure = values["burst.p95_s"]
    assert (figure["value"], figure["goal"], figure["met"], figure["spread"]) == (8.5, 10, True, [8, 9])
    assert values["copy_check.ms"]["value"] is None
    assert values["copy_check.ms"]["why_not"] == report.NOT_ASKED
    assert values["sides"]["test"]["measured"]["ours"]["peak_rss_mb"]["median"] == 7
    assert [file.name for file in sorted(tmp_path.iterdir())] == ["2026-01-02T03-04-05.json", "latest.json"]


def test_what_was_never_reached_is_null_in_the_report() -> None:
    never_reached = Figure(GOALS[0], Reading(Spread.of([math.inf, 0.1, math.inf])))
    assert never_reached.to_json()["value"] is None
    assert json.loads(json.dumps(never_reached.to_json(), allow_nan=False))["spread"] == [0.1, None]


def test_sides_take_turns_and_one_that_fails_is_left_out_while_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[tuple[str, int]] = []

    def run_side(_: Group, side: Side, part: str, terms: Terms) -> Measurement:
        ran.append((f"{part} {side.name}", terms.round))
        if side.name == "broken" and terms.round == 1:
            raise rounds.SideFailedError("It fell over.")
        return Measurement({"rate": 1.0})

    monkeypatch.setattr(rounds, "run_side", run_side)
    own = Side("ours", never, prepare=never)
    broken, absent = Side("broken", never), Side("absent", never, needs=("llama_cpp",))
    said: list[str] = []
    results = rounds.run_group(group(own, broken, absent), TERMS, 3, {}, said.append)
    order = [("ours", 0), ("broken", 0), ("broken", 1), ("ours", 1), ("ours", 2)]
    assert ran == [("prepare ours", 0), *((f"work {name}", number) for name, number in order)]
    assert len(results.measured["ours"]) == 3
    assert results.left_out["broken"] == "It fell over."
    assert "llama_cpp" in results.left_out["absent"]

    figures = report.read_figures([results])  # "plain" is missing: no ratio, but the reason
    assert next(figure for figure in figures if figure.goal.key == "burst.p95_s").why_not.startswith(
        "absent: Needs"
    )
    report.show(SETTING, figures, [results])
    shown = capsys.readouterr().out
    assert "without broken. It fell over." in shown
    assert "burst.p95_s" in shown


def test_a_side_is_only_in_the_quick_run_if_it_is_meant_to_be() -> None:
    results = rounds.run_group(
        group(Side("long", never, in_quick=False)), replace(TERMS, quick=True), 1, {}, print
    )
    assert results.left_out == {"long": "Left out of the quick run."}
    assert GROUPS["time_to_loss"].rounds(3, quick=False) == 4  # one for each corpus
    assert GROUPS["time_to_loss"].rounds(1, quick=True) == 1


def test_a_process_that_breaks_off_gives_its_last_line(tmp_path: Path) -> None:
    with pytest.raises(rounds.SideFailedError, match=r"Broke off: .*voice"):  # nothing was prepared there
        rounds.run_side(GROUPS["speaking"], GROUPS["speaking"].sides[0], "work", replace(TERMS, scratch=tmp_path))


@pytest.mark.parametrize(
    ("body", "answer"), [("return Measurement({'rate': 2.0})", 2.0), ("raise Cannot('No.')", "No.")]
)
def test_the_child_answers_in_a_file_with_what_its_process_took(tmp_path: Path, body: str, answer: object) -> None:
    script = f"""
import sys
from bench import child
from bench.workload import CannotRunError as Cannot, Group, Measurement, Side
def work(terms):
    print('libraries print what they like')
    {body}
child.GROUPS = {{'test': Group('test', (), (Side('ours', work),), lambda _: {{}})}}
sys.argv[1:] = ['test', 'ours', 'work', {TERMS.to_json()!r}, {str(tmp_path / "answer")!r}]
child.main()
"""
    environment = rounds.environment(threads=1)
    subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL
    )
    values = json.loads((tmp_path / "answer").read_text(encoding="utf-8"))
    if answer == "No.":
        assert values == {"cannot": "No."}
    else:
        assert values["figures"] == {"rate": answer}
        assert values["rss_mb"] > 5
        assert values["cpu_seconds"] > 0


def test_every_side_gets_the_same_threads_and_nobodys_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYNAH_SPEAK__CANDIDATES", "1")
    variables = rounds.environment(threads=2)
    assert variables["OMP_NUM_THREADS"] == variables["OPENBLAS_NUM_THREADS"] == "2"
    assert "MYNAH_SPEAK__CANDIDATES" not in variables
    assert variables["PATH"] == os.environ["PATH"]


def test_terms_survive_the_way_to_another_process() -> None:
    terms = replace(TERMS, corpora=Path("/posts"), round=2)
    assert Terms.from_json(terms.to_json()) == terms


def test_the_command_line_refuses_what_there_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert arguments_of(["speaking", "--quick"]).rows == ["speaking"]
    assert arguments_of(["--corpora", str(tmp_path / "missing")]).corpora is None
    with pytest.raises(SystemExit):
        arguments_of(["speeking"])
    assert "there is no row speeking" in capsys.readouterr().err


def test_the_median_of_the_repeats_leaves_out_the_warm_ups() -> None:
    calls: list[int] = []
    assert seconds_of(lambda: calls.append(1), repeats=3, warm_ups=2) < 1
    assert len(calls) == 5


def test_the_peers_run_on_the_products_versions_and_the_product_knows_no_bench() -> None:
    def pinned(file: Path) -> dict[str, str]:
        lines = (line.partition("==") for line in file.read_text(encoding="utf-8").splitlines() if "==" in line)
        return {name.lower(): number for name, _, number in lines}

    own, peers = pinned(ROOT / "constraints.txt"), pinned(CONSTRAINTS)
    assert {name: own[name] for name in peers if name in own} == {n: peers[n] for n in peers if n in own}
    assert peers["torch"] == own["torch"]
    files = [file for layer in FORBIDDEN for file in (ROOT / layer).rglob("*.py")]
    assert not [file for file in files if imported(file) & {"bench", "quality"}]
