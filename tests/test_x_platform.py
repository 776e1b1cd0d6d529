"""X as a platform over the wire: posting, finding again, being summoned; what it costs, to the cent."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import pytest

from bot.fronts.social.summons import SummonsDesk
from bot.governor import DryRunError, Governor
from bot.platforms import Platform
from bot.platforms.opening import open_platforms
from data.errors import InputError, RefusedError
from data.settings import Settings
from data.store import open_store
from tests.discord_fronts import store_voice
from tests.x_platforms import Desk, open_desk, x_settings
from tests.x_server import XServer
from tests.x_server.specification import checked_server

POST, REPLY, LINKED, OWN_READ = Decimal("0.015"), Decimal("0.010"), Decimal("0.200"), Decimal("0.001")
USER_READ = Decimal("0.010")
NOW = timedelta(seconds=1)


class Opens(Protocol):
    async def __call__(self, **settings: Any) -> Desk: ...


@pytest.fixture(name="x")
async def _x() -> AsyncIterator[XServer]:
    async with checked_server() as server:
        yield server


@pytest.fixture(name="opened")
async def _opened(x: XServer, tmp_path: Path) -> AsyncIterator[Opens]:
    async with AsyncExitStack() as stack:

        async def opened(**settings: Any) -> Desk:
            return await stack.enter_async_context(open_desk(x, tmp_path, **settings))

        yield opened


@pytest.fixture(name="desk")
async def _desk(opened: Opens) -> Desk:
    return await opened()


def just_now() -> datetime:
    return datetime.now(UTC)


# Who the bot is


async def test_the_account_is_asked_for_once(x: XServer, desk: Desk) -> None:
    x.fill(x.bot, 3)
    account = await desk.platform.account()
    assert (account.id, account.handle, account.name) == (str(x.bot.id), "mynah", "Mynah (AI parody)")
    assert account.posts == 3
    assert await desk.platform.account() is account
    assert len(x.requests) == 1
    assert await desk.spent() == x.spent == USER_READ


async def test_it_is_a_platform(desk: Desk) -> None:
    platform: Platform = desk.platform
    assert (platform.name, platform.longest, platform.length("日本語 😀")) == ("x", 280, 9)


# Posting


async def test_a_post_goes_out(x: XServer, desk: Desk) -> None:
    number = await desk.platform.publish("Fish & chips <3", purpose="draft 1")
    (post,) = x.posted
    assert (str(post.id), post.text) == (number, "Fish & chips <3")
    assert await desk.spent() == x.spent == POST
    assert await desk.kinds() == {"post": 1}


async def test_an_answer_to_a_mention_goes_out(x: XServer, desk: Desk) -> None:
    robin = x.add_account("robin")
    summons = x.mention(robin, "what do you think?")
    number = await desk.platform.publish("Not much.", purpose="draft 1", reply_to=str(summons.id))
    assert [(str(post.id), post.text) for post in x.posted] == [(number, "@robin Not much.")]
    assert await desk.spent() == x.spent == REPLY
    assert await desk.kinds() == {"summoned reply": 1}


@pytest.mark.parametrize("reply", [False, True])
async def test_a_link_costs_what_a_link_costs(x: XServer, desk: Desk, reply: bool) -> None:
    summons = x.mention(x.add_account("robin"), "a link, please")
    await desk.platform.publish(
        "Here: https://example.com/a", purpose="draft 1", reply_to=str(summons.id) if reply else ""
    )
    assert await desk.spent() == x.spent == LINKED


async def test_what_the_budget_does_not_allow_is_not_sent(x: XServer, opened: Opens) -> None:
    desk = await opened(spending={"day_dollars": 0.02, "month_dollars": 1})
    await desk.platform.publish("One.", purpose="draft 1")
    with pytest.raises(RefusedError, match="MYNAH_SPENDING__DAY_DOLLARS"):
        await desk.platform.publish("Two.", purpose="draft 2")
    assert len(x.requests) == 1
    assert await desk.spent() == x.spent == POST


async def test_a_dry_run_sends_nothing(x: XServer, opened: Opens) -> None:
    desk = await opened(dry_run=True)
    with pytest.raises(DryRunError):
        await desk.platform.publish("One.", purpose="draft 1")
    assert not x.requests
    assert await desk.platform.find("One.", purpose="draft 1", since=just_now()) is None  # reading is allowed


# Finding again


@pytest.mark.parametrize("words", ["tweet", "post"])
async def test_a_post_is_found_among_others(x: XServer, opened: Opens, words: str) -> None:
    desk = await opened(words=words)
    text = "Fish & chips <3\n\nat  e\u0301 "
    wanted = x.post(x.bot, text)
    for number in range(7):  # more than the first, short page
        x.post(x.bot, f"Something else {number}.")
    found = await desk.platform.find(text, purpose="draft 1", since=just_now())
    assert found == str(wanted.id)
    assert [call.query["max_results"] for call in x.requests] == ["5", "100"]
    assert await desk.kinds() == {"owned read": 8, "post": 1}
    assert await desk.spent() == x.spent + POST  # the post itself was made behind the bill's back


async def test_what_is_not_there_is_not_found(x: XServer, desk: Desk) -> None:
    x.post(x.bot, "Hello.", at=x.clock.now() - 3600)  # long before
    x.post(x.bot, "Hello, world.")
    x.post(x.add_account("robin"), "Hello.")
    assert await desk.platform.find("Hello.", purpose="draft 1", since=just_now()) is None
    assert await desk.spent() == x.spent == OWN_READ


@pytest.mark.parametrize("words", ["tweet", "post"])
async def test_an_answer_is_found_by_what_it_answers(x: XServer, opened: Opens, words: str) -> None:
    desk = await opened(words=words)
    robin, wren = x.add_account("robin"), x.add_account("wren")
    first, second = x.mention(robin, "hello"), x.mention(wren, "hello")
    theirs = await desk.platform.publish("Good day.", purpose="draft 1", reply_to=str(first.id))

    async def found(purpose: str, reply_to: str) -> str | None:
        return await desk.platform.find("Good day.", purpose=purpose, since=just_now(), reply_to=reply_to)

    assert await found("draft 1", str(first.id)) == theirs
    assert await found("draft 2", str(second.id)) is None
    assert await found("draft 3", "") is None
    assert await desk.spent() == x.spent


async def test_a_post_with_a_link_is_found_though_x_shortened_it(x: XServer, desk: Desk) -> None:
    text = "Read https://example.com/a/long/one today."
    post = x.post(x.bot, text)
    assert await desk.platform.find(text, purpose="draft 1", since=just_now()) == str(post.id)
    assert await desk.kinds() == {"owned read": 1, "post with a link": 1}


async def test_a_long_post_is_found_by_its_whole_text(x: XServer, desk: Desk) -> None:
    story = "All's well & good. " * 30
    x.post(x.bot, story + "Or is it?")
    post = x.post(x.bot, story + "The end.")
    assert await desk.platform.find(story + "The end.", purpose="draft 1", since=just_now()) == str(post.id)


async def test_x_may_answer_in_new_words_whatever_it_was_asked_in(x: XServer, desk: Desk) -> None:
    x.api.renamed = True
    robin = x.add_account("robin")
    summons = x.mention(robin, "hello " * 60)
    (heard,) = (await desk.platform.heard(str(summons.id - 1))).summons
    assert heard.text == " ".join(["hello"] * 60)
    number = await desk.platform.publish("Good day.", purpose="draft 1", reply_to=heard.id)
    assert await desk.platform.find("Good day.", purpose="draft 1", since=just_now(), reply_to=heard.id) == number
    assert await desk.spent() == x.spent


# Being summoned


async def heard(desk: Desk, since: Any) -> list[str]:
    return [summons.text for summons in (await desk.platform.heard(str(since.id))).summons]


async def test_the_first_look_only_finds_where_to_begin(x: XServer, desk: Desk) -> None:
    nothing = await desk.platform.heard("")
    assert (nothing.summons, nothing.position) == ((), "0")
    posts = [x.mention(x.add_account(f"robin{number}"), "hello") for number in range(8)]
    later = await desk.platform.heard("")
    assert (later.summons, later.position) == ((), str(posts[-1].id))
    assert await desk.kinds() == {"owned read": 5, "user read": 1}
    from_nothing = await desk.platform.heard(nothing.position)
    assert [summons.id for summons in from_nothing.summons] == [str(post.id) for post in posts]
    assert await desk.spent() == x.spent


@pytest.mark.parametrize("words", ["tweet", "post"])
async def test_mentions_come_oldest_first_from_every_page(x: XServer, opened: Opens, words: str) -> None:
    desk = await opened(words=words)
    robin = x.add_account("robin")
    start = x.post(robin, "Before.")
    posts = [x.mention(robin, f"number {number}") for number in range(230)]
    heard = await desk.platform.heard(str(start.id))
    assert [summons.text for summons in heard.summons] == [f"number {number}" for number in range(230)]
    assert heard.position == str(posts[-1].id)
    first = heard.summons[0]
    assert (first.author, first.thread) == (str(robin.id), str(posts[0].id))
    assert abs(first.created_at - datetime.now(UTC)) < timedelta(seconds=30)
    again = await desk.platform.heard(heard.position)
    assert (again.summons, again.position) == ((), heard.position)
    assert await desk.spent() == x.spent
    if words == "tweet":  # nothing is asked for that costs more
        assert await desk.kinds() == {"owned read": 230, "user read": 1}


async def test_who_summons_has_to_mean_the_bot(x: XServer, desk: Desk) -> None:
    robin, wren = x.add_account("robin"), x.add_account("wren")
    start = x.post(robin, "Nice weather.")
    asked = x.mention(wren, "is it?", reply_to=start)
    x.post(robin, "I think so.", reply_to=asked)  # X puts @mynah before this, robin did not
    answer = x.post(x.bot, "Yes.", reply_to=asked)
    x.post(wren, "Thanks, and tomorrow?", reply_to=answer)
    x.post(robin, "@MYNAH, say it again!", reply_to=asked)
    x.post(robin, "", reposts=asked)
    x.post(robin, "I like @mynahs and me@mynah.org.")
    assert await heard(desk, start) == ["is it?", "Thanks, and tomorrow?", "say it again!"]
    assert await desk.spent() == x.spent


async def test_a_summons_is_read_as_people_read_it(x: XServer, desk: Desk) -> None:
    robin = x.add_account("robin")
    start = x.post(robin, "Before.")
    x.post(robin, "Tell @Mynah that 1 < 2 & @wren, see example.com/a")
    assert await heard(desk, start) == ["Tell that 1 < 2 & @wren, see http://example.com/a"]


@pytest.mark.parametrize("words", ["tweet", "post"])
async def test_an_edited_mention_comes_again_but_is_known(x: XServer, opened: Opens, words: str) -> None:
    desk = await opened(words=words)
    robin = x.add_account("robin")
    start = x.post(robin, "Before.")
    first = x.mention(robin, "how is teh fog?")
    (summons,) = (await desk.platform.heard(str(start.id))).summons
    assert (summons.id, summons.original) == (str(first.id), str(first.id))
    middle = x.world.edit(first, "@mynah how is the fog?")
    last = x.world.edit(middle, "@mynah how is the fog today?")
    heard = await desk.platform.heard(str(first.id))
    (summons,) = heard.summons  # only the newest version is listed
    assert (summons.id, summons.original, heard.position) == (str(last.id), str(first.id), str(last.id))
    assert summons.text == "how is the fog today?"
    number = await desk.platform.publish("Thick.", purpose="draft 1", reply_to=summons.id)
    assert [str(post.id) for post in x.posted] == [number]


async def test_an_edited_mention_is_answered_once(x: XServer, desk: Desk, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, x=x_settings(x, voice="keeper"), _env_file=None)
    await store_voice(desk.store, settings, "keeper")
    summoned = SummonsDesk(desk.platform, str(x.bot.id), settings.x, settings, desk.store)
    await summoned.look()
    first = x.mention(x.add_account("robin"), "how is teh fog?")
    assert await summoned.look() == 1
    x.world.edit(first, "@mynah how is the fog?")
    assert await summoned.look() == 0


async def test_a_page_takes_up_no_more_than_a_tenth_of_what_is_left(x: XServer, opened: Opens) -> None:
    desk = await opened(spending={"day_dollars": 0.21, "month_dollars": 1})
    robin = x.add_account("robin")
    start = x.post(robin, "Before.")
    for number in range(30):
        x.mention(robin, f"number {number}")
    assert len(await heard(desk, start)) == 30
    sizes = [int(call.query["max_results"]) for call in x.calls("GET /2/users/{id}/mentions")]
    assert sizes == [20, 18]
    assert await desk.spent() == x.spent


async def test_a_budget_that_ends_among_mentions_keeps_the_newest(x: XServer, opened: Opens) -> None:
    desk = await opened(spending={"day_dollars": 0.022, "month_dollars": 1})
    robin = x.add_account("robin")
    start = x.post(robin, "Before.")
    posts = [x.mention(robin, f"number {number}") for number in range(20)]
    heard = await desk.platform.heard(str(start.id))
    assert [summons.text for summons in heard.summons] == [f"number {number}" for number in range(10, 20)]
    assert heard.position == str(posts[-1].id)
    assert await desk.spent() == x.spent == USER_READ + 10 * OWN_READ


async def test_without_money_nobody_is_heard(x: XServer, opened: Opens) -> None:
    desk = await opened(spending={"day_dollars": 0.004, "month_dollars": 1})
    with pytest.raises(RefusedError, match="budget"):
        await desk.platform.heard("1")
    assert not x.requests


async def test_a_page_that_leads_in_circles_is_left(x: XServer, desk: Desk) -> None:
    await desk.platform.account()
    post = {"id": "17", "text": "@mynah hello", "author_id": "5", "created_at": "2026-01-01T00:00:00.000Z"}
    body = json.dumps({"data": [post], "meta": {"result_count": 1, "next_token": "round"}})
    x.faults.fail("GET", ".*mentions", status=200, body=body, content_type="application/json", times=50)
    heard = await desk.platform.heard("1")
    assert [summons.id for summons in heard.summons] == ["17"]
    assert len(list(x.calls("GET /2/users/{id}/mentions"))) == 4


# Opening


async def test_only_what_is_set_up_is_opened(x: XServer, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, _env_file=None)
    async with open_store(settings.database) as store:
        async with open_platforms(settings, Governor(store, settings)) as platforms:
            assert platforms == {}
        settings = settings.model_copy(update={"x": x_settings(x)})
        async with open_platforms(settings, Governor(store, settings)) as platforms:
            assert list(platforms) == ["x"]
            assert (await platforms["x"].account()).handle == "mynah"


async def test_an_address_that_is_none_is_refused(x: XServer, opened: Opens) -> None:
    with pytest.raises(InputError, match="MYNAH_X__API_BASE"):
        await opened(api_base="localhost:1")
