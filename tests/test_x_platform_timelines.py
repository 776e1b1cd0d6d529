"""Accounts and timelines on X over the wire: every state of an account, both vocabularies, and what it costs."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import pytest

from bot.platforms import Account, NoAccountError, NotDoneError, Page
from data.errors import RefusedError
from data.posts import Post
from tests.x_platforms import Desk, open_desk
from tests.x_server import XServer
from tests.x_server.specification import checked_server

POST_READ, OWN_READ, USER_READ = Decimal("0.005"), Decimal("0.001"), Decimal("0.010")
TIMELINE = "GET /2/users/{id}/tweets"
ANY_TIMELINE = r"/2/users/\d+/tweets"


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


async def read(desk: Desk, account: Account, **between: str) -> list[Post]:
    return [post async for page in desk.platform.timeline(account, **between) for post in page.posts]


async def pages(desk: Desk, account: Account, **between: str) -> list[Page]:
    return [page async for page in desk.platform.timeline(account, **between)]


async def into(
    pages: list[Page], desk: Desk, account: Account, *, each: Callable[[Page], None] = lambda page: None
) -> None:
    """Keeps what came before it went wrong."""
    async for page in desk.platform.timeline(account):
        pages.append(page)
        each(page)


def known(number: int, posts: int = 0, handle: str = "robin") -> Account:
    return Account(str(number), handle, handle, posts)


# Accounts


async def test_an_account_is_looked_up(x: XServer, desk: Desk) -> None:
    robin = x.add_account("Robin", name="Robin R.")
    x.fill(robin, 4)
    account = await desk.platform.look_up("robin")
    assert account == Account(str(robin.id), "robin", "Robin R.", 4)
    assert await desk.spent() == x.spent == USER_READ


async def test_accounts_that_cannot_be_read_each_get_their_sentence(x: XServer, desk: Desk) -> None:
    x.add_account("crow", suspended=True)
    x.add_account("wren", protected=True)
    robin = x.add_account("robin")
    robin.username = "redbreast"
    for handle, sentence in (
        ("crow", "X has suspended @crow"),
        ("wren", "@wren is protected.*archive"),
        ("dodo", "There is no @dodo on X; it has another name now, or is gone"),
        ("robin", "There is no @robin on X"),
        ("much_too_long_a_name", "can't be a name on X"),
        ("a@social.example", "can't be a name on X"),
    ):
        with pytest.raises(NoAccountError, match=sentence):
            await desk.platform.look_up(handle)
    assert (await desk.platform.look_up("redbreast")).id == str(robin.id)
    assert await desk.spent() == x.spent == 2 * USER_READ  # of wren and of redbreast something was told


async def test_what_became_of_an_account_is_told_by_its_timeline_too(x: XServer, desk: Desk) -> None:
    robin = x.add_account("robin")
    x.fill(robin, 3)
    account = await desk.platform.look_up("robin")
    robin.username = "redbreast"
    assert len(await read(desk, account)) == 3  # a name is only a name
    robin.protected = True
    with pytest.raises(NoAccountError, match="protected"):
        await read(desk, account)
    robin.protected, robin.suspended = False, True
    with pytest.raises(NoAccountError, match="suspended"):
        await read(desk, account)
    x.world.remove(robin)
    with pytest.raises(NoAccountError, match="There is no @robin"):
        await read(desk, account)
    assert await desk.spent() == x.spent


async def test_a_protected_account_of_ones_own_can_be_read(x: XServer, desk: Desk) -> None:
    x.bot.protected = True
    x.fill(x.bot, 2)
    account = await desk.platform.look_up("mynah")
    assert len(await read(desk, account)) == 2
    assert await desk.spent() == x.spent == USER_READ + 2 * OWN_READ


# What it costs


async def test_a_quote_is_what_reading_comes_to(x: XServer, desk: Desk) -> None:
    robin = x.add_account("robin")
    x.fill(robin, 120)
    account = await desk.platform.look_up("robin")
    quote = await desk.platform.quote(account, known=0)
    assert (quote.posts, quote.dollars, quote.saved) == (120, 0.6, 0)
    before = x.spent
    assert len(await read(desk, account)) == 120
    assert x.spent - before == Decimal("0.6")
    assert await desk.spent() == x.spent


async def test_a_quote_knows_ones_own_what_is_here_and_how_far_x_goes(x: XServer, desk: Desk) -> None:
    long, own = known(5, 50_000), known(x.bot.id, 50_000)
    for account, here, posts, dollars, saved in (
        (long, 0, 3_200, 16.0, 0),
        (own, 0, 3_200, 3.2, 0),
        (known(5, 1_000), 990, 10, 0.05, 4.95),
        (known(5, 1_000), 1_200, 0, 0, 5.0),
        (long, 49_990, 10, 0.05, 16.0),
        (known(5, 0), 0, 0, 0, 0),
    ):
        quote = await desk.platform.quote(account, known=here)
        assert (quote.posts, quote.dollars, quote.saved) == (posts, dollars, saved)
    assert not x.requests


async def test_a_timeline_ends_where_x_ends_it(x: XServer, desk: Desk) -> None:
    robin = x.add_account("robin")
    x.fill(robin, 3_210)
    posts = await read(desk, known(robin.id))
    assert (len(posts), len({post.id for post in posts})) == (3_200, 3_200)
    assert len(x.requests) == 32
    assert await desk.spent() == x.spent == 16


async def test_a_budget_ends_it_earlier_and_is_used_up(x: XServer, opened: Opens) -> None:
    desk = await opened(spending={"day_dollars": 0.63, "month_dollars": 1})
    robin = x.add_account("robin")
    x.fill(robin, 300)
    read: list[Page] = []
    with pytest.raises(RefusedError, match="DAY_DOLLARS"):
        await into(read, desk, known(robin.id))
    assert [len(page.posts) for page in read] == [100, 26]
    assert await desk.spent() == x.spent == Decimal("0.63")


# Pages


async def test_pages_lead_to_one_another(x: XServer, desk: Desk) -> None:
    robin = x.add_account("robin")
    posts = [str(post.id) for post in x.fill(robin, 230)][::-1]
    read = await pages(desk, known(robin.id))
    assert [[post.id for post in page.posts] for page in read] == [posts[:100], posts[100:200], posts[200:]]
    assert [page.older for page in read] == [posts[99], posts[199], ""]
    onwards = await pages(desk, known(robin.id), older_than=read[0].older)
    assert [post.id for page in onwards for post in page.posts] == posts[100:]
    between = await pages(desk, known(robin.id), newer_than=posts[20], older_than=posts[10])
    assert [[post.id for post in page.posts] for page in between] == [posts[11:20]]
    assert await desk.spent() == x.spent == 230 * POST_READ


async def test_nothing_is_one_empty_page(x: XServer, desk: Desk) -> None:
    robin = x.add_account("robin")
    assert await pages(desk, known(robin.id)) == [Page((), "")]
    assert await desk.spent() == x.spent == 0


async def test_an_empty_page_may_have_others_after_it(x: XServer, desk: Desk) -> None:
    robin = x.add_account("robin")
    posts = x.fill(robin, 3)
    body = '{"meta": {"result_count": 0, "next_token": "o1"}}'.replace("o1", token_before_all())
    x.faults.fail("GET", ANY_TIMELINE, status=200, body=body, content_type="application/json")
    assert [post.id for post in await read(desk, known(robin.id))] == [str(post.id) for post in posts[::-1]]
    assert len(x.requests) == 2


def token_before_all() -> str:
    """A token of the double that leads to what is older than the largest id there is."""
    return "o" + "zzzzzzzzzzzz"


async def test_a_page_that_fails_is_asked_for_again_and_paid_once(x: XServer, desk: Desk) -> None:
    robin = x.add_account("robin")
    x.fill(robin, 250)
    read: list[Page] = []

    def cut_the_third(page: Page) -> None:
        if len(read) == 2:
            x.faults.cut("GET", ANY_TIMELINE, after_effect=True)

    with pytest.raises(NotDoneError):
        await into(read, desk, known(robin.id), each=cut_the_third)
    assert x.spent == 250 * POST_READ  # the lost page is on the bill
    assert await desk.spent() == 300 * POST_READ  # and so in our books, at what it may have come to
    read += await pages(desk, known(robin.id), older_than=read[1].older)
    assert len({post.id for page in read for post in page.posts}) == 250
    assert await desk.spent() == x.spent == 250 * POST_READ
    assert await desk.kinds() == {"post read": 250}


# What posts are


async def test_posts_keep_what_x_knows_of_them(x: XServer, desk: Desk) -> None:
    robin, wren = x.add_account("robin"), x.add_account("wren")
    theirs = x.post(wren, "Original.")
    x.post(robin, "Fish & chips")
    x.post(robin, "I know.", reply_to=theirs)
    mine = x.post(robin, "Look.", quotes=theirs)
    x.post(robin, "More.", reply_to=mine)
    x.post(robin, "", reposts=theirs)
    story = "All's well & good. " * 30
    x.post(robin, story)
    first = x.post(robin, "Tpyo.")
    last = x.world.edit(x.world.edit(first, "Typpo."), "Typo.")
    posts = (await read(desk, known(robin.id)))[::-1]
    assert [(post.kind, post.text) for post in posts] == [
        ("post", "Fish &amp; chips"),
        ("reply", "@wren I know."),
        ("quote", "Look."),
        ("reply", "More."),
        ("retweet", "RT @wren: Original."),
        ("post", story.replace("&", "&amp;")),
        ("post", "Typo."),
    ]
    assert [post.reply_to_id for post in posts if post.reply_to_id] == [str(theirs.id), str(mine.id)]
    assert {post.lang for post in posts} == {"en"}
    assert {post.handle for post in posts} == {"robin"}
    assert [(post.id, post.edit_of_id) for post in posts if post.edit_of_id] == [(str(last.id), str(first.id))]
    created = posts[0].created_at
    assert created is not None
    assert abs((created - datetime.now(UTC)).total_seconds()) < 30
    assert await desk.spent() == x.spent == 7 * POST_READ


async def test_the_new_words_bring_the_same_at_the_same_price(x: XServer, opened: Opens) -> None:
    desk = await opened(words="post")
    robin, wren = x.add_account("robin"), x.add_account("wren")
    theirs = x.post(wren, "Original.")
    x.post(robin, "I know.", reply_to=theirs)
    x.post(robin, f"Look. https://x.com/wren/status/{theirs.id}", quotes=theirs)
    x.post(robin, "", reposts=theirs)
    story = "All's well & good. " * 30
    x.post(robin, story)
    first = x.post(robin, "Tpyo.")
    x.world.edit(first, "Typo.")
    posts = (await read(desk, known(robin.id)))[::-1]
    assert [post.kind for post in posts] == ["reply", "quote", "retweet", "post", "post"]
    assert posts[3].text == story.replace("&", "&amp;")
    assert posts[4].edit_of_id == str(first.id)
    assert "tweet.fields" not in x.requests[-1].query
    assert await desk.spent() == x.spent == 5 * POST_READ
    x.fill(robin, 3)
    assert (await desk.platform.look_up("robin")).posts == 8


async def test_answers_in_new_words_to_questions_in_old_ones(x: XServer, desk: Desk) -> None:
    x.api.renamed = True
    robin, wren = x.add_account("robin"), x.add_account("wren")
    theirs = x.post(wren, "Original.")
    x.post(robin, "I know.", reply_to=theirs)
    x.post(robin, "Look.", quotes=theirs)
    x.post(robin, "", reposts=theirs)
    x.post(robin, "long " * 80)
    account = await desk.platform.look_up("robin")
    assert account.posts == 4
    posts = (await read(desk, account))[::-1]
    assert [post.kind for post in posts] == ["reply", "quote", "retweet", "post"]
    assert posts[0].reply_to_id == str(theirs.id)
    assert posts[3].text == "long " * 80


async def test_ones_own_timeline_is_cheap(x: XServer, desk: Desk) -> None:
    x.fill(x.bot, 20)
    await read(desk, known(x.bot.id))
    assert await desk.spent() == x.spent == 20 * OWN_READ
    assert await desk.kinds() == {"owned read": 20}
