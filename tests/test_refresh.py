"""Voices keep up: what timelines have that is new comes, and who gained enough learns anew, once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.governor import Governor
from bot.platforms import NotDoneError
from bot.refreshing import CURSOR, Refresher, keep_fresh
from bot.timelines import Timelines
from data.errors import InputError, NotFoundError
from data.settings import RefreshSettings, Settings
from data.store import Store, open_store
from tests.posts import bring
from tests.processes import until
from tests.timeline_doubles import TimelinePlatform, permitted, trained
from tests.tiny_voices import tiny_base
from trainer.voice import RECORD


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return permitted(tmp_path, base=str(tiny_base(tmp_path / "base")), refresh=RefreshSettings(least_posts=30))


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[Store]:
    async with open_store(settings.database) as opened:
        yield opened


@pytest.fixture
def x() -> TimelinePlatform:
    return TimelinePlatform(page=100)


@pytest.fixture
def bluesky() -> TimelinePlatform:
    return TimelinePlatform("bluesky", page=100)


@pytest.fixture
def refresher(store: Store, settings: Settings, x: TimelinePlatform, bluesky: TimelinePlatform) -> Refresher:
    return Refresher(store, settings, {"x": x, "bluesky": bluesky})


async def imported(store: Store, settings: Settings, platform: TimelinePlatform, handle: str, posts: int) -> None:
    platform.write(handle, posts)
    timelines = Timelines(store, settings)
    await timelines.fetch(platform, await timelines.look(platform, handle))


async def test_new_posts_come_and_a_voice_that_gained_enough_learns_anew(
    store: Store, settings: Settings, x: TimelinePlatform, refresher: Refresher
) -> None:
    await imported(store, settings, x, "keeper", 300)
    key = await trained(store, settings, "keeper")
    x.write("keeper", 60)
    x.given.clear()
    refreshed = await refresher.once()
    assert [(one.handle, one.platform, one.new, one.said) for one in refreshed.timelines] == [
        ("keeper", "x", 60, "")
    ]
    assert len(x.given) == 60
    (renewal,) = refreshed.voices
    assert renewal.voice == "keeper"
    assert 30 <= renewal.gained <= 60
    assert renewal.run is not None
    assert (renewal.created, renewal.run.state, renewal.run.base) == (True, "queued", settings.base)
    assert renewal.run.voice_key != key
    again = await refresher.once()
    assert (again.timelines[0].new, again.voices[0].created) == (0, False)
    assert len(await store.runs.active()) == 1


async def test_too_little_that_is_new_changes_nothing(
    store: Store, settings: Settings, x: TimelinePlatform, refresher: Refresher
) -> None:
    await imported(store, settings, x, "keeper", 300)
    await trained(store, settings, "keeper")
    x.write("keeper", 10)
    (renewal,) = (await refresher.once()).voices
    assert 1 <= renewal.gained <= 10
    assert renewal.run is None
    (renewal,) = await refresher.renew(least=renewal.gained)
    assert renewal.run is not None


async def test_a_cyborg_learns_from_what_either_wrote_and_files_count(
    store: Store, settings: Settings, x: TimelinePlatform, refresher: Refresher
) -> None:
    await imported(store, settings, x, "keeper", 300)
    await bring(store, "robot", count=300, seed=1)
    await trained(store, settings, "keeper", "robot")
    await trained(store, settings, "keeper")
    await bring(store, "robot", count=400, seed=1)
    renewals = (await refresher.once()).voices
    assert [(one.voice, one.gained >= 30, one.run is not None) for one in renewals] == [
        ("keeper", False, False),
        ("keeper+robot", True, True),
    ]


async def test_only_the_newest_voice_of_a_name_is_looked_at(
    store: Store, settings: Settings, x: TimelinePlatform, refresher: Refresher
) -> None:
    await imported(store, settings, x, "keeper", 300)
    await trained(store, settings, "keeper")
    await bring(store, "keeper", count=100, seed=3)
    await trained(store, settings, "keeper")
    (renewal,) = (await refresher.once()).voices
    assert (renewal.gained, renewal.run) == (0, None)


async def test_what_goes_wrong_with_one_keeps_no_other(
    store: Store, settings: Settings, x: TimelinePlatform, bluesky: TimelinePlatform, refresher: Refresher
) -> None:
    await imported(store, settings, x, "gone", 300)
    await imported(store, settings, x, "keeper", 300)
    await imported(store, settings, bluesky, "robot.bsky.social", 300)
    await trained(store, settings, "gone")
    await trained(store, settings, "robot.bsky.social")
    x.refused["gone"] = "@gone is suspended."
    x.write("keeper", 150)
    bluesky.write("robot.bsky.social", 60)
    looked = await refresher.look()
    assert [(one.handle, round(one.dollars, 3)) for one in looked] == [
        ("gone", 0.0),
        ("keeper", 0.75),
        ("robot.bsky.social", 0.0),
    ]
    x.errors = {x.pages + 2: NotDoneError("X's limit is used up.", 500)}
    fetched = await refresher.fetch(looked)
    assert [(one.handle, one.new) for one in fetched] == [("gone", 0), ("keeper", 100), ("robot.bsky.social", 60)]
    assert fetched[0].said == "@gone is suspended."
    assert "X's limit is used up." in fetched[1].said
    assert fetched[2].said == ""
    (settings.voices / (await store.voices.newest("gone")).key / RECORD).write_text("{")  # type: ignore[union-attr]
    renewals = await refresher.renew()
    assert "damaged" in renewals[0].said
    assert renewals[1].run is not None


async def test_an_opted_out_voice_is_neither_fetched_nor_trained(
    store: Store, settings: Settings, x: TimelinePlatform, refresher: Refresher
) -> None:
    await imported(store, settings, x, "keeper", 300)
    await trained(store, settings, "keeper")
    await store.consent.opt_out("keeper", None)
    x.write("keeper", 60)
    x.looked_up.clear()
    refreshed = await refresher.once(least=1)
    assert x.looked_up == []
    assert "opted out" in refreshed.timelines[0].said
    assert "opted out" in refreshed.voices[0].said
    assert await store.runs.active() == []


async def test_only_the_handles_that_were_named(
    store: Store, settings: Settings, x: TimelinePlatform, refresher: Refresher
) -> None:
    for handle in ("keeper", "robot"):
        await imported(store, settings, x, handle, 300)
        await trained(store, settings, handle)
        x.write(handle, 60)
    refreshed = await refresher.once(["@Robot"])
    assert [one.handle for one in refreshed.timelines] == [one.voice for one in refreshed.voices] == ["robot"]
    with pytest.raises(NotFoundError, match="no posts of @nobody"):
        await refresher.once(["nobody"])
    with pytest.raises(InputError, match="not an account name"):
        await refresher.once(["two words"])


async def test_without_permission_x_is_left_alone(store: Store, settings: Settings, x: TimelinePlatform) -> None:
    await imported(store, settings, x, "keeper", 300)
    x.looked_up.clear()
    barred = settings.model_copy(update={"x": settings.x.model_copy(update={"training_permitted": False})})
    (fetched,) = (await Refresher(store, barred, {"x": x}).once()).timelines
    assert "MYNAH_X__TRAINING_PERMITTED" in fetched.said
    assert x.looked_up == []


async def test_the_bot_refreshes_when_it_is_time_restarts_included(
    store: Store, settings: Settings, x: TimelinePlatform, bluesky: TimelinePlatform
) -> None:
    await imported(store, settings, x, "keeper", 300)
    platforms = {"x": x, "bluesky": bluesky}
    weekly = settings.model_copy(update={"refresh": RefreshSettings(every="7d", least_posts=30)})
    governor = Governor(store, weekly)
    x.looked_up.clear()

    async def started() -> str | None:
        return await store.standing.cursor(CURSOR)  # type: ignore[no-any-return]

    first = asyncio.create_task(keep_fresh(store, weekly, platforms, governor))
    began = await until(started)
    await asyncio.sleep(0.3)
    assert datetime.now(UTC) - datetime.fromisoformat(began) < timedelta(minutes=1)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert x.looked_up == []  # the first time is a week from now

    x.write("keeper", 60)
    await store.standing.move(CURSOR, (datetime.now(UTC) - timedelta(days=8)).isoformat())
    second = asyncio.create_task(keep_fresh(store, weekly, platforms, governor))

    async def all_came() -> bool:
        return len(await store.posts.posts("keeper")) == 360

    await until(all_came)
    await asyncio.sleep(0.3)
    assert x.looked_up == ["keeper"]  # and now it waits for another week
    assert not second.done()
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    began = await started()
    assert began is not None
    assert datetime.now(UTC) - datetime.fromisoformat(began) < timedelta(minutes=1)


async def test_a_fault_does_not_end_it(
    store: Store, settings: Settings, x: TimelinePlatform, caplog: pytest.LogCaptureFixture
) -> None:
    await imported(store, settings, x, "keeper", 300)
    often = settings.model_copy(update={"refresh": RefreshSettings(every="1m")})
    await store.standing.move(CURSOR, (datetime.now(UTC) - timedelta(days=8)).isoformat())
    x.accounts["keeper"] = None  # type: ignore[assignment]
    x.posts[None] = None  # type: ignore[assignment,index]
    task = asyncio.create_task(keep_fresh(store, often, {"x": x}, Governor(store, often)))

    async def looked() -> bool:
        return len(x.looked_up) > 1

    await until(looked)
    await asyncio.sleep(0.1)
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("every", ["", "now and then"])
async def test_without_a_span_nothing_is_refreshed(
    store: Store, settings: Settings, x: TimelinePlatform, every: str
) -> None:
    never = settings.model_copy(update={"refresh": RefreshSettings.model_construct(every=every)})
    await asyncio.wait_for(keep_fresh(store, never, {"x": x}, Governor(store, never)), 5)
