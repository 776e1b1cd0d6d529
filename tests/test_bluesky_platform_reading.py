"""Timelines on Bluesky: read by anybody, page by page and between two posts, where their owners agree to that."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.platforms import Account, NoAccountError, NotDoneError, Page
from bot.platforms.bluesky.platform import BlueskyPlatform
from tests.bluesky_platforms import open_bluesky
from tests.bluesky_server import Account as Person
from tests.bluesky_server import BlueskyServer


@pytest.fixture(name="server")
async def _server() -> AsyncIterator[BlueskyServer]:
    async with BlueskyServer() as server:
        yield server


@pytest.fixture(name="platform")
async def _platform(server: BlueskyServer, tmp_path: Path) -> AsyncIterator[BlueskyPlatform]:
    async with open_bluesky(server, tmp_path, handle="", app_password="") as platform:  # reading needs neither
        yield platform


@pytest.fixture(name="ann")
def _ann(server: BlueskyServer) -> Person:
    return server.add_account("ann.bsky.social", profile={"displayName": "Ann"})


async def pages(platform: BlueskyPlatform, account: Account, **between: str) -> list[Page]:
    return [page async for page in platform.timeline(account, **between)]


async def ids(platform: BlueskyPlatform, account: Account, **between: str) -> list[str]:
    return [post.id for page in await pages(platform, account, **between) for post in page.posts]


async def test_an_account_is_looked_up_without_signing_in(
    server: BlueskyServer, platform: BlueskyPlatform, ann: Person
) -> None:
    server.fill(ann, 3)
    account = await platform.look_up(" @Ann.bsky.social")
    assert account == Account(ann.did, "ann.bsky.social", "Ann", 3)
    assert {call.side for call in server.calls} == {"everybody"}
    assert not any(call.authorization for call in server.calls)
    quote = await platform.quote(account, known=1)
    assert (quote.posts, quote.dollars, quote.saved) == (2, 0, 0)
    assert (await platform.quote(account, known=9)).posts == 0


@pytest.mark.parametrize(
    ("about", "sentence"),
    [
        ({"state": "takendown"}, "suspended @ann.bsky.social"),
        ({"state": "deactivated"}, "@ann.bsky.social is deactivated"),
        ({"labels": ["!hide"]}, "hides @ann.bsky.social"),
        ({"handle": "new.bsky.social"}, "no account @ann.bsky.social on Bluesky"),
    ],
)
async def test_accounts_that_can_not_be_read(
    server: BlueskyServer, platform: BlueskyPlatform, ann: Person, about: dict[str, Any], sentence: str
) -> None:
    for name, value in about.items():
        setattr(ann, name, value)
    with pytest.raises(NoAccountError, match=sentence):
        await platform.look_up("ann.bsky.social")


async def test_who_is_not_to_be_shown_is_not_read(server: BlueskyServer, platform: BlueskyPlatform) -> None:
    values = [{"val": "!no-unauthenticated"}]
    labels = {"$type": "com.atproto.label.defs#selfLabels", "values": values}
    server.add_account("shy.bsky.social", profile={"labels": labels})
    with pytest.raises(NoAccountError, match="not signed in"):
        await platform.look_up("shy.bsky.social")


@pytest.mark.parametrize("name", ["ann", "nobody.bsky.social", "ann bsky", "ann{0}.bsky.social"])
async def test_names_that_are_none(platform: BlueskyPlatform, name: str) -> None:
    with pytest.raises(NoAccountError, match="There is no account") as refused:
        await platform.look_up(name)
    assert f"@{name}" in str(refused.value)


@pytest.mark.parametrize("name", ["BlockedActor", "BlockedByActor"])
async def test_a_block_is_said(server: BlueskyServer, platform: BlueskyPlatform, ann: Person, name: str) -> None:
    account = await platform.look_up("ann.bsky.social")
    server.faults.refuse(".*getAuthorFeed", 400, name)
    with pytest.raises(NoAccountError, match="block"):
        await pages(platform, account)


async def test_a_timeline_holds_an_accounts_own_words(
    server: BlueskyServer, platform: BlueskyPlatform, ann: Person
) -> None:
    ben = server.add_account("ben.bsky.social")
    other = server.post(ben, "Ben's.")
    start = server.clock.now() - 100
    plain = server.post(ann, "See example.com/a-lo... & more", at=start, langs=["nl", "en"], facets=[_LINK])
    reply = server.post(ann, "An answer.", reply_to=other, at=start + 1)
    quote = server.post(ann, "A quotation.", quotes=other, at=start + 2)
    server.post(ann, "", at=start + 3)  # a picture, say
    ahead = server.post(ann, "From tomorrow?", at=start + 4)
    ahead.value["createdAt"] = "2099-01-01T00:00:00Z"
    for reposted in (other, plain):  # somebody else's, and one of their own
        server.world.repost(ann, reposted)
    server.world.pin(ann, plain)
    account = await platform.look_up("ann.bsky.social")
    (page,) = [page for page in await pages(platform, account) if page.posts]
    found = {post.id: post for post in page.posts}
    assert list(found) == [ahead.key, quote.key, reply.key, plain.key]
    assert found[plain.key].text == "See https://example.com/a-long-one & more"
    assert (found[plain.key].lang, found[quote.key].lang) == ("nl", None)
    assert [post.kind for post in page.posts] == ["post", "quote", "reply", "post"]
    assert found[reply.key].reply_to_id == other.key
    assert {post.handle for post in page.posts} == {"ann.bsky.social"}
    first = found[plain.key].created_at
    assert first is not None
    assert first.timestamp() == int(start)
    late = found[ahead.key].created_at
    assert late is not None
    assert late.timestamp() < server.clock.now() + 1


_LINK = {
    "index": {"byteStart": 4, "byteEnd": 23},
    "features": [{"$type": "app.bsky.richtext.facet#link", "uri": "https://example.com/a-long-one"}],
}


async def test_it_is_read_between_two_posts(server: BlueskyServer, platform: BlueskyPlatform, ann: Person) -> None:
    keys = [post.key for post in server.fill(ann, 250)][::-1]
    account = await platform.look_up("ann.bsky.social")
    whole = await pages(platform, account)
    assert [len(page.posts) for page in whole] == [100, 100, 50, 0]
    assert [bool(page.older) for page in whole] == [True, True, True, False]
    assert [post.id for page in whole for post in page.posts] == keys
    assert keys == sorted(keys, key=lambda key: (len(key), key), reverse=True)
    assert await ids(platform, account, older_than=keys[149]) == keys[150:]
    before = len(server.calls)
    assert await ids(platform, account, newer_than=keys[120]) == keys[:120]
    assert len(server.calls) - before == 2
    assert await ids(platform, account, newer_than=keys[200], older_than=keys[20]) == keys[21:200]
    assert await ids(platform, account, newer_than=keys[0]) == []


async def test_a_post_that_marked_the_place_may_be_gone(
    server: BlueskyServer, platform: BlueskyPlatform, ann: Person
) -> None:
    posts = server.fill(ann, 250)[::-1]
    keys = [post.key for post in posts]
    account = await platform.look_up("ann.bsky.social")
    for gone in (keys[30], keys[150]):
        server.world.remove(ann, "app.bsky.feed.post", gone)
    assert await ids(platform, account, older_than=keys[150]) == keys[151:]
    newer = await ids(platform, account, newer_than=keys[30])
    assert newer[:30] == keys[:30]  # some of the page may come again


async def test_posts_brought_from_elsewhere_are_not_passed_over(
    server: BlueskyServer, platform: BlueskyPlatform, ann: Person
) -> None:
    """Their times are of long ago, so that they come last, but their ids are of the day they were brought."""
    brought = [server.post(ann, f"Old {number}.") for number in range(120)]
    for number, post in enumerate(brought):
        post.value["createdAt"] = f"2014-01-01T00:{number // 60:02}:{number % 60:02}.000Z"
    server.fill(ann, 30)
    account = await platform.look_up("ann.bsky.social")
    keys = await ids(platform, account)
    assert len(keys) == 150
    rest = await ids(platform, account, older_than=keys[99])
    assert set(rest) >= set(keys[100:])
    fresh = server.post(ann, "Fresh.")
    assert await ids(platform, account, newer_than=keys[0]) == [fresh.key]


async def test_a_page_that_fails_can_be_gone_on_from(
    server: BlueskyServer, platform: BlueskyPlatform, ann: Person
) -> None:
    keys = [post.key for post in server.fill(ann, 150)][::-1]
    account = await platform.look_up("ann.bsky.social")
    path = ".*getAuthorFeed"
    server.faults.delay("GET", path, 0)
    server.faults.fail("GET", path)
    reading = platform.timeline(account)
    read = [post.id for post in (await anext(reading)).posts]
    assert read == keys[:100]
    with pytest.raises(NotDoneError):
        await anext(reading)
    assert await ids(platform, account, older_than=read[-1]) == keys[100:]
    ann.state = "takendown"
    with pytest.raises(NoAccountError, match="suspended"):
        await pages(platform, account)


async def test_an_empty_timeline_is_one_empty_page(
    server: BlueskyServer, platform: BlueskyPlatform, ann: Person
) -> None:
    account = await platform.look_up("ann.bsky.social")
    assert await pages(platform, account) == [Page((), "")]
