"""Who names the bot on Bluesky is heard: once each, in order, late ones too, whatever happens in between."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.fronts.social.summons import SummonsDesk
from bot.governor import Governor
from bot.platforms import NotDoneError
from bot.platforms.bluesky.platform import BlueskyPlatform
from data.store import Store, open_store
from tests.bluesky_platforms import open_bluesky, settings_for
from tests.bluesky_server import Account, BlueskyServer
from tests.discord_fronts import store_voice


@asynccontextmanager
async def open_desk(
    server: BlueskyServer, home: Path
) -> AsyncIterator[tuple[BlueskyPlatform, SummonsDesk, Store]]:
    """A platform, what looks for mentions there (once already, so that all is new to it), and its store."""
    settings = settings_for(server, home, voice="keeper")
    async with (
        open_store(settings.database) as store,
        BlueskyPlatform(settings.bluesky, Governor(store, settings)) as platform,
    ):
        await store_voice(store, settings, "keeper")
        desk = SummonsDesk(platform, server.bot.did, settings.bluesky, settings, store)
        await desk.look()
        yield platform, desk, store


@pytest.fixture(name="server")
async def _server() -> AsyncIterator[BlueskyServer]:
    async with BlueskyServer() as server:
        yield server


@pytest.fixture(name="ann")
def _ann(server: BlueskyServer) -> Account:
    return server.add_account("ann.bsky.social")


@pytest.fixture(name="platform")
async def _platform(server: BlueskyServer, tmp_path: Path) -> AsyncIterator[BlueskyPlatform]:
    async with open_bluesky(server, tmp_path) as platform:
        yield platform


async def test_a_summons_is_what_names_the_bot(
    server: BlueskyServer, platform: BlueskyPlatform, ann: Account
) -> None:
    server.mention(ann, "from before")
    begun = await platform.heard("")
    assert begun.summons == ()
    own = server.post(server.bot, "Mine.")
    moment = server.clock.now()
    asked = server.post(
        ann,
        f"Well, @{server.bot.handle}, example.com/a-lo... 🌍 &amp;",
        names=[server.bot],
        at=moment + 1,
        facets=[
            {
                "index": {"byteStart": 26, "byteEnd": 45},
                "features": [{"$type": "app.bsky.richtext.facet#link", "uri": "https://example.com/a-long-one"}],
            }
        ],
    )
    unmarked = server.post(ann, f"@{server.bot.handle.upper()} you there?", reply_to=own, at=moment + 2)
    bare = server.post(ann, "An answer that names nobody.", reply_to=own, at=moment + 3)
    server.post(ann, "A quotation.", quotes=own, at=moment + 4)
    server.post(ann, f"@{server.bot.handle} below, unmarked", reply_to=unmarked, at=moment + 5)
    server.post(server.bot, "Mine too.", reply_to=bare, at=moment + 6)
    server.clock.travel(10)
    heard = await platform.heard(begun.position)
    assert [(summons.id, summons.text) for summons in heard.summons] == [
        (asked.uri, "Well, https://example.com/a-long-one 🌍 &amp;"),
        (unmarked.uri, "you there?"),
        (bare.uri, "An answer that names nobody."),
    ]
    assert all(summons.original == summons.id for summons in heard.summons)
    first, second, third = heard.summons
    assert (first.author, first.thread) == (ann.did, asked.uri)
    assert second.thread == third.thread == own.uri
    assert first.created_at.tzinfo is UTC
    assert abs((first.created_at - datetime.now(UTC)).total_seconds()) < 60
    assert await platform.heard(heard.position) == type(heard)((), heard.position)


async def test_a_bare_stop_under_a_post_or_an_answer_of_the_bot_silences(
    server: BlueskyServer, tmp_path: Path, ann: Account
) -> None:
    bob, eve = server.add_account("bob.bsky.social"), server.add_account("eve.bsky.social")
    async with open_desk(server, tmp_path) as (_, desk, store):
        own = server.post(server.bot, "Scheduled.")
        answer = server.post(server.bot, "An answer.", reply_to=server.mention(bob, "hello"))
        server.post(ann, "Stop!", reply_to=own)
        other = server.post(bob, "stop", reply_to=answer)
        server.post(eve, "stop", reply_to=other)  # this is for bob
        await desk.look()
        assert set(await store.standing.silenced()) == {f"bluesky:{ann.did}", f"bluesky:{bob.did}"}
        assert await store.drafts.in_state("due") == []


@pytest.mark.parametrize("begins", ["by naming the bot", "below a post of the bot"])
async def test_two_bots_do_not_talk_for_ever(server: BlueskyServer, tmp_path: Path, begins: str) -> None:
    other = server.add_account("parrot.bsky.social")
    async with open_desk(server, tmp_path) as (platform, desk, store):
        if begins == "by naming the bot":
            server.mention(other, "Indeed!")
        else:
            server.post(other, "Indeed!", reply_to=server.post(server.bot, "Scheduled."))
        for turn in range(20):
            if not await desk.look():
                break
            (draft,) = await store.drafts.in_state("due")
            uri = await platform.publish(f"Turn {turn}.", purpose=f"draft {draft.id}", reply_to=draft.reply_to)
            await store.drafts.move(draft.id, "due", "approved", text=f"Turn {turn}.")
            await store.drafts.claim("bluesky", 60)
            await store.drafts.move(draft.id, "posting", "posted", published=uri)
            said = server.world.find(uri)
            server.post(other, "Indeed!", reply_to=said)
        assert turn == 3  # as many answers as a person gets within a thread


async def test_nothing_is_heard_twice_or_missed_at_the_same_moment(
    server: BlueskyServer, tmp_path: Path, ann: Account
) -> None:
    moment = server.clock.now() - 100
    async with open_bluesky(server, tmp_path) as platform:
        position = (await platform.heard("")).position
    said: list[str] = []
    heard: list[str] = []
    for number in range(4):
        said.append(server.mention(ann, f"number {number}", at=moment).uri)
        async with open_bluesky(server, tmp_path) as platform:  # the process was started anew
            news = await platform.heard(position)
        position = news.position
        heard += [summons.id for summons in news.summons]
    assert heard == said


async def test_one_that_is_dated_earlier_but_comes_later_is_heard(
    server: BlueskyServer, platform: BlueskyPlatform, ann: Account
) -> None:
    start = server.clock.now() - 600
    server.mention(ann, "from before", at=start)
    position = (await platform.heard("")).position
    server.mention(ann, "new", at=start + 300)
    news = await platform.heard(position)
    assert [summons.text for summons in news.summons] == ["new"]
    server.mention(ann, "slow clock", at=start + 200)
    server.mention(ann, "older than the start", at=start - 1)
    late = await platform.heard(news.position)
    assert [summons.text for summons in late.summons] == ["slow clock"]
    server.mention(ann, "from the day after", at=server.clock.now() + 86_400)
    future = await platform.heard(late.position)
    server.mention(ann, "now")
    after = await platform.heard(future.position)
    assert [summons.text for summons in (*future.summons, *after.summons)] == ["from the day after", "now"]


async def test_what_comes_an_hour_late_is_over(server: BlueskyServer, tmp_path: Path, ann: Account) -> None:
    start = server.clock.now() - 7200
    async with open_bluesky(server, tmp_path, mention_minutes=30) as platform:
        server.mention(ann, "from before", at=start)
        position = (await platform.heard("")).position
        server.mention(ann, "new", at=start + 7000)
        news = await platform.heard(position)
        server.mention(ann, "too late", at=start + 5000)
        server.mention(ann, "late", at=start + 5500)
        late = await platform.heard(news.position)
    assert [summons.text for summons in late.summons] == ["late"]
    assert len(late.position) < 200  # marks of what is over are let go


async def test_many_come_in_pages_oldest_first(
    server: BlueskyServer, platform: BlueskyPlatform, ann: Account
) -> None:
    for seconds in (6000, 5000):
        server.mention(ann, "from before", at=server.clock.now() - seconds)
    position = (await platform.heard("")).position
    assert (await platform.heard(position)).summons == ()
    said = [server.mention(ann, f"number {n}", at=server.clock.now() - 1000 + n).uri for n in range(230)]
    before = len(server.calls)
    heard = await platform.heard(position)
    assert [summons.id for summons in heard.summons] == said
    assert [call.method.rpartition(".")[2] for call in server.calls[before:]] == ["listNotifications"] * 3
    assert (await platform.heard(heard.position)).summons == ()


async def test_a_page_that_fails_moves_nothing(
    server: BlueskyServer, platform: BlueskyPlatform, ann: Account
) -> None:
    position = (await platform.heard("")).position
    said = [server.mention(ann, f"number {n}", at=server.clock.now() - 1000 + n).uri for n in range(120)]
    path = ".*listNotifications"
    server.faults.delay("GET", path, 0)
    server.faults.fail("GET", path)
    with pytest.raises(NotDoneError):
        await platform.heard(position)
    assert [summons.id for summons in (await platform.heard(position)).summons] == said


async def test_a_deleted_mention_is_not_heard_and_does_no_harm(
    server: BlueskyServer, platform: BlueskyPlatform, ann: Account
) -> None:
    position = (await platform.heard("")).position
    gone, stays = server.mention(ann, "gone"), server.mention(ann, "stays")
    server.world.remove(ann, "app.bsky.feed.post", gone.key)
    heard = await platform.heard(position)
    assert [summons.id for summons in heard.summons] == [stays.uri]
    server.world.remove(ann, "app.bsky.feed.post", stays.key)
    assert (await platform.heard(heard.position)).position == heard.position


async def test_names_in_records_that_nobody_understands(
    server: BlueskyServer, platform: BlueskyPlatform, ann: Account
) -> None:
    position = (await platform.heard("")).position
    feature = {"$type": "app.bsky.richtext.facet#mention", "did": server.bot.did}
    for facets in ([{"index": "here", "features": [feature]}], [{"index": 1, "features": "all"}], "none", [7]):
        server.mention(ann, "strange").value["facets"] = facets
    server.mention(ann, "stranger").value["reply"] = "yes"
    plain = server.mention(ann, "plain")
    assert [summons.id for summons in (await platform.heard(position)).summons] == [plain.uri]
