"""The bot on X as a process, killed again and again: nothing is lost, nothing is said twice, the bill is right.

MYNAH_TEST_KILLS says how often it is killed, MYNAH_TEST_SEED at which moments; MYNAH_TEST_TROUBLE=1 adds bad days
of X's.
"""

import asyncio
import os
import signal
import time
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import aiohttp
import pytest

from bot.autopost.timing import Timing
from data.store import Draft, NewSchedule, Store
from data.store.ledger import MICRO, RESERVED, today
from tests.discord_server import DiscordServer
from tests.processes import until
from tests.social_processes import VOICE, output, running, set_up, settings_for, start
from tests.test_health import free_port, get
from tests.x_server import Post, XServer

KILLS = int(os.environ.get("MYNAH_TEST_KILLS", "5"))
TROUBLE = os.environ.get("MYNAH_TEST_TROUBLE") == "1"
SEED = int(os.environ.get("MYNAH_TEST_SEED", str(time.time_ns() % 100_000)))
POSTS, MENTIONS = 20, 100
POSTING, TIMELINE, MENTIONING = "/2/tweets", r"/2/users/\d+/tweets", r"/2/users/\d+/mentions"
START_SECONDS = 60.0  # on a busy machine
LATEST = 300.0 if TROUBLE or KILLS > 5 else 90.0  # seconds for what is left, once nobody kills any more

pytestmark = pytest.mark.timeout(120 + 20 * KILLS + LATEST)


@pytest.fixture(name="x")
async def _x() -> AsyncIterator[XServer]:
    async with XServer() as server:
        for endpoint in server.limits.calls:
            server.limits.set(endpoint, 100_000)  # what limits do is another test's
        # A twin must show, unless calls come late: only X's own refusal ends one that is done after all looking.
        server.world.refuses_duplicates = TROUBLE
        yield server


async def schedule(store: Store, when: datetime) -> None:
    """One that comes at that moment, and then not for a long time."""
    timing = Timing.from_words(cron="0 0 1 1 *", timezone="UTC")
    await store.schedules.add(NewSchedule("x", VOICE, timing.to_json(), nominal_at=when, next_at=when))


class Life:
    """What happens on X meanwhile: people mention the bot, until all have, and X has its bad days."""

    def __init__(self, server: XServer, chance: Random, seconds: float) -> None:
        self._server = server
        self._chance = chance
        self._seconds = seconds
        self.mentions: list[Post] = []

    async def go_on(self) -> None:
        for number in range(MENTIONS):
            await asyncio.sleep(self._chance.uniform(0, 2 * self._seconds / MENTIONS))
            author = self._server.add_account(f"person{number}")
            question = f"What of question {number}?" if number % 3 else f"as @{VOICE} what of question {number}?"
            self.mentions.append(self._server.mention(author, question))
            if TROUBLE and len(self._server.faults.waiting) < 3:  # or they would all come at the end
                self._trouble()

    def _trouble(self) -> None:
        faults, chance = self._server.faults, self._chance
        after = chance.random() < 0.5
        what = chance.choice(
            [
                lambda: faults.cut("POST", POSTING, after_effect=after),
                lambda: faults.fail("POST", POSTING, after_effect=after),
                lambda: faults.delay("POST", POSTING, chance.choice([0.3, 3.0]), after_effect=after),
                lambda: faults.rate_limit("POST", POSTING, reset=self._server.clock.now() + 2),
                lambda: faults.fail("GET", TIMELINE),
                lambda: faults.delay("GET", TIMELINE, 3.0, after_effect=after),
                lambda: faults.cut("GET", MENTIONING, after_effect=after),
                lambda: faults.rate_limit("GET", MENTIONING, reset=self._server.clock.now() + 2),
            ]
        )
        what()


def heard_from(server: XServer, calls: int) -> Callable[[], Awaitable[bool]]:
    """Whether a bot has called since there were so many calls."""

    async def at_work() -> bool:
        return len(server.requests) > calls

    return at_work


async def kill_at_random(server: XServer, home: Path, chance: Random) -> str:
    """Start the bot and kill it: as it starts, after a while of work, or when it has just begun to post."""
    moment = chance.choices(["starting", "working", "posting"], [1, 2, 3])[0]
    process = await start(home, settings_for(server))
    calls, posts = len(server.requests), len(list(server.calls("POST /2/tweets")))

    if moment == "starting":
        await asyncio.sleep(chance.uniform(0, 3))
    else:
        await until(heard_from(server, calls), START_SECONDS)
        give_up_at = time.monotonic() + chance.uniform(0, 5)
        wanted = chance.randint(1, 5)
        while time.monotonic() < give_up_at:
            if moment == "posting" and len(list(server.calls("POST /2/tweets"))) >= posts + wanted:
                await asyncio.sleep(chance.uniform(0, 0.02))
                break
            await asyncio.sleep(0.001)
    assert process.returncode is None, output(home)[-2_000:]
    process.kill()
    await process.wait()
    return moment


async def end(process: Process) -> None:
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 20) == 0


async def reserved(store: Store) -> bool:
    """Whether money is set aside for a call whose end is not known."""
    return any(entry.kind == RESERVED for entry in await store.ledger.history(today()[:7]))


async def test_whenever_it_is_killed_all_is_said_once_and_paid_for_once(x: XServer, tmp_path: Path) -> None:
    chance = Random(SEED)
    print(f"seed {SEED}")
    began = time.monotonic()
    span = 7.0 * KILLS  # seconds, about as long as it is killed
    async with set_up(tmp_path) as store:
        now = datetime.now(UTC)
        for number in range(POSTS):
            await schedule(store, now + timedelta(seconds=chance.uniform(-5, span) if number else 0))

        async with running(tmp_path, settings_for(x)):
            await until(listening(store), START_SECONDS)
        life = Life(x, chance, span)
        living = asyncio.create_task(life.go_on())
        kills: Counter[str] = Counter()
        broken_off: set[int] = set()  # drafts that were being posted
        for _ in range(KILLS):
            kills[await kill_at_random(x, tmp_path, chance)] += 1
            broken_off |= {draft.id for draft in await store.drafts.in_state("posting")}
        killed_for = time.monotonic() - began
        half_way = len(x.posted)
        async with running(tmp_path, settings_for(x)) as process:
            await until(heard_from(x, len(x.requests)), START_SECONDS)
            await living

            async def all_done() -> bool:
                drafts = await store.drafts.changed_since(now - timedelta(days=1))
                ended = sum(draft.state in ("posted", "failed", "rejected") for draft in drafts)
                return ended >= POSTS + MENTIONS

            await until(all_done, LATEST)
            await asyncio.sleep(1.5)  # a second one of anything would come now
            await end(process)
        for _ in range(3):  # an end may come between a question and its answer: the next one alive asks it again
            if not await reserved(store):
                break
            async with running(tmp_path, settings_for(x)) as process:
                await until(heard_from(x, len(x.requests) + 3), START_SECONDS)
                await end(process)
        drafts = await store.drafts.changed_since(now - timedelta(days=1))
        spent = await store.ledger.spent(today()[:7])
        booked = {entry.kind: entry.count for entry in await store.ledger.history(today()[:7])}
        looks = len(list(x.calls("GET /2/users/{id}/tweets")))
        print(
            f"{KILLS} kills {dict(kills)} in {killed_for:.0f} s, {half_way} of {POSTS + MENTIONS} said by then, "
            f"{len(broken_off)} broken off as they were posted, all after {time.monotonic() - began:.0f} s; "
            f"{len(x.faults.met)} faults met, "
            f"{len(x.requests)} calls, {looks} looks at own posts; X charged ${x.spent}, booked are "
            f"${Decimal(spent) / MICRO}: {booked}"
        )
        check_that_all_was_said_once(x, drafts, life.mentions)
        assert RESERVED not in booked
        assert Decimal(spent) / MICRO == x.spent


def check_that_all_was_said_once(server: XServer, drafts: list[Draft], mentions: list[Post]) -> None:
    assert Counter(draft.state for draft in drafts) == {"posted": POSTS + MENTIONS}
    # Ours are theirs, each once, and there is nothing else.
    assert sorted(draft.published for draft in drafts) == sorted(str(post.id) for post in server.posted)
    answered = [number for post in server.posted for kind, number in post.references if kind == "replied_to"]
    assert sorted(answered) == sorted(post.id for post in mentions)
    scheduled = [draft for draft in drafts if draft.schedule_id is not None]
    assert sorted(draft.schedule_id or 0 for draft in scheduled) == list(range(1, POSTS + 1))
    assert all("AI parody" in post.text for post in server.posted)


def answered(server: XServer) -> Callable[[], Awaitable[bool]]:
    async def posted() -> bool:
        return bool(server.posted)

    return posted


def listening(store: Store) -> Callable[[], Awaitable[bool]]:
    """Whether the bot knows where mentions begin that are to be answered."""

    async def begun() -> bool:
        return await store.standing.cursor("mentions x") is not None

    return begun


async def test_run_with_nothing_but_x(x: XServer, tmp_path: Path) -> None:
    port = free_port()
    settings = settings_for(x, MYNAH_HEALTH__PORT=str(port))
    async with set_up(tmp_path) as store, running(tmp_path, settings, "run") as process:

        async def ready() -> bool:
            with suppress(aiohttp.ClientError):
                status, told = await get(f"http://127.0.0.1:{port}/readyz")
                return bool(status == 200 and told["parts"] == {"x": True, "store": True})
            return False

        await until(ready, START_SECONDS)
        await until(listening(store), START_SECONDS)
        x.mention(x.add_account("anna"), "How is the fog?")
        await until(answered(x), START_SECONDS)
        _, figures = await get(f"http://127.0.0.1:{port}/metrics")
        assert 'mynah_platform_connected{platform="x"} 1.0' in figures
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 30) == 0
    assert "Connecting to X;" in output(tmp_path)


async def test_wrong_keys_are_one_line_and_no_end(x: XServer, tmp_path: Path) -> None:
    settings = settings_for(x, MYNAH_X__ACCESS_SECRET="wrong")
    async with set_up(tmp_path) as store, running(tmp_path, settings) as process:
        await schedule(store, datetime.now(UTC))

        async def told() -> bool:
            return "MYNAH_X__ACCESS_SECRET" in output(tmp_path)

        await until(told, START_SECONDS)
        await asyncio.sleep(3)
        assert len(x.requests) <= 2  # who am I, and the post that was due: neither is hammered at
        assert process.returncode is None
    assert output(tmp_path).count("signing in to X") == 1
    assert "Traceback" not in output(tmp_path)


async def test_a_discord_that_turns_the_bot_away_leaves_x_alone(x: XServer, tmp_path: Path) -> None:
    async with DiscordServer() as discord, set_up(tmp_path) as store:
        port = free_port()
        settings = settings_for(
            x,
            MYNAH_HEALTH__PORT=str(port),
            MYNAH_DISCORD__TOKEN="never.a.token",
            MYNAH_DISCORD__API_BASE=discord.api_base,
            MYNAH_DISCORD__GATEWAY_URL=discord.gateway_url,
        )
        async with running(tmp_path, settings) as process:

            async def turned_away() -> bool:
                return "Reset Token" in output(tmp_path)

            await until(turned_away, START_SECONDS)
            await until(listening(store), START_SECONDS)
            x.mention(x.add_account("anna"), "How is the fog?")
            await until(answered(x), START_SECONDS)
            status, told = await get(f"http://127.0.0.1:{port}/readyz")
            assert (status, told["parts"]) == (503, {"x": True, "discord": False, "store": True})
            assert process.returncode is None
