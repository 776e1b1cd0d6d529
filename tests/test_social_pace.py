"""How often a platform is asked, and what its bad days do to that: never in a hurry, never given up."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.fronts.social import persistence
from bot.fronts.social.pace import Pace, seconds_to_next_day, stretched
from bot.fronts.social.persistence import persistently
from bot.fronts.social.watched import WatchedPlatform
from bot.governor import Governor, Outlay
from bot.metrics import Metrics
from bot.platforms import DuplicateError, NotDoneError, TurnedDownError, UnclearError
from data.errors import RefusedError
from data.settings import Settings, SpendingSettings
from data.store import Store, open_store
from tests.social_doubles import ScriptedPlatform

# By the budget


@pytest.mark.parametrize(
    ("spent", "day", "times"),
    [
        (0.0, 1, 1.0),
        (1 / 30, 1, 1.0),
        (0.1, 1, 3.0),
        (0.9, 1, 10.0),
        (0.5, 15, 1.0),
        (1.0, 15, 2.0),
        (1.0, 30, 1.0),
    ],
)
def test_looks_become_rare_where_the_budget_runs_ahead_of_the_month(spent: float, day: int, times: float) -> None:
    assert stretched(spent, datetime(2026, 11, day, 12, tzinfo=UTC)) == pytest.approx(times)


def test_days_end_at_midnight_utc() -> None:
    assert seconds_to_next_day(datetime(2026, 11, 30, 23, 59, 30, tzinfo=UTC)) == 31


@pytest.fixture(name="store")
async def _store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(Settings(home=tmp_path, _env_file=None).database) as store:
        yield store


def pace_of(store: Store, platform: str = "x", **spending: float) -> tuple[Pace, Governor]:
    settings = Settings(spending=SpendingSettings(**spending), _env_file=None)
    governor = Governor(store, settings)
    return Pace(ScriptedPlatform(platform), 60.0, settings, store, governor), governor


async def test_what_is_spent_decides(store: Store) -> None:
    pace, governor = pace_of(store, month_dollars=0.5, day_dollars=0.5)
    assert await pace.seconds() == 60.0
    async with governor.call(Outlay("x", "mentions", "post read", most=99)) as receipt:
        receipt.charge(str(number) for number in range(99))  # 0.495 of 0.5 dollars
    now = datetime.now(UTC)
    assert await pace.seconds() == pytest.approx(60.0 * stretched(0.99, now))
    async with governor.call(Outlay("x", "mentions", "post read")) as receipt:
        receipt.charge(["100"])
    assert await pace.seconds() == pytest.approx(seconds_to_next_day(datetime.now(UTC)), abs=1)


async def test_no_budget_is_no_look_and_no_fault(store: Store) -> None:
    pace, _ = pace_of(store, month_dollars=0.0)
    assert await pace.seconds() == pytest.approx(seconds_to_next_day(datetime.now(UTC)), abs=1)


async def test_bluesky_costs_nothing_and_waits_for_no_budget(store: Store) -> None:
    pace, _ = pace_of(store, "bluesky", month_dollars=0.0)
    assert await pace.seconds() == 60.0


# By what went wrong


@pytest.fixture(name="slept")
def _slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited, without waiting."""
    waits: list[float] = []
    sleep = asyncio.sleep

    async def at_once(seconds: float) -> None:
        waits.append(seconds)
        await sleep(0)

    monkeypatch.setattr(persistence.asyncio, "sleep", at_once)
    return waits


async def look(platform: ScriptedPlatform, *errors: Exception) -> None:
    platform.errors = list(errors)
    await persistently("Looking", lambda: platform.heard("0"))


async def test_every_failure_waits_and_none_is_the_end(slept: list[float]) -> None:
    await look(ScriptedPlatform(), *(ValueError(str(number)) for number in range(7)))
    assert slept == [1, 2, 5, 15, 60, 60, 60]


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (NotDoneError("Too many calls.", 321.0), 321.0),
        (NotDoneError("Try again.", 0.0), 1.0),
        (UnclearError("The line was cut."), 1.0),
        (TurnedDownError("X does not accept the keys."), 900.0),
    ],
)
async def test_a_failure_tells_how_long_to_wait(slept: list[float], error: Exception, seconds: float) -> None:
    await look(ScriptedPlatform(), error)
    assert slept == [seconds]


async def test_an_empty_budget_waits_for_the_next_day(slept: list[float]) -> None:
    await look(ScriptedPlatform(), RefusedError("Nothing is left."))
    assert slept == [pytest.approx(seconds_to_next_day(datetime.now(UTC)), abs=1)]


async def test_one_reason_is_one_line_of_the_log(slept: list[float]) -> None:
    keys, cut = TurnedDownError("X does not accept the keys."), UnclearError("The line was cut.")
    with capture_logs() as logs:
        await look(ScriptedPlatform(), keys, keys, keys, cut, ValueError("odd"), ValueError("odd"))
    loud = [(entry["log_level"], entry.get("why", "")) for entry in logs if entry["log_level"] != "info"]
    assert loud == [("warning", str(keys)), ("warning", str(cut)), ("error", "")]


async def test_an_end_is_an_end(slept: list[float]) -> None:
    task = asyncio.create_task(persistently("Looking", asyncio.Event().wait))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# As health checks and metrics see it


async def test_the_last_call_says_whether_a_platform_is_there() -> None:
    platform = ScriptedPlatform()
    watched = WatchedPlatform(platform, Metrics())
    assert not watched.connected
    await watched.account()
    assert watched.connected
    platform.errors = [NotDoneError("Down.", 1), DuplicateError("Twice.")]
    with pytest.raises(NotDoneError):
        await watched.heard("0")
    assert not watched.connected
    with pytest.raises(DuplicateError):
        await watched.publish("Fog.", purpose="draft 1")
    assert watched.connected


async def test_what_becomes_of_posts_is_counted() -> None:
    platform, metrics = ScriptedPlatform(), Metrics()
    watched = WatchedPlatform(platform, metrics)
    await watched.publish("Fog.", purpose="draft 1")
    await watched.publish("Fog, too.", purpose="draft 2", reply_to="7")
    platform.errors = [UnclearError("Cut.")]
    with pytest.raises(UnclearError):
        await watched.publish("More fog.", purpose="draft 3", reply_to="8")
    assert await watched.find("More fog.", purpose="draft 3", since=datetime.now(UTC)) is None
    assert await watched.find("Fog.", purpose="draft 1", since=datetime.now(UTC)) == "901"
    watched.measure(metrics)
    lines = metrics.text().decode().splitlines()
    for line in (
        'mynah_posts_total{outcome="posted",platform="x"} 2.0',
        'mynah_posts_total{outcome="unclear",platform="x"} 1.0',
        'mynah_posts_total{outcome="found",platform="x"} 1.0',
        'mynah_replies_total{front="x"} 1.0',
        'mynah_platform_connected{platform="x"} 1.0',
    ):
        assert line in lines
