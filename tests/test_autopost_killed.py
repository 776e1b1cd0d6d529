"""Killed anywhere on the way, a due post still goes out exactly once, and the books are right to the cent."""

import asyncio
import random
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import update

from bot.autopost.timing import Timing
from data.settings import Settings
from data.store import NewDraft, NewSchedule, Store, open_store
from data.store.ledger import MICRO
from data.store.tables import drafts
from tests.autopost_process import (
    VOICE,
    KilledError,
    Points,
    open_world,
    prepare,
    settings_for,
    unended,
)
from tests.processes import ROOT, environment
from tests.x_server import XServer

CREATE = "/2/tweets"
TROUBLES: dict[str, Callable[[XServer], None]] = {
    "no trouble": lambda x: None,
    "the answer is lost": lambda x: x.faults.cut("POST", CREATE, after_effect=True),
    "the request is lost": lambda x: x.faults.cut("POST", CREATE),
}


def killed() -> None:
    raise KilledError


async def make_due(store: Store) -> None:
    """A post whose time came an instant ago."""
    now = datetime.now(UTC).replace(microsecond=0)
    timing = Timing.from_words(every="6h", timezone="UTC").to_json()
    await store.schedules.add(NewSchedule("x", VOICE, timing, nominal_at=now, next_at=now))


async def let_leases_end(settings: Settings) -> None:
    """As if so much time had passed."""
    async with open_store(settings.database) as store, store._database.writer.begin() as connection:
        await connection.execute(update(drafts).where(drafts.c.lease_until.is_not(None)).values(lease_until=0))


async def live(settings: Settings, points: Points | None = None) -> bool:
    """A process's life, until all is done; False where it was killed."""
    await let_leases_end(settings)
    try:
        async with open_world(settings, points=points) as world:
            await world.work_until_ended()
    except KilledError:
        return False
    except BaseExceptionGroup as group:
        if group.subgroup(KilledError) is None:
            raise
        return False
    return True


async def refuse_errors(settings: Settings, x: XServer, posts: int, where: object = "") -> None:
    """Each draft stands on X once, under its own id, and the books say what the bill says."""
    async with open_store(settings.database) as store:
        found = await store.drafts.recent(1_000)
        assert [draft.state for draft in found] == ["posted"] * posts, (where, found)
        standing = {str(post.id): post.text for post in x.posted}
        assert standing == {draft.published: f"{draft.text}\n\n🤖 AI parody" for draft in found}, where
        assert len({draft.text for draft in found}) == posts
        spent = await store.ledger.spent(f"{datetime.now(UTC):%Y}")
        assert Decimal(spent) / MICRO == x.spent, where


@pytest.fixture(name="template")
async def _template(tmp_path: Path) -> Path:
    """A home with a voice and a post that is due, to be copied for each death."""
    home = tmp_path / "template"
    settings = Settings(home=home, _env_file=None)
    async with open_store(settings.database) as store:
        await prepare(store, settings)
        await make_due(store)
    return home


async def die(template: Path, trouble: Callable[[XServer], None], *deaths: Points) -> list[bool]:
    """Lives that end at these points and one that is spared, in a new world; gives which were lived to the end."""
    home = template.with_name("home")
    shutil.copytree(template, home)
    async with XServer() as x:
        trouble(x)
        settings = settings_for(x, home, autopost={"settle_seconds": 0.0})
        lived = [await live(settings, points) for points in deaths]
        await live(settings)
        await refuse_errors(settings, x, 1, [points.passed[-1:] for points in deaths])
    shutil.rmtree(home)
    return lived


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("trouble", TROUBLES)
async def test_killed_at_every_point(template: Path, trouble: str) -> None:
    """And once more at any point of the second life."""
    whole = Points()
    assert await die(template, TROUBLES[trouble], whole) == [True]
    # Up to the first request one trouble is like the other.
    first = 0 if trouble == "no trouble" else whole.passed.index("request") - 1
    for number in range(first, len(whole.passed)):
        second = random.Random(number).randrange(len(whole.passed))
        lived = await die(template, TROUBLES[trouble], Points(number, killed), Points(second, killed))
        assert not lived[0]


@pytest.fixture(name="x")
async def _x() -> AsyncIterator[XServer]:
    async with XServer() as server:
        yield server


@pytest.fixture(name="settings")
async def _settings(x: XServer, tmp_path: Path) -> Settings:
    settings = settings_for(x, tmp_path / "home", x={"timeout_seconds": 1.0}, autopost={"settle_seconds": 0.1})
    async with open_store(settings.database) as store:
        await prepare(store, settings)
    return settings


def popen(settings: Settings, *arguments: object) -> subprocess.Popen[bytes]:
    """A process of its own with these settings."""
    x = {
        f"MYNAH_X__{name.upper()}": getattr(settings.x, name).get_secret_value()
        for name in ("api_key", "api_secret", "access_token", "access_secret")
    }
    more = {
        "MYNAH_X__API_BASE": settings.x.api_base,
        "MYNAH_X__TIMEOUT_SECONDS": str(settings.x.timeout_seconds),
        "MYNAH_AUTOPOST__SETTLE_SECONDS": str(settings.autopost.settle_seconds),
        "MYNAH_SPENDING__DAY_DOLLARS": str(settings.spending.day_dollars),
    }
    command = [sys.executable, "-m", "tests.autopost_process", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, env=environment(settings.home, **x, **more), stdout=subprocess.PIPE)


async def start(settings: Settings, *arguments: object) -> subprocess.Popen[bytes]:
    """The same, when it is at work."""
    process = popen(settings, *arguments)
    assert process.stdout is not None
    assert await asyncio.to_thread(process.stdout.readline) == b"at work\n"
    return process


async def ended(process: subprocess.Popen[bytes], seconds: float = 60.0) -> int:
    await asyncio.to_thread(process.communicate, timeout=seconds)
    return process.returncode


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_processes_that_are_gone_at_a_point(settings: Settings, x: XServer) -> None:
    """A handful: the others are found in the fast way."""
    async with open_store(settings.database) as store:
        await make_due(store)
    for last in (20, 45, 50, 55):
        assert await ended(await start(settings, last)) in (9, 0)
        await let_leases_end(settings)
    assert await ended(await start(settings)) == 0
    await refuse_errors(settings, x, 1)


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_killed_at_random_while_twenty_posts_are_due(settings: Settings, x: XServer) -> None:
    """SIGKILL at any instant, within a transaction or a request too, while X has troubles of its own."""
    chance = random.Random(4)
    x.faults.cut("POST", CREATE, after_effect=True, times=2)
    x.faults.fail("POST", CREATE, status=503, times=2)
    deaths = 0
    async with open_store(settings.database) as store:
        for number in range(20):
            await store.drafts.enter(NewDraft(f"post {number}", "x", VOICE))
        while await unended(store) and deaths < 10:
            process = await start(settings)
            await asyncio.sleep(chance.uniform(0.02, 0.4))
            process.kill()
            await ended(process)
            deaths += 1
            await let_leases_end(settings)
    assert await ended(await start(settings), 120) == 0
    assert deaths > 1
    await refuse_errors(settings, x, 20)


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_two_processes_at_once(settings: Settings, x: XServer) -> None:
    async with open_store(settings.database) as store:
        for _ in range(6):
            await make_due(store)
        for number in range(6):
            await store.drafts.enter(NewDraft(f"post {number}", "x", VOICE))
    both = await asyncio.gather(start(settings), start(settings))
    assert [await ended(process) for process in both] == [0, 0]
    await refuse_errors(settings, x, 12)
