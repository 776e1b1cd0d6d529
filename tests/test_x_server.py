"""The small X against the real tweepy: keys, posts, look-ups, words, accounts, timelines, the bill, limits."""

import html
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import tweepy
from jsonschema import ValidationError  # type: ignore[import-untyped]  # its types are a package of their own
from oauthlib.oauth1 import Client as Signer
from tweepy.asynchronous import AsyncClient, AsyncPaginator

from tests.x_server import XServer
from tests.x_server.specification import PLACE, Specification, checked_server
from tests.x_server.text import weighted_length

CENT = Decimal("0.01")
TIMELINE = "GET /2/users/{id}/tweets"


@pytest.fixture(name="x")
async def _x() -> AsyncIterator[XServer]:
    async with checked_server() as server:
        yield server


@pytest.fixture(name="client")
async def _client(x: XServer) -> AsyncIterator[AsyncClient]:
    async with x.session() as session:
        client = AsyncClient(**x.keys)
        client.session = session
        yield client


async def status_of(x: XServer, method: str, url: str, **headers: str) -> int:
    async with x.session() as session, session.request(method, url, headers=headers) as response:
        await response.read()
        return int(response.status)


def signed(x: XServer, url: str, **keys: Any) -> dict[str, str]:
    own = x.credentials
    names = (own.consumer_key, own.consumer_secret, own.access_token, own.access_token_secret)
    headers: dict[str, str] = Signer(*names, **keys).sign(url)[1]
    return headers


# Keys


async def test_a_signature_covers_odd_queries(x: XServer, client: AsyncClient) -> None:
    start = datetime(2026, 1, 1, 12, 30, tzinfo=UTC)
    answer = await client.get_users_tweets(
        x.bot.id, user_auth=True, start_time=start, exclude=["replies", "retweets"], tweet_fields=["id", "text"]
    )
    assert answer.meta == {"result_count": 0}
    assert x.requests[-1].query["start_time"] == "2026-01-01T12:30:00Z"
    assert x.requests[-1].caller is x.bot


@pytest.mark.parametrize("host", ["https://api.twitter.com", "https://api.x.com"])
async def test_a_signature_holds_for_both_of_xs_names_once(x: XServer, host: str) -> None:
    url = f"{host}/2/users/me?user.fields=created_at"
    headers = signed(x, url)
    assert await status_of(x, "GET", url, **headers) == 200
    assert await status_of(x, "GET", url, **headers) == 401  # the nonce was used


async def test_a_signature_of_something_else_is_refused(x: XServer) -> None:
    headers = signed(x, "https://api.x.com/2/users/me")
    assert await status_of(x, "GET", "https://api.x.com/2/users/me?user.fields=name", **headers) == 401
    assert await status_of(x, "DELETE", "https://api.x.com/2/users/me", **headers) == 401
    assert await status_of(x, "GET", "https://api.x.com/2/users/me") == 401
    assert await status_of(x, "GET", "https://api.x.com/2/users/me", **headers) == 200  # the nonce was still good
    old = signed(x, "https://api.x.com/2/users/me", timestamp="1790000000")
    assert await status_of(x, "GET", "https://api.x.com/2/users/me", **old) == 401


@pytest.mark.parametrize("name", ["consumer_key", "consumer_secret", "access_token", "access_token_secret"])
async def test_a_wrong_key_is_refused(x: XServer, client: AsyncClient, name: str) -> None:
    setattr(client, name, "wrong")
    with pytest.raises(tweepy.Unauthorized):
        await client.create_tweet(text="Who am I?")
    assert not x.posted


async def test_a_clock_that_is_off_spoils_the_signature(x: XServer, client: AsyncClient) -> None:
    x.clock.skew = 280
    await client.get_me()
    for skew in (330, -330):
        x.clock.skew = skew
        with pytest.raises(tweepy.Unauthorized):
            await client.get_me()
    x.clock.skew = 0
    x.clock.travel(86_400)
    await client.get_me()


async def test_the_bearer_token_reads_and_does_not_write(x: XServer, client: AsyncClient) -> None:
    robin = x.add_account("robin")
    assert (await client.get_user(username="Robin")).data.id == robin.id
    with pytest.raises(tweepy.Forbidden, match="Application-Only is forbidden"):
        await client.create_tweet(text="Hello.", user_auth=False)
    with pytest.raises(tweepy.Forbidden, match="Application-Only is forbidden"):
        await client.get_me(user_auth=False)
    client.bearer_token = "wrong"
    with pytest.raises(tweepy.Unauthorized):
        await client.get_user(username="robin")


# Writing


async def test_a_post_is_made_and_deleted(x: XServer, client: AsyncClient) -> None:
    made = await client.create_tweet(text="Fish & chips <3")
    (post,) = x.posted
    assert (made.data["id"], made.data["text"]) == (str(post.id), "Fish &amp; chips &lt;3")
    assert (post.author, post.text) == (x.bot, "Fish & chips <3")
    deleted = await client.delete_tweet(post.id)
    assert deleted.data == {"deleted": True}
    assert not x.posted


async def test_the_same_text_is_refused_while_it_stands(x: XServer, client: AsyncClient) -> None:
    made = await client.create_tweet(text="Only once.")
    with pytest.raises(tweepy.Forbidden, match="duplicate content") as refused:
        await client.create_tweet(text="Only  once. ")
    assert refused.value.api_codes == []  # problems carry no codes
    await client.delete_tweet(made.data["id"])
    await client.create_tweet(text="Only once.")
    assert len(x.posted) == 1


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("a" * 280, 280),
        ("é" * 10, 10),
        ("e\u0301", 1),
        ("“…”", 4),
        ("日本語", 6),
        ("😀", 2),
        ("👩🏽‍🚀👨‍👩‍👧‍👦", 4),
        ("🇩🇪1️⃣", 4),
        ("see https://example.com/" + "x" * 100, 27),
        ("see example.com now", 31),
    ],
)
def test_length_is_weighted(text: str, length: int) -> None:
    assert weighted_length(text) == length


async def test_a_long_text_is_refused(x: XServer, client: AsyncClient) -> None:
    await client.create_tweet(text="日" * 140)
    for text in ("a" * 281, "日" * 141):
        with pytest.raises(tweepy.BadRequest, match="too long"):
            await client.create_tweet(text=text)
    with pytest.raises(tweepy.BadRequest):
        await client.create_tweet(text="  ")
    with pytest.raises(tweepy.BadRequest, match="poll"):
        await client.create_tweet(text="Which?", poll_options=["this", "that"], poll_duration_minutes=5)
    assert len(x.posted) == 1


async def test_a_reply_needs_a_summons(x: XServer, client: AsyncClient) -> None:
    robin = x.add_account("robin")
    talk = x.post(robin, "Nice weather.")
    with pytest.raises(tweepy.Forbidden, match="have not been mentioned"):
        await client.create_tweet(text="Is it?", in_reply_to_tweet_id=talk.id)
    summons = x.mention(robin, "what do you think?", reply_to=talk)
    await client.create_tweet(text="It is.", in_reply_to_tweet_id=summons.id)
    answer = x.posted[-1]
    assert answer.text == "@robin It is."  # X puts the name in front
    assert (answer.in_reply_to, answer.conversation) == (robin, talk.id)
    await client.create_tweet(text="And it was.", in_reply_to_tweet_id=answer.id)
    quote = x.post(robin, "Look at this.", quotes=answer)
    await client.create_tweet(text="At what?", in_reply_to_tweet_id=quote.id)
    robin.protected = True
    for gone in (summons.id, 17):
        with pytest.raises(tweepy.Forbidden, match="deleted or not visible"):
            await client.create_tweet(text="Hello?", in_reply_to_tweet_id=gone)


async def test_the_posts_of_others_stay(x: XServer, client: AsyncClient) -> None:
    post = x.post(x.add_account("robin"), "Mine.")
    with pytest.raises(tweepy.Forbidden, match="not authorized to delete"):
        await client.delete_tweet(post.id)
    assert post.id in x.world.posts


async def test_a_suspended_bot_may_nothing(x: XServer, client: AsyncClient) -> None:
    x.bot.suspended = True
    with pytest.raises(tweepy.Forbidden, match="used for authentication is suspended"):
        await client.create_tweet(text="Hello.")


# Looking up


async def test_posts_are_looked_up_with_what_is_missing(x: XServer, client: AsyncClient) -> None:
    robin, wren, crow = x.add_account("robin"), x.add_account("wren", protected=True), x.add_account("crow")
    seen, hidden, banned = x.post(robin, "One."), x.post(wren, "Two."), x.post(crow, "Three.")
    crow.suspended = True
    answer = await client.get_tweets([seen.id, hidden.id, banned.id, 17, seen.id])
    assert [post.id for post in answer.data] == [seen.id]
    assert [(error["title"], error["value"]) for error in answer.errors] == [
        ("Authorization Error", str(hidden.id)),
        ("Authorization Error", str(banned.id)),
        ("Not Found Error", "17"),
    ]
    nothing = await client.get_tweet(17)
    assert nothing.data is None
    assert nothing.errors[0]["detail"] == "Could not find tweet with id: [17]."
    with pytest.raises(tweepy.BadRequest, match="between 1 and 100"):
        await client.get_tweets(list(range(1, 102)))


async def test_fields_come_when_asked_for(x: XServer, client: AsyncClient) -> None:
    robin = x.add_account("robin", name="Robin")
    first = x.post(robin, "Ask @mynah about example.com #birds")
    second = x.post(robin, "And this.", reply_to=first)
    assert (await client.get_tweet(first.id)).data.data.keys() == {"id", "text", "edit_history_tweet_ids"}
    answer = await client.get_tweet(
        second.id,
        tweet_fields=["author_id", "conversation_id", "created_at", "referenced_tweets", "public_metrics"],
        expansions=["author_id", "referenced_tweets.id", "in_reply_to_user_id"],
        user_fields=["created_at", "protected", "public_metrics"],
    )
    assert (answer.data.author_id, answer.data.conversation_id) == (robin.id, first.id)
    assert abs(answer.data.created_at - datetime.now(UTC)) < timedelta(seconds=5)
    assert [(other.type, other.id) for other in answer.data.referenced_tweets] == [("replied_to", first.id)]
    assert answer.data.public_metrics["retweet_count"] == 0
    (author,) = answer.includes["users"]
    assert (author.username, author.protected, author.public_metrics["tweet_count"]) == ("robin", False, 2)
    (other,) = answer.includes["tweets"]
    text = (await client.get_tweet(other.id, tweet_fields=["entities"])).data
    assert text.entities["mentions"][0]["username"] == "mynah"
    assert text.entities["hashtags"][0]["tag"] == "birds"
    (link,) = text.entities["urls"]
    assert text.text[link["start"] : link["end"]] == link["url"]
    assert link["expanded_url"] == "http://example.com"


async def test_what_a_post_refers_to_may_be_gone(x: XServer, client: AsyncClient) -> None:
    robin, wren = x.add_account("robin"), x.add_account("wren")
    first = x.post(wren, "Here today.")
    quote = x.post(robin, "See.", quotes=first)
    wren.protected = True
    for title in ("Authorization Error", "Not Found Error"):
        answer = await client.get_tweet(quote.id, expansions=["referenced_tweets.id"])
        assert answer.data.id == quote.id
        assert (answer.errors[0]["title"], answer.errors[0]["section"]) == (title, "includes")
        if wren.id in x.world.accounts:
            x.world.remove(wren)


async def test_a_long_post_is_cut_and_noted(x: XServer, client: AsyncClient) -> None:
    story = "All's well & good. " * 30
    post = x.post(x.add_account("robin"), story)
    answer = (await client.get_tweet(post.id, tweet_fields=["note_tweet"])).data
    assert "… https://t.co/" in answer.text
    assert html.unescape(answer.data["note_tweet"]["text"]) == story


async def test_an_edited_post_keeps_its_history(x: XServer, client: AsyncClient) -> None:
    robin = x.add_account("robin")
    first = x.post(robin, "Tpyo.")
    last = x.world.edit(first, "Typo.")
    answer = await client.get_users_tweets(robin.id)
    assert [(post.id, post.text) for post in answer.data] == [(last.id, "Typo.")]
    assert answer.data[0].edit_history_tweet_ids == [first.id, last.id]


async def test_names_before_an_answer_are_not_its_authors_words(x: XServer, client: AsyncClient) -> None:
    robin, wren = x.add_account("robin"), x.add_account("wren")
    summons = x.mention(robin, "hello")
    answer = x.post(wren, "Hi @mynah", reply_to=summons)
    shown = (await client.get_tweet(answer.id, tweet_fields=["display_text_range"])).data
    assert shown.text == "@robin @mynah Hi @mynah"
    start, end = shown.data["display_text_range"]
    assert shown.text[start:end] == "Hi @mynah"


async def test_unknown_fields_and_parameters_are_refused(x: XServer, client: AsyncClient) -> None:
    with pytest.raises(tweepy.BadRequest, match=r"\[color\] is not one of"):
        await client.get_tweet(1, tweet_fields=["color"])
    with pytest.raises(tweepy.BadRequest, match=r"\[friends\] is not one of"):
        await client.get_user(username="robin", expansions=["friends"])
    with pytest.raises(tweepy.BadRequest, match="not valid"):
        await client.get_tweet("one")
    with pytest.warns(DeprecationWarning, match="warn"), pytest.raises(tweepy.BadRequest, match=r"\[page\]"):
        await client.get_tweet(1, page=2)  # tweepy sends what it doesn't know, with a warning
    assert await status_of(x, "GET", "https://api.x.com/2/lists", Authorization="Bearer bearer") == 404


# The words that X is moving to


async def new_words(client: AsyncClient, post: int, **query: str) -> dict[str, Any]:
    client.return_type = dict  # tweepy's own Tweet can't hold an answer in these words
    with pytest.warns(DeprecationWarning, match="warn"):  # it doesn't know the parameter, but sends it
        answer: dict[str, Any] = await client.get_tweet(post, **query)
    return answer


async def test_post_words_are_answered_in_kind(x: XServer, client: AsyncClient) -> None:
    robin = x.add_account("robin")
    first = x.post(robin, "First.")
    post = x.post(robin, "long " * 80, quotes=first)
    query = {"post.fields": "note_post,public_metrics", "expansions": "author_id,referenced_posts"}
    answer = await new_words(client, post.id, **query)
    data = answer["data"]
    assert data["referenced_posts"] == [{"type": "quoted", "id": str(first.id)}]
    assert (data["author_id"], data["edit_history_post_ids"]) == (str(robin.id), [str(post.id)])
    assert "repost_count" in data["public_metrics"]
    assert data["note_post"]["text"].startswith("long")
    assert [other["id"] for other in answer["includes"]["posts"]] == [str(first.id)]


async def test_fields_of_the_other_vocabulary_are_silently_absent(x: XServer, client: AsyncClient) -> None:
    robin = x.add_account("robin")
    post = x.post(robin, "long " * 80, quotes=x.post(robin, "First."))
    answer = await new_words(client, post.id, **{"post.fields": "author_id,referenced_tweets,note_tweet"})
    assert answer["data"].keys() == {"id", "text", "edit_history_post_ids"}
    plain = await client.get_tweet(post.id, tweet_fields=["note_post"])
    assert plain["data"].keys() == {"id", "text", "edit_history_tweet_ids"}
    x.requests.pop()  # the specification wouldn't have let it pass


async def test_x_may_answer_old_words_in_new_ones(x: XServer, client: AsyncClient) -> None:
    x.api.renamed = True
    client.return_type = dict
    robin = x.add_account("robin")
    first = x.post(robin, "First.")
    x.post(robin, "Second.", reply_to=first)
    answer = await client.get_users_tweets(
        robin.id, tweet_fields=["referenced_tweets", "author_id"], expansions=["referenced_tweets.id"]
    )
    newest = answer["data"][0]
    assert newest["referenced_posts"] == [{"type": "replied_to", "id": str(first.id)}]
    assert newest["author_id"] == str(robin.id)
    assert answer["includes"]["posts"][0]["id"] == str(first.id)
    assert "edit_history_post_ids" in (await client.create_tweet(text="Hello."))["data"]


async def test_tweepys_own_types_lose_the_new_words(x: XServer, client: AsyncClient) -> None:
    x.api.renamed = True
    robin = x.add_account("robin")
    post = x.post(robin, "Second.", quotes=x.post(robin, "First."))
    with pytest.warns(RuntimeWarning, match="edit_history_tweet_ids"):
        answer = await client.get_tweet(post.id, expansions=["referenced_tweets.id"])
    assert answer.data.referenced_tweets is None
    assert not isinstance(answer.includes["posts"][0], tweepy.Tweet)


# Accounts


async def test_an_account_in_each_state(x: XServer, client: AsyncClient) -> None:
    robin, crow = x.add_account("robin"), x.add_account("crow", suspended=True)
    wren = x.add_account("wren", protected=True)
    x.fill(robin, 3)
    x.fill(wren, 3)

    async def found(name: str) -> tuple[int | None, str | None]:
        answer = await client.get_user(username=name)
        return answer.data and answer.data.id, answer.errors[0]["detail"] if answer.errors else None

    async def listed(account: int) -> tuple[int, str | None]:
        answer = await client.get_users_tweets(account)
        return len(answer.data or []), answer.errors[0]["detail"] if answer.errors else None

    assert await found("robin") == (robin.id, None)
    assert await found("wren") == (wren.id, None)
    assert await found("crow") == (None, "User has been suspended: [crow].")
    assert await found("dodo") == (None, "Could not find user with username: [dodo].")
    assert await listed(robin.id) == (3, None)
    assert await listed(wren.id) == (0, f"Sorry, you are not authorized to see the user with id: [{wren.id}].")
    assert await listed(crow.id) == (0, f"User has been suspended: [{crow.id}].")
    assert await listed(17) == (0, "Could not find user with id: [17].")
    robin.username = "redbreast"
    assert await found("robin") == (None, "Could not find user with username: [robin].")
    assert await found("redbreast") == (robin.id, None)
    assert await listed(robin.id) == (3, None)
    x.world.remove(robin)
    assert await listed(robin.id) == (0, f"Could not find user with id: [{robin.id}].")
    with pytest.raises(tweepy.BadRequest, match="does not match"):
        await found("much_too_long_a_name")


# Timelines


async def test_a_timeline_in_pages(x: XServer, client: AsyncClient) -> None:
    robin = x.add_account("robin")
    posts = [post.id for post in x.fill(robin, 12)][::-1]
    pages = [page async for page in AsyncPaginator(client.get_users_tweets, robin.id, max_results=5)]
    assert [[post.id for post in page.data] for page in pages] == [posts[:5], posts[5:10], posts[10:]]
    assert [page.meta["result_count"] for page in pages] == [5, 5, 2]
    assert "next_token" not in pages[2].meta
    back = await client.get_users_tweets(robin.id, max_results=5, pagination_token=pages[2].meta["previous_token"])
    assert [post.id for post in back.data] == posts[5:10]
    assert (back.meta["newest_id"], back.meta["oldest_id"]) == (str(posts[5]), str(posts[9]))
    between = await client.get_users_tweets(robin.id, since_id=posts[8], until_id=posts[3])
    assert [post.id for post in between.data] == posts[4:8]
    since = datetime.fromtimestamp(x.world.posts[posts[2]].created_at, UTC)
    recent = await client.get_users_tweets(robin.id, start_time=since - timedelta(seconds=1))
    assert [post.id for post in recent.data] == posts[:3]


@pytest.mark.parametrize("query", [{"max_results": 4}, {"max_results": 101}, {"pagination_token": "7140dib"}])
async def test_a_page_that_cannot_be(x: XServer, client: AsyncClient, query: dict[str, Any]) -> None:
    with pytest.raises(tweepy.BadRequest, match=next(iter(query))):
        await client.get_users_tweets(x.bot.id, **query)


async def test_an_empty_timeline_has_no_data(x: XServer, client: AsyncClient) -> None:
    answer = await client.get_users_tweets(x.add_account("robin").id)
    assert answer.data is None
    assert (answer.meta, answer.errors) == ({"result_count": 0}, [])


async def test_exclusion_thins_pages_after_they_are_cut(x: XServer, client: AsyncClient) -> None:
    robin, wren = x.add_account("robin"), x.add_account("wren")
    theirs = x.post(wren, "Original.")
    plain = x.post(robin, "Plain.")
    x.post(robin, "", reposts=theirs)
    for number in range(5):
        x.post(robin, f"Reply {number}.", reply_to=theirs)
    first = await client.get_users_tweets(robin.id, max_results=5, exclude=["replies", "retweets"])
    assert first.data is None
    assert first.meta["result_count"] == 0
    second = await client.get_users_tweets(
        robin.id, max_results=5, exclude=["replies", "retweets"], pagination_token=first.meta["next_token"]
    )
    assert [post.id for post in second.data] == [plain.id]
    both = await client.get_users_tweets(robin.id, exclude="replies", tweet_fields="referenced_tweets")
    assert [post.text for post in both.data] == ["RT @wren: Original.", "Plain."]
    with pytest.raises(tweepy.BadRequest, match="exclude"):
        await client.get_users_tweets(robin.id, exclude="quotes")


async def test_a_timeline_reaches_back_3200_posts_and_800_without_replies(x: XServer, client: AsyncClient) -> None:
    robin = x.add_account("robin")
    x.fill(robin, 3210)

    async def reached(**query: Any) -> int:
        paginator = AsyncPaginator(client.get_users_tweets, robin.id, max_results=100, **query)
        return len([post async for post in paginator.flatten()])

    assert await reached() == 3200
    assert x.spent == 16
    assert await reached(exclude="replies") == 800
    assert x.spent == 16


async def test_mentions_reach_back_800_posts(x: XServer, client: AsyncClient) -> None:
    robin, wren = x.add_account("robin"), x.add_account("wren", protected=True)
    for number in range(805):
        x.mention(robin, f"number {number}")
    x.mention(wren, "unseen")
    x.post(x.bot, "I am @mynah.")
    x.post(robin, "Ask mynah@example.com or @mynahbird.")
    paginator = AsyncPaginator(client.get_users_mentions, x.bot.id, max_results=100, user_auth=True)
    texts = [post.text async for post in paginator.flatten()]
    assert (len(texts), texts[0], texts[-1]) == (800, "@mynah number 804", "@mynah number 5")
    newest = x.mention(robin, "one more")
    fresh = await client.get_users_mentions(
        x.bot.id, since_id=newest.id - 1, expansions="author_id", user_auth=True
    )
    assert [(post.id, post.author_id) for post in fresh.data] == [(newest.id, robin.id)]


# The bill


async def test_every_call_has_its_price(x: XServer, client: AsyncClient) -> None:
    robin = x.add_account("robin")
    summons = x.mention(robin, "hello")
    theirs = x.fill(robin, 4)
    costs = []

    async def pay(call: Any) -> None:
        await call
        costs.append(x.requests[-1].cost)

    await pay(client.create_tweet(text="Plain."))
    await pay(client.create_tweet(text="See https://example.com."))
    await pay(client.create_tweet(text="Hello, robin.", in_reply_to_tweet_id=summons.id))
    await pay(client.get_users_tweets(x.bot.id, user_auth=True))
    await pay(client.get_users_mentions(x.bot.id, user_auth=True))
    await pay(client.get_users_tweets(robin.id))
    await pay(client.get_user(username="robin"))
    await pay(client.get_me())
    await pay(client.get_tweets([post.id for post in theirs]))
    await pay(client.delete_tweet(x.posted[0].id))
    assert costs == [
        Decimal(price) for price in ("0.015", "0.2", "0.01", "0.003", "0.001", "0.02", "0.01", "0.01", "0", "0")
    ]
    assert x.spent == sum(costs)
    x.clock.travel(86_400)  # the next day
    await pay(client.get_tweets([post.id for post in theirs]))
    assert costs[-1] == 2 * CENT
    assert {charge.kind for charge in x.requests[-1].charges} == {"post read"}


async def test_what_stands_beside_the_answer_is_charged(x: XServer, client: AsyncClient) -> None:
    robin, wren = x.add_account("robin"), x.add_account("wren")
    quote = x.post(robin, "See.", quotes=x.post(wren, "This."))
    await client.get_tweet(quote.id, expansions=["author_id", "referenced_tweets.id"])
    assert [charge.kind for charge in x.requests[-1].charges] == ["post read", "post read", "user read"]
    assert x.spent == 2 * CENT


async def test_a_refusal_costs_nothing_and_used_credit_is_refused(x: XServer, client: AsyncClient) -> None:
    await client.get_tweet(17)
    with pytest.raises(tweepy.BadRequest):
        await client.create_tweet(text="a" * 281)
    assert x.spent == 0
    x.bill.credit = CENT
    await client.create_tweet(text="The last one.")
    with pytest.raises(tweepy.HTTPException, match="402") as refused:
        await client.create_tweet(text="One more.")
    assert refused.value.response.status == 402
    assert x.spent == Decimal("0.015")


# Rate limits


async def test_an_endpoint_takes_so_many_calls_in_15_minutes(x: XServer, client: AsyncClient) -> None:
    x.limits.set(TIMELINE, 2)
    client.return_type = dict
    for _ in range(2):
        await client.get_users_tweets(x.bot.id)
    with pytest.raises(tweepy.TooManyRequests) as refused:
        await client.get_users_tweets(x.bot.id)
    headers = refused.value.response.headers
    assert (headers["x-rate-limit-limit"], headers["x-rate-limit-remaining"]) == ("2", "0")
    assert refused.value.reset_time is not None
    assert 890 <= refused.value.reset_time - x.clock.shown() <= 901
    await client.get_users_tweets(x.bot.id, user_auth=True)  # each caller has its own
    await client.get_users_mentions(x.bot.id)  # and each endpoint
    x.clock.travel(901)
    await client.get_users_tweets(x.bot.id)


async def test_the_buckets_are_xs(x: XServer, client: AsyncClient) -> None:
    async with x.session() as session:
        for endpoint, calls in (("tweets", "900"), ("mentions", "300")):
            url = f"https://api.x.com/2/users/{x.bot.id}/{endpoint}"
            async with session.request("GET", url, headers={"Authorization": "Bearer bearer"}) as response:
                assert response.headers["x-rate-limit-limit"] == calls
    with pytest.raises(KeyError):
        x.limits.set("GET /2/nothing", 1)
    x.limits.set("POST /2/tweets", 1)
    await client.create_tweet(text="One.")
    with pytest.raises(tweepy.TooManyRequests):
        await client.create_tweet(text="Two.")
    assert len(x.posted) == 1


# X's own specification


@pytest.mark.skipif(not PLACE.exists(), reason="the specification isn't beside the project")
async def test_the_specification_finds_what_is_wrong(x: XServer, client: AsyncClient) -> None:
    specification = Specification.beside_the_project()
    assert specification is not None
    robin = x.add_account("robin")
    post = x.post(robin, "Hello.")
    await client.get_tweet(post.id, tweet_fields=["created_at"])
    call = x.requests.pop()
    specification.check(call)
    assert call.answer is not None
    for answer, error in (
        ({"data": {**call.answer["data"], "id": "one"}}, ValidationError),
        ({"data": {**call.answer["data"], "color": "red"}}, AssertionError),
        ({"errors": []}, ValidationError),
    ):
        with pytest.raises(error):
            specification.check(type(call)(**{**vars(call), "answer": answer}))
    with pytest.raises(AssertionError, match="unknown"):
        specification.check(type(call)(**{**vars(call), "query": {"color": "red"}}))
