"""Timelines over the wire: the real clients, X and Bluesky on loopback, and the bill to the cent."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.governor import Governor
from bot.platforms import NoAccountError
from bot.timelines import Timelines, open_sources
from bot.timelines.reading import UnfinishedError
from data.collect import Collected
from data.errors import InputError, RefusedError
from data.posts import timeline_cursor
from data.settings import BlueskySettings, Settings
from data.store import Store, open_store
from data.store.ledger import MICRO, today
from tests.bluesky_server import BlueskyServer
from tests.x_platforms import x_settings
from tests.x_server import Account, XServer
from tests.x_server.bill import POST_READ
from tests.x_server.specification import checked_server

TIMELINE = r"/2/users/\d+/tweets"
FEED = r".*app\.bsky\.feed\.getAuthorFeed"


class Workshop:
    """One home, its store, and the command's way from a handle to a corpus."""

    def __init__(self, settings: Settings, store: Store, platform: str) -> None:
        self.settings, self.store, self.platform = settings, store, platform

    async def read(self, handle: str = "keeper") -> Collected:
        governor = Governor(self.store, self.settings)
        async with open_sources([self.platform], self.settings, governor) as sources:
            timelines = Timelines(self.store, self.settings, longest_wait=0.0)
            prospect = await timelines.look(sources[self.platform], handle)
            return await timelines.fetch(sources[self.platform], prospect)

    async def spent(self) -> Decimal:
        """Dollars by our own books, with what is set aside."""
        return Decimal(await self.store.ledger.spent(today())) / MICRO

    async def reserved(self) -> int:
        return sum(row.count for row in await self.store.ledger.history(today()) if row.kind == "reserved")


@pytest.fixture
async def x() -> AsyncIterator[XServer]:
    async with checked_server() as server:
        yield server


@pytest.fixture
async def bluesky() -> AsyncIterator[BlueskyServer]:
    async with BlueskyServer() as server:
        yield server


@pytest.fixture
async def at_x(x: XServer, tmp_path: Path) -> AsyncIterator[Workshop]:
    async with workshop(tmp_path, x) as opened:
        yield opened


@pytest.fixture
async def at_bluesky(bluesky: BlueskyServer, tmp_path: Path) -> AsyncIterator[Workshop]:
    of_bluesky = BlueskySettings(service=bluesky.origin, public_api=bluesky.public_origin)
    settings = Settings(home=tmp_path, bluesky=of_bluesky, _env_file=None)
    async with open_store(settings.database) as store:
        yield Workshop(settings, store, "bluesky")


@asynccontextmanager
async def workshop(home: Path, x: XServer, dollars: float = 100.0, **of_x: Any) -> AsyncIterator[Workshop]:
    """At X, with so much to spend; `of_x` are its settings."""
    money = {"month_dollars": dollars, "day_dollars": dollars}
    of_x = {"training_permitted": True, "timeout_seconds": 5.0} | of_x
    settings = Settings(home=home, x=x_settings(x, **of_x), spending=money, _env_file=None)
    async with open_store(settings.database) as store:
        yield Workshop(settings, store, "x")


def paid_reads(x: XServer) -> list[int]:
    """The posts that were charged, each as often as it was."""
    return [charge.resource for charge in x.bill.charges if charge.kind == POST_READ and charge.dollars]


def author(x: XServer, posts: int) -> Account:
    account = x.add_account("Keeper")
    x.fill(account, posts)
    return account


# X


async def test_a_whole_timeline_costs_what_was_quoted(x: XServer, at_x: Workshop) -> None:
    author(x, 250)
    collected = await at_x.read()
    assert (collected.added.new, collected.corpus.counts.downloaded) == (250, 250)
    assert await at_x.spent() == x.spent == Decimal("0.010") + 250 * Decimal("0.005")
    assert (collected.provenance.source, collected.provenance.file_name) == ("x-api", "@keeper")


@pytest.mark.parametrize("page", range(1, 5))
@pytest.mark.parametrize("charged", [False, True], ids=["before X heard", "after X charged"])
async def test_a_line_cut_at_any_page_is_gone_on_from_and_paid_once(
    x: XServer, at_x: Workshop, page: int, charged: bool
) -> None:
    author(x, 350)
    if page > 1:
        x.faults.delay("GET", TIMELINE, 0.0, times=page - 1)
    x.faults.cut("GET", TIMELINE, after_effect=charged)
    with pytest.raises(Exception, match="broke"):
        await at_x.read()
    assert len(await at_x.store.posts.posts("keeper")) == 100 * (page - 1)
    assert await at_x.spent() >= x.spent
    collected = await at_x.read()
    assert collected.corpus.counts.downloaded == 350
    assert len(await at_x.store.posts.imports("keeper")) == 1
    assert sorted(paid_reads(x)) == sorted(post.id for post in x.world.of(x.world.named("keeper")))  # type: ignore[arg-type]
    assert await at_x.reserved() == 0
    assert await at_x.spent() == x.spent


async def test_one_s_own_account_is_cheaper(x: XServer, at_x: Workshop) -> None:
    x.fill(x.bot, 120)
    collected = await at_x.read("mynah")
    assert collected.corpus.counts.downloaded == 120
    assert await at_x.spent() == x.spent == Decimal("0.010") + 120 * Decimal("0.001")


async def test_the_second_time_only_what_is_new_is_paid(x: XServer, at_x: Workshop) -> None:
    account = author(x, 150)
    await at_x.read()
    before = x.spent
    fresh = [x.post(account, f"Fresh as fog number {number}.") for number in range(7)]
    collected = await at_x.read()
    assert (collected.added.new, collected.corpus.counts.downloaded) == (7, 157)
    assert x.spent - before == 7 * Decimal("0.005")  # the user was read today already
    assert await at_x.spent() == x.spent
    assert set(paid_reads(x)) >= {post.id for post in fresh}
    collected = await at_x.read()
    assert collected.added.new == 0
    assert await at_x.spent() == x.spent


async def test_a_used_up_budget_keeps_what_was_paid_and_goes_on_with_more(x: XServer, tmp_path: Path) -> None:
    author(x, 350)
    async with workshop(tmp_path, x, dollars=1.0) as poor:
        with pytest.raises(UnfinishedError, match=r"budget.* posts of @keeper are kept"):
            await poor.read()
        kept = len(await poor.store.posts.posts("keeper"))
        assert 150 <= kept < 200
        assert await poor.spent() == x.spent <= 1
        with pytest.raises((UnfinishedError, RefusedError), match="budget"):
            await poor.read()
    async with workshop(tmp_path, x, dollars=5.0) as rich:
        assert (await rich.read()).corpus.counts.downloaded == 350
        assert len(paid_reads(x)) == len(set(paid_reads(x))) == 350
        assert await rich.spent() == x.spent
        assert len(await rich.store.posts.imports("keeper")) == 1


async def test_a_rate_limit_says_when_to_go_on(x: XServer, at_x: Workshop) -> None:
    author(x, 250)
    x.limits.set("GET /2/users/{id}/tweets", 2)
    with pytest.raises(UnfinishedError, match=r"200 posts of @keeper are kept.* from \d\d:\d\d on"):
        await at_x.read()
    x.clock.travel(901)
    assert (await at_x.read()).corpus.counts.downloaded == 250
    assert await at_x.spent() == x.spent


async def test_states_of_accounts_are_told_and_leave_nothing(x: XServer, at_x: Workshop) -> None:
    account = author(x, 20)
    account.protected = True
    with pytest.raises(NoAccountError, match="protected"):
        await at_x.read()
    account.protected, account.suspended = False, True
    with pytest.raises(NoAccountError, match="suspended"):
        await at_x.read()
    with pytest.raises(NoAccountError, match="no @nobody"):
        await at_x.read("nobody")
    x.add_account("silent")
    with pytest.raises(InputError, match="not posted anything"):
        await at_x.read("silent")
    assert await at_x.store.posts.handles() == []
    assert await at_x.store.standing.cursors("timeline") == {}
    assert await at_x.spent() == x.spent


async def test_renamed_accounts_are_told_apart(x: XServer, at_x: Workshop) -> None:
    account = author(x, 20)
    await at_x.read()
    account.username = "Warden"
    with pytest.raises(RefusedError, match="was called @keeper"):
        await at_x.read("warden")
    x.fill(x.add_account("keeper"), 20)
    with pytest.raises(RefusedError, match="another account now"):
        await at_x.read()
    assert len(await at_x.store.posts.posts("keeper")) == 20


@pytest.mark.parametrize("words", ["tweet", "post"])
async def test_as_far_back_as_x_goes_within_seconds(x: XServer, tmp_path: Path, words: str) -> None:
    author(x, 3_300)
    async with workshop(tmp_path, x, words=words) as desk:
        start = time.monotonic()
        collected = await desk.read()
        assert time.monotonic() - start < 20
        assert collected.corpus.counts.downloaded == 3_200
        assert await desk.spent() == x.spent == Decimal("16.010")
        value = await desk.store.standing.cursor(timeline_cursor("x", "keeper"))
        assert (value["complete"], value["posts"]) == (True, 3_200)


# Bluesky


async def test_bluesky_is_free_and_takes_no_account(bluesky: BlueskyServer, at_bluesky: Workshop) -> None:
    bluesky.fill(bluesky.add_account("keeper.bsky.social"), 250)
    collected = await at_bluesky.read("keeper.bsky.social")
    assert (collected.added.new, collected.provenance.source) == (250, "bluesky")
    assert await at_bluesky.spent() == 0
    assert bluesky.writes == []


@pytest.mark.parametrize("page", range(1, 4))
async def test_bluesky_goes_on_where_it_was_cut(bluesky: BlueskyServer, at_bluesky: Workshop, page: int) -> None:
    account = bluesky.add_account("keeper.bsky.social")
    bluesky.fill(account, 250)
    if page > 1:
        bluesky.faults.delay("GET", FEED, 0.0, times=page - 1)
    bluesky.faults.cut("GET", FEED, times=10)
    with pytest.raises(Exception, match="Bluesky"):
        await at_bluesky.read("keeper.bsky.social")
    assert len(await at_bluesky.store.posts.posts("keeper.bsky.social")) == 100 * (page - 1)
    bluesky.faults.waiting.clear()
    fresh = bluesky.post(account, "Something that was written in the meantime.")
    collected = await at_bluesky.read("keeper.bsky.social")
    assert collected.corpus.counts.downloaded == 251
    assert len(await at_bluesky.store.posts.imports("keeper.bsky.social")) == 1
    value = await at_bluesky.store.standing.cursor(timeline_cursor("bluesky", "keeper.bsky.social"))
    assert (value["newest"], value["complete"]) == (fresh.key, True)


async def test_bluesky_brings_only_what_is_new(bluesky: BlueskyServer, at_bluesky: Workshop) -> None:
    account = bluesky.add_account("keeper.bsky.social")
    bluesky.fill(account, 250)
    await at_bluesky.read("keeper.bsky.social")
    bluesky.post(account, "A new lamp for an old tower.")
    asked = len(bluesky.calls)
    collected = await at_bluesky.read("keeper.bsky.social")
    assert (collected.added.new, collected.added.same) == (1, 0)
    assert len(bluesky.calls) - asked <= 3  # its profile, and not the whole timeline


async def test_states_of_accounts_on_bluesky(bluesky: BlueskyServer, at_bluesky: Workshop) -> None:
    account = bluesky.add_account("keeper.bsky.social")
    bluesky.fill(account, 20)
    account.state = "takendown"
    with pytest.raises(NoAccountError, match="suspended"):
        await at_bluesky.read("keeper.bsky.social")
    account.state = "deactivated"
    with pytest.raises(NoAccountError, match="deactivated"):
        await at_bluesky.read("keeper.bsky.social")
    with pytest.raises(NoAccountError, match="no account"):
        await at_bluesky.read("nobody.bsky.social")
    bluesky.add_account("silent.bsky.social")
    with pytest.raises(InputError, match="not posted anything"):
        await at_bluesky.read("silent.bsky.social")
    assert await at_bluesky.store.posts.handles() == []
