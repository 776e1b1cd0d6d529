"""`mynah spend`: the table, the sums against the budget, the plot; also of a month in which nothing was spent."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from bot.cli import app
from data.errors import InputError
from data.settings import Settings
from data.store import Charge, open_store

TODAY = "2026-11-21"


@pytest.fixture(name="home", autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MYNAH_HOME", str(tmp_path))
    monkeypatch.setattr("bot.cli.spend.today", lambda: TODAY)
    return tmp_path


def spend(home: Path, monkeypatch: pytest.MonkeyPatch, day: str, *charges: Charge, platform: str = "x") -> None:
    """Book what was spent on a day, and keep something reserved for a call that never came back."""

    async def work() -> None:
        async with open_store(Settings(home=home, _env_file=None).database) as store:
            await store.ledger.settle(platform, f"of {day}", charges, writing=False)
            if platform == "x":
                await store.ledger.reserve(
                    platform, "lost", "post read", 100_000, day_limit=10**9, month_limit=10**9
                )

    with monkeypatch.context() as patch:
        patch.setattr("data.store.ledger.today", lambda: day)
        asyncio.run(work())


def run(*arguments: str, **settings: str) -> Result:
    return CliRunner().invoke(app, ["spend", *arguments], env=settings)


def test_what_was_spent_stands_by_kind_and_day_beside_the_budget(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = [Charge("post read", str(number), 5_000) for number in range(100)]
    spend(home, monkeypatch, "2026-10-31", *reads)
    spend(home, monkeypatch, "2026-11-02", *reads, Charge("post", "p1", 15_000))
    spend(home, monkeypatch, TODAY, Charge("post", "p2", 15_000))
    spend(home, monkeypatch, TODAY, Charge("post", "b1", 0), platform="bluesky")

    shown = run()
    assert shown.exit_code == 0
    lines = [line.split() for line in shown.stdout.splitlines()]
    for row in (
        ["X", "post", "read", "100", "0.500"],
        ["X", "post", "2", "0.030"],
        ["X", "reserved", "2", "0.200"],
        ["Bluesky", "post", "1", "0.000"],
    ):
        assert row in lines
    assert "15%  $0.730 of $5.00" in shown.stdout
    assert "12%  $0.115 of $1.00" in shown.stdout
    assert "$0.200 of it is set aside" in shown.stdout
    assert "Prices of 2026-11-21 (built in)" in shown.stdout
    # Columns of blocks stand over the second and the twenty-first.
    floor = next(line for line in shown.stdout.splitlines() if line.startswith("   0.000 │"))
    assert [place for place, mark in enumerate(floor[10:]) if mark != " "] == [2, 40]
    assert max(len(line.rstrip()) for line in shown.stdout.splitlines()) < 80

    summary: dict[str, Any] = json.loads(run("--json").stdout)
    assert summary["month"] == {"dollars": 0.73, "limit": 5.0}
    assert summary["today"] == {"dollars": 0.115, "limit": 1.0}
    assert summary["reserved"] == 0.2
    assert {"day": TODAY, "platform": "x", "kind": "post", "count": 1, "dollars": 0.015} in summary["rows"]

    earlier = json.loads(run("--month", "2026-10", "--json").stdout)
    assert earlier["month"]["dollars"] == 0.6
    assert "today" not in earlier
    assert "October 2026" in run("--month", "2026-10").stdout


def test_nothing_spent_looks_like_nothing() -> None:
    shown = run()
    assert shown.exit_code == 0
    assert "Nothing was spent in November 2026." in shown.stdout
    assert "0%  $0.000 of $5.00" in shown.stdout
    assert "dollars by day" not in shown.stdout
    assert json.loads(run("--json").stdout)["rows"] == []


def test_a_budget_that_is_used_up_or_nothing_fills_its_bar(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spend(home, monkeypatch, TODAY, Charge("post", "1", 15_000))
    shown = run(MYNAH_SPENDING__MONTH_DOLLARS="0.01", MYNAH_SPENDING__DAY_DOLLARS="0").stdout
    month, day = (line for line in shown.splitlines() if " of $" in line)
    assert "1150%" in month
    assert "─" not in month + day


@pytest.mark.parametrize("month", ["2026-13", "November", "2026-1", "2026-11-21"])
def test_what_is_no_month_is_refused(month: str) -> None:
    refused = run("--month", month)
    assert isinstance(refused.exception, InputError)
    assert "2026-11" in str(refused.exception)


def test_a_broken_price_file_is_told_in_a_sentence(home: Path) -> None:
    refused = run(MYNAH_SPENDING__PRICES=str(home / "none.toml"))
    assert isinstance(refused.exception, InputError)
    assert "none.toml" in str(refused.exception)
