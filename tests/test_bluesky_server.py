"""The small Bluesky is honest: an unchanged SDK works with it, and is refused as Bluesky itself refuses."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from atproto_client import AsyncClient, models
from atproto_client.exceptions import (
    BadRequestError,
    NetworkError,
    RateLimitExceededError,
    RequestException,
    UnauthorizedError,
)

from tests.bluesky_server import POSTS, PROFILE, BlueskyServer
from tests.bluesky_server.identifiers import timestamp_id

NOW = "2026-11-21T08:00:00.000Z"


@pytest.fixture(name="server")
async def _server() -> AsyncIterator[BlueskyServer]:
    async with BlueskyServer() as server:
        yield server


@pytest.fixture(name="stranger")
async def _stranger(server: BlueskyServer) -> AsyncIterator[AsyncClient]:
    client = AsyncClient(server.origin)
    yield client
    await client.request.close()


@pytest.fixture(name="client")
async def _client(server: BlueskyServer, stranger: AsyncClient) -> AsyncClient:
    await stranger.login(server.bot.handle, server.bot.app_password)
    return stranger


@pytest.fixture(name="reader")
async def _reader(server: BlueskyServer) -> AsyncIterator[AsyncClient]:
    client = AsyncClient(server.public_origin)
    yield client
    await client.request.close()


async def test_the_sdk_signs_in_posts_answers_and_deletes(server: BlueskyServer, client: AsyncClient) -> None:
    assert client.me is not None
    assert client.me.did == server.bot.did
    first = await client.send_post("Hello, 🌍.")
    ref = models.create_strong_ref(first)
    reply = await client.send_post("And again.", reply_to=models.AppBskyFeedPost.ReplyRef(parent=ref, root=ref))
    assert [post.value["text"] for post in server.posted] == ["Hello, 🌍.", "And again."]
    found = await client.com.atproto.repo.get_record(
        {"repo": server.bot.did, "collection": POSTS, "rkey": reply.uri.rpartition("/")[2]}
    )
    assert found.cid == reply.cid
    assert found.value.reply.root.uri == first.uri
    listed = await client.com.atproto.repo.list_records({"repo": server.bot.did, "collection": POSTS})
    assert [record.uri for record in listed.records] == [reply.uri, first.uri]
    assert await client.delete_post(reply.uri)
    with pytest.raises(BadRequestError, match="RecordNotFound"):
        await client.app.bsky.feed.post.get(server.bot.did, reply.uri.rpartition("/")[2])
    assert (await client.resolve_handle(server.bot.handle)).did == server.bot.did


async def test_a_key_is_taken_once_and_a_swap_needs_the_right_version(
    server: BlueskyServer, client: AsyncClient
) -> None:
    key = timestamp_id(0)
    record = models.AppBskyFeedPost.Record(text="Once.", created_at=NOW)
    await client.app.bsky.feed.post.create(server.bot.did, record, key)
    with pytest.raises(RequestException, match="500"):
        await client.app.bsky.feed.post.create(server.bot.did, record, key)
    repo = {"repo": server.bot.did, "collection": PROFILE, "rkey": "self"}
    before = await client.com.atproto.repo.get_record(repo)
    changed = {"$type": PROFILE, "displayName": "Other"}
    await client.com.atproto.repo.put_record({**repo, "record": changed, "swap_record": before.cid})
    with pytest.raises(BadRequestError, match="InvalidSwap"):
        await client.com.atproto.repo.put_record(
            {**repo, "record": {**changed, "description": "x"}, "swap_record": before.cid}
        )
    assert server.bot.profile == changed


@pytest.mark.parametrize(
    ("key", "record"),
    [
        ("not-a-timestamp", {"$type": POSTS, "text": "x", "createdAt": NOW}),
        (timestamp_id(1), {"$type": POSTS, "text": "x", "createdAt": "yesterday"}),
        (timestamp_id(2), {"$type": POSTS, "text": "é" * 301, "createdAt": NOW}),
        (timestamp_id(3), {"$type": POSTS, "text": "👨‍👩‍👧‍👦" * 130, "createdAt": NOW}),
        (timestamp_id(4), {"$type": POSTS, "createdAt": NOW}),
        (timestamp_id(5), {"$type": PROFILE}),
        (timestamp_id(6), {"$type": POSTS, "text": "x", "createdAt": NOW, "langs": ["en", "de", "fr", "nl"]}),
    ],
)
async def test_what_no_lexicon_allows_is_refused(
    server: BlueskyServer, client: AsyncClient, key: str, record: dict[str, object]
) -> None:
    before = len(server.bot.records)
    headers = {"Authorization": f"Bearer {next(iter(server.sessions.tokens))}"}
    async with httpx.AsyncClient() as plain:
        answer = await plain.post(
            f"{server.origin}/xrpc/com.atproto.repo.createRecord",
            json={"repo": server.bot.did, "collection": POSTS, "rkey": key, "record": record},
            headers=headers,
        )
        assert (answer.status_code, answer.json()["error"]) == (400, "InvalidRequest")
        answer = await plain.get(f"{server.public_origin}/xrpc/app.bsky.actor.getProfile", params={"actor": "x"})
        assert (answer.status_code, answer.json()["error"]) == (400, "InvalidRequest")
    assert len(server.bot.records) == before


async def test_tokens_end_and_passwords_are_checked(server: BlueskyServer, stranger: AsyncClient) -> None:
    client = stranger
    with pytest.raises(UnauthorizedError, match="AuthenticationRequired"):
        await client.login(server.bot.handle, "wrong")
    server.sessions.access_seconds = 60.0  # the SDK renews what ends within 15 minutes
    await client.login(server.bot.handle, server.bot.app_password)
    assert len(list(server.named("refreshSession"))) == 1
    server.sessions.end()
    headers = client._session_dispatcher.get_auth_headers()
    with pytest.raises(BadRequestError, match="ExpiredToken"):
        await client.app.bsky.notification.list_notifications(headers=headers, ignore_session_check=True)
    server.bot.state = "takendown"
    with pytest.raises(UnauthorizedError, match="AccountTakedown"):
        await client.login(server.bot.handle, server.bot.app_password)


async def test_feeds_hold_reposts_and_pins_page_by_page(server: BlueskyServer, reader: AsyncClient) -> None:
    ann, ben = server.add_account("ann.bsky.social", profile={}), server.add_account("ben.bsky.social")
    posts = server.fill(ann, 5)
    server.world.pin(ann, posts[0])
    repost = server.world.repost(ann, server.post(ben, "Ben's."))
    first = await reader.app.bsky.feed.get_author_feed({"actor": ann.handle, "limit": 3, "include_pins": True})
    assert [item.post.uri for item in first.feed[1:]] == [
        repost.value["subject"]["uri"],
        posts[4].uri,
        posts[3].uri,
    ]
    assert first.feed[0].reason.py_type == "app.bsky.feed.defs#reasonPin"
    assert first.feed[1].reason.by.did == ann.did
    rest = await reader.app.bsky.feed.get_author_feed({"actor": ann.did, "cursor": first.cursor})
    assert [item.post.uri for item in rest.feed] == [post.uri for post in posts[2::-1]]
    profile = await reader.app.bsky.actor.get_profile({"actor": ann.handle})
    assert profile.posts_count == 5


@pytest.mark.parametrize(
    ("state", "name"), [("takendown", "AccountTakedown"), ("deactivated", "AccountDeactivated")]
)
async def test_accounts_that_are_not_shown(
    server: BlueskyServer, reader: AsyncClient, state: str, name: str
) -> None:
    server.add_account("ann.bsky.social").state = state  # type: ignore[assignment]
    for method in (reader.app.bsky.actor.get_profile, reader.app.bsky.feed.get_author_feed):
        with pytest.raises(BadRequestError, match=name):
            await method({"actor": "ann.bsky.social"})
        with pytest.raises(BadRequestError, match="Profile not found"):
            await method({"actor": "nobody.bsky.social"})


async def test_people_are_told_once_and_in_order(server: BlueskyServer, client: AsyncClient) -> None:
    ann = server.add_account("ann.bsky.social")
    own = server.post(server.bot, "Mine.")
    reply = server.post(ann, "Yours?", reply_to=own)
    both = server.mention(ann, "hey", reply_to=own, at=server.clock.now() + 60)
    quote = server.post(ann, "Look.", quotes=own)
    below = server.post(ann, "Myself.", reply_to=reply)
    told = await client.app.bsky.notification.list_notifications({"limit": 2})
    rest = await client.app.bsky.notification.list_notifications({"cursor": told.cursor})
    found = {notice.uri: notice.reason for notice in [*told.notifications, *rest.notifications]}
    assert found == {reply.uri: "reply", both.uri: "mention", quote.uri: "quote", below.uri: "reply"}
    times = [notice.indexed_at for notice in [*told.notifications, *rest.notifications]]
    assert times == sorted(times, reverse=True)
    named = await client.app.bsky.notification.list_notifications({"reasons": ["mention"]})
    assert [notice.uri for notice in named.notifications] == [both.uri]


async def test_limits_are_told_and_faults_come_as_ordered(server: BlueskyServer, reader: AsyncClient) -> None:
    client, actor = reader, {"actor": server.bot.handle}
    server.limits.calls["app.bsky.actor.getProfile"] = 1
    await client.app.bsky.actor.get_profile(actor)
    with pytest.raises(RateLimitExceededError) as refused:
        await client.app.bsky.actor.get_profile(actor)
    assert refused.value.remaining == 0
    assert refused.value.reset_at is not None
    server.clock.travel(301)
    await client.app.bsky.actor.get_profile(actor)
    path = ".*getAuthorFeed"
    server.faults.rate_limit("GET", path)
    with pytest.raises(RateLimitExceededError) as refused:
        await client.app.bsky.feed.get_author_feed(actor)
    assert refused.value.reset_at is None
    server.faults.fail("GET", path)
    with pytest.raises(RequestException, match="503"):
        await client.app.bsky.feed.get_author_feed(actor)
    server.faults.cut("GET", path)
    with pytest.raises((NetworkError, httpx.RemoteProtocolError)):
        await client.app.bsky.feed.get_author_feed(actor)


async def test_a_cut_line_after_the_effect_leaves_the_effect(server: BlueskyServer, client: AsyncClient) -> None:
    server.faults.cut("POST", ".*createRecord", after_effect=True)
    with pytest.raises((NetworkError, httpx.RemoteProtocolError)):
        await client.send_post("It stands.")
    server.faults.delay("POST", ".*createRecord", 0.05)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await client.send_post("It comes.")
    assert len(server.posted) == 1
    await asyncio.sleep(0.1)
    assert [post.value["text"] for post in server.posted] == ["It stands.", "It comes."]
