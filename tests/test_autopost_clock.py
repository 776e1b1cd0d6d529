"""The clock: what is due is entered once, what was missed is made up once or skipped, and never in a burst."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.autopost.clock import Clock
from bot.autopost.timing import Timing
from bot.catalogue import Catalogue
from data.settings import AutopostSettings, Settings
from data.store import NewSchedule, Schedule, Store, open_store
from tests.autopost_process import VOICE, prepare
from tests.processes import until

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


class Hand:
    """A clock's time, moved by the test."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(name="store")
async def _store(tmp_path: Path) -> AsyncIterator[Store]:
    settings = Settings(home=tmp_path, _env_file=None)
    async with open_store(settings.database) as store:
        await prepare(store, settings)
        yield store


@pytest.fixture(name="hand")
def _hand() -> Hand:
    return Hand()


def clock(store: Store, tmp_path: Path, hand: Hand | None = None, **autopost: Any) -> Clock:
    settings = Settings(home=tmp_path, autopost=AutopostSettings(**autopost), _env_file=None)
    more: dict[str, Any] = {"now": hand} if hand else {}
    return Clock(store, settings, Catalogue(store, settings), reread_seconds=0.05, **more)


async def schedule(
    store: Store, at: datetime = NOON, *, words: dict[str, str] | None = None, **more: Any
) -> Schedule:
    timing = Timing.from_words(**{"timezone": "UTC"} | (words or {"every": "6h"}))
    return await store.schedules.add(
        NewSchedule("x", VOICE, timing.to_json(), nominal_at=at, next_at=timing.moved(at, lambda: 0.5), **more)
    )


async def next_of(store: Store, made: Schedule) -> datetime:
    found = await store.schedules.get(made.id)
    assert found is not None
    assert found.next_at is not None
    return found.next_at


async def test_what_is_due_is_entered_once(store: Store, tmp_path: Path, hand: Hand) -> None:
    made = await schedule(store, prompt="The fog", approve=True, channel="discord:1", person="discord:2")
    ticking = clock(store, tmp_path, hand)
    hand.now = NOON - timedelta(seconds=1)
    await ticking.fire_due()
    assert not await store.drafts.recent()
    hand.now = NOON
    for _ in range(3):
        await ticking.fire_due()
    [draft] = await store.drafts.recent()
    assert draft.key == f"schedule {made.id} {NOON.isoformat()}"
    assert (draft.platform, draft.voice, draft.prompt) == ("x", VOICE, "The fog")
    assert (draft.state, draft.approve, draft.channel, draft.person) == ("due", True, "discord:1", "discord:2")
    assert await next_of(store, made) == NOON + timedelta(hours=6)


async def test_chance_does_not_add_up(store: Store, tmp_path: Path, hand: Hand) -> None:
    made = await schedule(store, words={"every": "1h", "jitter": "20m"})
    ticking = clock(store, tmp_path, hand, most_drafts=100)
    for number in range(1, 21):
        hand.now = await next_of(store, made)
        await ticking.fire_due()
        nominal = NOON + timedelta(hours=number)
        assert nominal <= await next_of(store, made) <= nominal + timedelta(minutes=20)
    assert len(await store.drafts.recent(100)) == 20


@pytest.mark.parametrize(("missed", "drafts"), [("once", 1), ("skip", 0)])
@pytest.mark.parametrize("words", [{"every": "1h"}, {"cron": "0 * * * *"}])
async def test_what_a_sleeping_machine_missed(
    store: Store, tmp_path: Path, hand: Hand, missed: str, drafts: int, words: dict[str, str]
) -> None:
    made = await schedule(store, words=words)
    hand.now = NOON + timedelta(days=3, minutes=20)
    ticking = clock(store, tmp_path, hand, missed=missed)
    for _ in range(5):
        await ticking.fire_due()
    assert len(await store.drafts.recent()) == drafts
    assert hand.now < await next_of(store, made) <= hand.now + timedelta(hours=1)


async def test_a_little_late_is_not_missed(store: Store, tmp_path: Path, hand: Hand) -> None:
    made = await schedule(store, words={"every": "1m"})
    hand.now = NOON + timedelta(minutes=9)
    ticking = clock(store, tmp_path, hand, missed="skip")
    for _ in range(12):
        await ticking.fire_due()
    assert len(await store.drafts.recent()) == 1  # though nine times have passed
    assert await next_of(store, made) > hand.now


async def test_daylight_saving_is_kept(store: Store, tmp_path: Path) -> None:
    before = datetime(2026, 3, 28, 8, 0, tzinfo=UTC)  # 09:00 CET
    made = await schedule(store, before, words={"cron": "0 9 * * *", "timezone": "Europe/Berlin"})
    await clock(store, tmp_path, Hand(before)).fire_due()
    assert await next_of(store, made) == datetime(2026, 3, 29, 7, 0, tzinfo=UTC)  # 09:00 CEST, 23 hours later


async def test_drafts_that_wait_hold_up_their_schedule(store: Store, tmp_path: Path, hand: Hand) -> None:
    made = await schedule(store, words={"every": "1h"}, approve=True)
    other = await schedule(store, words={"every": "1h"}, approve=True)
    ticking = clock(store, tmp_path, hand, most_drafts=2)
    for _ in range(5):
        await ticking.fire_due()
        hand.now += timedelta(hours=1)
    assert len(await store.drafts.of_schedule(made.id, "due")) == 2
    assert len(await store.drafts.of_schedule(other.id, "due")) == 2
    assert await next_of(store, made) == hand.now
    [first, _] = await store.drafts.of_schedule(made.id, "due")
    await store.drafts.move(first.id, "due", "rejected")
    await ticking.fire_due()
    assert len(await store.drafts.of_schedule(made.id, "due")) == 2


async def test_a_schedule_whose_voice_opted_out_pauses_itself(store: Store, tmp_path: Path, hand: Hand) -> None:
    made = await schedule(store)
    gone = await store.schedules.add(NewSchedule("x", "nobody", made.timing, nominal_at=NOON, next_at=NOON))
    well = await store.schedules.add(NewSchedule("x", VOICE, {"every": "nonsense"}, nominal_at=NOON, next_at=NOON))
    await store.consent.opt_out(VOICE, None)
    assert await clock(store, tmp_path, hand).fire_due() == []
    assert [one.paused for one in await store.schedules.all() if one.id in (made.id, gone.id, well.id)] == [
        True
    ] * 3
    assert not await store.drafts.recent()


async def test_a_paused_schedule_does_nothing(store: Store, tmp_path: Path, hand: Hand) -> None:
    made = await schedule(store)
    await store.schedules.pause(made.id)
    assert await clock(store, tmp_path, hand).fire_due() == []
    assert not await store.drafts.recent()


async def test_two_clocks_enter_one_draft(store: Store, tmp_path: Path, hand: Hand) -> None:
    for _ in range(5):
        await schedule(store)
    async with open_store(Settings(home=tmp_path, _env_file=None).database) as second:
        await asyncio.gather(
            *(clock(one, tmp_path, hand).fire_due() for one in (store, second, store, second)),
        )
    assert len(await store.drafts.recent(100)) == 5


async def test_the_real_clock_fires_at_its_time(store: Store, tmp_path: Path) -> None:
    """With rereading so rare that only the schedule's own job can be it."""
    settings = Settings(home=tmp_path, _env_file=None)
    due = asyncio.Event()
    at = datetime.now(UTC) + timedelta(seconds=0.3)
    await schedule(store, at)
    async with Clock(store, settings, Catalogue(store, settings), on_due=due.set, reread_seconds=60):
        async with asyncio.timeout(5):
            await due.wait()
    assert datetime.now(UTC) >= at
    assert len(await store.drafts.recent()) == 1


async def test_the_real_clock_sees_what_another_process_changed(store: Store, tmp_path: Path) -> None:
    removed = await schedule(store, datetime.now(UTC) + timedelta(seconds=0.5))
    async with clock(store, tmp_path):
        await asyncio.sleep(0.1)
        async with open_store(Settings(home=tmp_path, _env_file=None).database) as other:
            await other.schedules.remove(removed.id)
            added = await schedule(other, datetime.now(UTC))
        drafts = await until(store.drafts.recent, 5)
        await asyncio.sleep(0.6)
    assert [draft.schedule_id for draft in drafts] == [added.id]
    assert len(await store.drafts.recent()) == 1


async def test_the_clock_survives_a_database_that_fails(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await schedule(store, datetime.now(UTC))
    all_schedules, failures = store.schedules.all, 2

    async def failing() -> list[Schedule]:
        nonlocal failures
        if failures:
            failures -= 1
            raise OSError("the disk is busy")
        return await all_schedules()

    monkeypatch.setattr(store.schedules, "all", failing)
    async with clock(store, tmp_path):
        await until(store.drafts.recent, 5)
