"""Posting on Bluesky over the wire: each purpose once, whatever gets lost, and never without the bot's label."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.governor import DryRunError, Governor
from bot.platforms import NotDoneError, Platform, TurnedDownError, UnclearError
from bot.platforms.bluesky.keys import can_be_ordered, record_key
from bot.platforms.bluesky.label import BotLabel, with_label
from bot.platforms.bluesky.platform import BlueskyPlatform
from bot.platforms.bluesky.text import Facet, Name, length
from bot.platforms.bluesky.wire import Wire
from data.store import open_store
from tests.bluesky_platforms import open_bluesky, settings_for
from tests.bluesky_server import POSTS, PROFILE, BlueskyServer

CREATE = ".*createRecord"
NOW = datetime.now(UTC)


@pytest.fixture(name="server")
async def _server() -> AsyncIterator[BlueskyServer]:
    async with BlueskyServer() as server:
        yield server


@pytest.fixture(name="platform")
async def _platform(server: BlueskyServer, tmp_path: Path) -> AsyncIterator[BlueskyPlatform]:
    async with open_bluesky(server, tmp_path) as platform:
        yield platform


def texts(server: BlueskyServer) -> list[str]:
    return [post.value["text"] for post in server.posted]


async def test_the_account_is_asked_for_once(server: BlueskyServer, platform: BlueskyPlatform) -> None:
    fulfilled: Platform = platform
    account = await fulfilled.account()
    assert (account.id, account.handle) == (server.bot.did, "mynah.bsky.social")
    assert (account.name, account.posts) == ("Mynah (AI parody)", 0)
    assert await platform.account() is account
    assert len(list(server.named("getProfile"))) == 1


async def test_a_post_is_plain_text(server: BlueskyServer, tmp_path: Path) -> None:
    async with open_bluesky(server, tmp_path, languages=("en", "nl")) as platform:
        uri = await platform.publish("Hi @ann.bsky.social, see https://example.com 🌍", purpose="draft 1")
    (post,) = server.posted
    assert post.uri == uri
    assert post.value["langs"] == ["en", "nl"]
    assert set(post.value) == {"$type", "text", "createdAt", "langs"}  # no facets: nothing in it is live
    assert can_be_ordered(post.key)
    assert re.fullmatch(r"[\d-]{10}T[\d:]{8}\.\d{3}Z", post.value["createdAt"])
    assert abs((datetime.fromisoformat(post.value["createdAt"]) - datetime.now(UTC)).total_seconds()) < 30


async def test_the_same_purpose_is_published_once(server: BlueskyServer, platform: BlueskyPlatform) -> None:
    first = await platform.publish("Once.", purpose="draft 1")
    assert await platform.publish("Once.", purpose="draft 1") == first
    other = await platform.publish("Once.", purpose="draft 2")
    assert texts(server) == ["Once.", "Once."]
    assert other != first
    with pytest.raises(TurnedDownError, match="Another text stands"):
        await platform.publish("Something else.", purpose="draft 1")
    assert len(server.posted) == 2


async def test_two_at_once_make_one_post(server: BlueskyServer, tmp_path: Path) -> None:
    async with open_bluesky(server, tmp_path) as one, open_bluesky(server, tmp_path) as other:
        uris = await asyncio.gather(
            *(platform.publish("Race.", purpose="draft 7") for platform in (one, other, one, other))
        )
    assert texts(server) == ["Race."]
    assert set(uris) == {server.posted[0].uri}
    assert len(list(server.named("createRecord"))) == 4


async def test_an_answer_that_got_lost_is_looked_for_at_once(
    server: BlueskyServer, platform: BlueskyPlatform
) -> None:
    server.faults.cut("POST", CREATE, after_effect=True)
    assert await platform.publish("Cut.", purpose="draft 1") == server.posted[0].uri
    server.faults.fail("POST", CREATE, status=502, after_effect=True)
    assert await platform.publish("Bad gateway.", purpose="draft 2") == server.posted[1].uri
    assert texts(server) == ["Cut.", "Bad gateway."]


@pytest.mark.parametrize("trouble", ["cut", "fail", "delay"])
async def test_what_did_not_take_effect_is_unclear_and_then_not_found(
    server: BlueskyServer, platform: BlueskyPlatform, trouble: str
) -> None:
    await platform.publish("First.", purpose="draft 0")
    match trouble:
        case "cut":
            server.faults.cut("POST", CREATE)
        case "fail":
            server.faults.fail("POST", CREATE)
        case "delay":
            server.faults.delay("POST", CREATE, 3.0)
    with pytest.raises(UnclearError):
        await platform.publish("Second.", purpose="draft 1")
    assert await platform.find("Second.", purpose="draft 1", since=NOW) is None
    again = await platform.publish("Second.", purpose="draft 1")
    assert await platform.find("Second.", purpose="draft 1", since=NOW) == again
    await asyncio.sleep(1.6 if trouble == "delay" else 0)  # until what was late has come, too
    assert texts(server) == ["First.", "Second."]


async def test_an_effect_that_comes_after_the_second_try_changes_nothing(
    server: BlueskyServer, platform: BlueskyPlatform
) -> None:
    await platform.publish("First.", purpose="draft 0")
    server.faults.delay("POST", CREATE, 4.0)
    with pytest.raises(UnclearError):
        await platform.publish("Late.", purpose="draft 1")
    uri = await platform.publish("Late.", purpose="draft 1")
    calls = list(server.named("createRecord"))
    async with asyncio.timeout(10):
        while not calls[1].answer_status:  # noqa: ASYNC110 # the server has no event for work that comes late
            await asyncio.sleep(0.02)
    assert [call.answer_status for call in calls] == [200, 500, 200]
    assert [post.uri for post in server.posted][1:] == [uri]


async def test_a_timeout_after_the_effect_is_found(server: BlueskyServer, platform: BlueskyPlatform) -> None:
    await platform.publish("First.", purpose="draft 0")
    server.faults.delay("POST", CREATE, 3.0, after_effect=True)
    assert await platform.publish("Slow.", purpose="draft 1") == server.posted[1].uri
    assert await platform.find("Slow.", purpose="draft 1", since=NOW) == server.posted[1].uri
    assert await platform.find("Not this.", purpose="draft 1", since=NOW) is None


async def test_an_earlier_installation_is_not_in_the_way(server: BlueskyServer, platform: BlueskyPlatform) -> None:
    old = {"$type": POSTS, "text": "From before.", "createdAt": "2024-05-01T00:00:00.000Z"}
    server.world.put(server.bot, POSTS, record_key(server.bot.did, "draft 1", 0), old)
    assert await platform.find("New.", purpose="draft 1", since=NOW) is None
    uri = await platform.publish("New.", purpose="draft 1")
    assert uri == await platform.publish("New.", purpose="draft 1")
    assert uri == await platform.find("New.", purpose="draft 1", since=NOW)
    assert texts(server) == ["From before.", "New."]


async def test_an_answer_names_the_post_and_the_thread(server: BlueskyServer, platform: BlueskyPlatform) -> None:
    ann = server.add_account("ann.bsky.social")
    root = server.mention(ann, "hello")
    middle = server.post(ann, "still there?", reply_to=root)
    await platform.publish("Here.", purpose="draft 1", reply_to=root.uri)
    await platform.publish("And here.", purpose="draft 2", reply_to=middle.uri)
    first, second = server.posted
    for post, parent in ((first, root), (second, middle)):
        reply = post.value["reply"]
        assert {name: reply["root"][name] for name in ("uri", "cid")} == root.ref
        assert {name: reply["parent"][name] for name in ("uri", "cid")} == parent.ref
    assert [reason for post, reason in ann.notices] == ["reply", "reply"]


async def test_posts_that_can_not_be_answered(server: BlueskyServer, platform: BlueskyPlatform) -> None:
    ann = server.add_account("ann.bsky.social")
    post = server.mention(ann, "hello")
    ann.replies_disabled = True
    with pytest.raises(TurnedDownError, match="only some people"):
        await platform.publish("x", purpose="draft 1", reply_to=post.uri)
    ann.blocks.add(server.bot.did)
    with pytest.raises(TurnedDownError, match="gone, or its author blocks"):
        await platform.publish("x", purpose="draft 1", reply_to=post.uri)
    assert server.posted == []


async def test_the_bot_label_is_put_on_once_and_all_else_is_kept(server: BlueskyServer, tmp_path: Path) -> None:
    blob = {
        "$type": "blob",
        "ref": {"$link": "bafkreih2xk3bqfbeyjxjxa4q6dj5vqg3v7ggtqyxbmqzdqlojxk2eaxxwe"},
        "mimeType": "image/jpeg",
        "size": 17,
    }
    labels = {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "!no-unauthenticated"}]}
    profile: dict[str, Any] = {
        "$type": PROFILE,
        "displayName": "Mynah",
        "avatar": blob,
        "labels": labels,
        "nobody.knows.this": {"snake_case": [1, None, {"deep": True}]},
        "empty": None,
    }
    server.world.put(server.bot, PROFILE, "self", profile)
    for _ in range(2):  # two runs of the program
        async with open_bluesky(server, tmp_path) as platform:
            await platform.publish("One.", purpose="draft 1")
            await platform.publish("Two.", purpose="draft 2")
    labelled = {**labels, "values": [{"val": "!no-unauthenticated"}, {"val": "bot"}]}
    assert server.bot.profile == {**profile, "labels": labelled}
    assert len(list(server.named("putRecord"))) == 1
    assert server.writes[0].method.endswith("putRecord")


async def test_an_account_without_a_profile_gets_one_with_the_label(
    server: BlueskyServer, platform: BlueskyPlatform
) -> None:
    server.world.remove(server.bot, PROFILE, "self")
    await platform.publish("One.", purpose="draft 1")
    assert [value["val"] for value in server.bot.profile["labels"]["values"]] == ["bot"]


async def test_a_profile_that_changes_meanwhile_is_read_again(
    server: BlueskyServer, platform: BlueskyPlatform
) -> None:
    server.faults.delay("POST", ".*putRecord", 0.3)
    publishing = asyncio.create_task(platform.publish("One.", purpose="draft 1"))
    await asyncio.sleep(0.2)  # it has read the profile
    server.world.put(server.bot, PROFILE, "self", {"$type": PROFILE, "displayName": "By hand"})
    await publishing
    assert [call.answer_status for call in server.named("putRecord")] == [400, 200]
    assert server.bot.profile["displayName"] == "By hand"
    assert [value["val"] for value in server.bot.profile["labels"]["values"]] == ["bot"]


async def test_nothing_is_posted_while_the_label_is_uncertain(
    server: BlueskyServer, platform: BlueskyPlatform
) -> None:
    server.faults.cut("POST", ".*putRecord", after_effect=True)
    with pytest.raises(NotDoneError, match="labelled as a bot"):
        await platform.publish("One.", purpose="draft 1")
    assert server.posted == []
    await platform.publish("One.", purpose="draft 1")
    assert len(list(server.named("putRecord"))) == 1  # the first one took effect


@pytest.mark.parametrize("labelled", [False, True])
async def test_a_dry_run_sends_nothing(server: BlueskyServer, tmp_path: Path, labelled: bool) -> None:
    if labelled:  # so that nothing but the post itself is there to be refused
        server.world.put(server.bot, PROFILE, "self", with_label(server.bot.profile))
    mention = server.mention(server.add_account("ann.bsky.social"), "hello")
    before = dict(server.bot.records)
    async with open_bluesky(server, tmp_path, dry_run=True) as platform:
        for reply_to in ("", mention.uri):
            with pytest.raises(DryRunError):
                await platform.publish("Never.", purpose="draft 1", reply_to=reply_to)
        assert (await platform.account()).handle == server.bot.handle  # reading goes on
        assert (await platform.heard("")).summons == ()
        assert await platform.find("Never.", purpose="draft 1", since=NOW) is None
    assert server.writes == []
    assert server.bot.records == before


async def test_the_label_obeys_the_dry_run_by_itself(server: BlueskyServer, tmp_path: Path) -> None:
    settings = settings_for(server, tmp_path, dry_run=True)
    async with open_store(settings.database) as store:
        governor = Governor(store, settings)
        async with Wire(settings.bluesky, governor) as wire:
            with pytest.raises(DryRunError):
                await BotLabel(wire, governor).put_on()
    assert server.writes == []


async def test_what_is_too_long_is_never_sent(server: BlueskyServer, platform: BlueskyPlatform) -> None:
    family = "👨‍👩‍👧‍👦"  # one grapheme, 25 bytes
    for text in ("a" * 301, family * 121):
        assert platform.length(text) > platform.longest
        with pytest.raises(TurnedDownError, match="longer than the 300"):
            await platform.publish(text, purpose="draft 1")
    assert server.writes == []
    for number, text in enumerate(("é" * 300, "e\u0301" * 300, "漢" * 300, family * 120)):
        assert platform.length(text) == platform.longest
        await platform.publish(text, purpose=f"draft {number}")
    assert len(server.posted) == 4


async def test_money_follows_an_overridden_price(server: BlueskyServer, tmp_path: Path) -> None:
    kinds = ("post read", "user read", "owned read", "post", "post with a link", "summoned reply")
    table = "\n".join(f'"{kind}" = {0.25 if kind == "post" else 0}' for kind in kinds)
    prices = tmp_path / "prices.toml"
    prices.write_text(f"as_of = 2026-11-21\n[x]\n{table}\n[bluesky]\n{table}\n")
    settings = settings_for(server, tmp_path)
    spending = settings.spending.model_copy(update={"prices": str(prices)})
    settings = settings.model_copy(update={"spending": spending})
    async with open_store(settings.database) as store:
        governor = Governor(store, settings)
        async with BlueskyPlatform(settings.bluesky, governor) as platform:

            async def left() -> float:
                return round(await governor.left(), 2)

            await platform.publish("One.", purpose="draft 1")
            await platform.publish("One.", purpose="draft 1")
            assert await left() == 0.75
            server.faults.cut("POST", CREATE)
            with pytest.raises(UnclearError):
                await platform.publish("Two.", purpose="draft 2")
            assert await left() == 0.5  # set aside, as nobody knows
            assert await platform.find("Two.", purpose="draft 2", since=NOW) is None
            assert await left() == 0.75
            server.faults.refuse(CREATE, 400, "InvalidRequest")
            with pytest.raises(TurnedDownError):
                await platform.publish("Three.", purpose="draft 3")
            assert await left() == 0.75


def test_keys_are_timestamps_that_no_clock_makes() -> None:
    keys = {record_key("did:plc:a", f"draft {number}", 0) for number in range(1000)}
    assert len(keys) == 1000
    assert all(can_be_ordered(key) and "3222222222222" <= key < "3c" for key in keys)
    assert record_key("did:plc:a", "draft 1", 0) == record_key("did:plc:a", "draft 1", 0)
    assert record_key("did:plc:a", "draft 1", 0) != record_key("did:plc:b", "draft 1", 0)
    assert not any(map(can_be_ordered, ("", "self", "jzzzzzzzzzzzz", "3lu3k7vikye2", "3LU3K7VIKYE2M")))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("@mynah.bsky.social hello", "hello"),
        ("@Mynah.bsky.social, hello", "hello"),
        ("well @mynah.bsky.social: hello", "well hello"),
        ("hello (@mynah.bsky.social)", "hello ()"),
        ("hello @mynah.bsky.social.", "hello ."),
        ("hello @mynah.bsky.social.example.com", "hello @mynah.bsky.social.example.com"),
        ("mail a@mynah.bsky.social now", "mail a@mynah.bsky.social now"),
        ("one\ntwo  three", "one\ntwo three"),
    ],
)
def test_the_name_is_taken_out_of_a_text(text: str, shown: str) -> None:
    assert Name("did:plc:a", "mynah.bsky.social").taken_out(text, []) == shown


def test_facets_that_lie_are_passed_over() -> None:
    name = Name("did:plc:a", "mynah.bsky.social")
    text = "é @old.name and example.com/a-lo... and here 🌍"
    start, link, here = (len(text[: text.index(part)].encode()) for part in ("@old", "example", "here"))
    facets = [
        Facet(start, start + 9, "did:plc:a", ""),
        Facet(link, link + 19, "", "https://example.com/a-longer-one"),
        Facet(here, here + 4, "", "https://other.example"),
        Facet(here, 999, "did:plc:a", ""),
        Facet(-5, 3, "did:plc:a", ""),
        Facet(8, 8, "did:plc:a", ""),
    ]
    assert name.taken_out(text, facets) == "é and https://example.com/a-longer-one and here 🌍"


def test_length_never_fails() -> None:
    assert length("") == 0
    assert length("\ud83d") == 1
