"""What the real tweepy makes of X's bad days: the facts that a client of X must be built on."""

import asyncio
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import pytest
import tweepy
from tweepy.asynchronous import AsyncClient

from tests.x_server import XServer
from tests.x_server.specification import checked_server

TWEETS = "/2/tweets"
ANY_TIMELINE = r"/2/users/\d+/tweets"


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


async def read(client: AsyncClient, x: XServer, **options: Any) -> Any:
    return await client.get_users_tweets(x.bot.id, **options)


# Rate limits


async def test_a_429_with_a_reset_tells_when(x: XServer, client: AsyncClient) -> None:
    reset = x.clock.now() + 90
    x.faults.rate_limit("GET", ANY_TIMELINE, reset=reset)
    with pytest.raises(tweepy.TooManyRequests) as refused:
        await read(client, x)
    assert refused.value.reset_time == int(reset)
    await read(client, x)
    assert [call.status for call in x.requests] == [429, 200]


async def test_a_429_without_a_reset_tells_nothing(x: XServer, client: AsyncClient) -> None:
    x.faults.rate_limit("POST", TWEETS)
    with pytest.raises(tweepy.TooManyRequests) as refused:
        await client.create_tweet(text="Hello.")
    assert refused.value.reset_time is None
    assert not x.posted


async def test_tweepys_own_waiting_crashes_with_a_signature(x: XServer, client: AsyncClient) -> None:
    client.wait_on_rate_limit = True
    x.faults.rate_limit("GET", ANY_TIMELINE)
    with pytest.raises(AttributeError, match="items"):
        await read(client, x, user_auth=True)


async def test_tweepys_own_waiting_spins_without_a_reset(x: XServer, client: AsyncClient) -> None:
    client.wait_on_rate_limit = True
    x.faults.rate_limit("GET", ANY_TIMELINE, times=20)
    async with asyncio.timeout(5):  # far less than any pause between 20 calls would take
        await read(client, x)
    assert len(x.requests) == 21


# Answers that aren't X's


async def test_an_html_page_is_a_content_type_error(x: XServer, client: AsyncClient) -> None:
    x.faults.fail("GET", ANY_TIMELINE, status=503)
    with pytest.raises(aiohttp.ContentTypeError) as failed:
        await read(client, x)
    assert not isinstance(failed.value, tweepy.TweepyException)
    assert failed.value.status == 503
    x.faults.fail("GET", ANY_TIMELINE, status=200)
    with pytest.raises(aiohttp.ContentTypeError):
        await read(client, x)


async def test_a_json_5xx_is_a_server_error(x: XServer, client: AsyncClient) -> None:
    body = '{"title": "Service Unavailable", "detail": "Over capacity", "type": "about:blank", "status": 503}'
    x.faults.fail("GET", ANY_TIMELINE, status=503, body=body, content_type="application/problem+json")
    with pytest.raises(tweepy.TwitterServerError, match="Over capacity"):
        await read(client, x)


async def test_broken_json_is_a_value_error(x: XServer, client: AsyncClient) -> None:
    for status in (200, 500):
        x.faults.fail("GET", ANY_TIMELINE, status=status, body='{"data": [', content_type="application/json")
        with pytest.raises(ValueError, match="Expecting value"):
            await read(client, x)


async def test_an_empty_401_without_a_type_is_a_content_type_error(x: XServer, client: AsyncClient) -> None:
    x.faults.unauthorized("POST", TWEETS)
    with pytest.raises(aiohttp.ContentTypeError) as failed:
        await client.create_tweet(text="Hello.")
    assert failed.value.status == 401


async def test_an_empty_401_called_json_breaks_tweepy(x: XServer, client: AsyncClient) -> None:
    x.faults.unauthorized("POST", TWEETS, content_type="application/json")
    with pytest.warns(RuntimeWarning, match="never awaited"), pytest.raises(AttributeError, match="coroutine"):
        await client.create_tweet(text="Hello.")


# Posts of which nobody knows


async def test_a_5xx_may_hide_a_post_that_stands(x: XServer, client: AsyncClient) -> None:
    x.faults.fail("POST", TWEETS, status=500, after_effect=True)
    with pytest.raises(aiohttp.ContentTypeError):
        await client.create_tweet(text="Is this on?")
    assert [post.text for post in x.posted] == ["Is this on?"]
    assert x.spent > 0
    with pytest.raises(tweepy.Forbidden, match="duplicate"):
        await client.create_tweet(text="Is this on?")
    found = await client.get_users_tweets(x.bot.id, user_auth=True)
    assert [post.text for post in found.data] == ["Is this on?"]


@pytest.mark.parametrize("after", [False, True])
async def test_a_cut_line_may_hide_a_post_too(x: XServer, client: AsyncClient, after: bool) -> None:
    x.faults.cut("POST", TWEETS, after_effect=after)
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.create_tweet(text="Is this on?")
    assert len(x.posted) == after
    assert [call.status for call in x.requests] == [0]  # a post is never sent twice


@pytest.mark.parametrize("after", [False, True])
async def test_a_timeout_may_hide_a_post_too(x: XServer, after: bool) -> None:
    x.faults.delay("POST", TWEETS, 0.2, after_effect=after)
    async with x.session(timeout=aiohttp.ClientTimeout(total=0.05)) as session:
        client = AsyncClient(**x.keys)
        client.session = session
        with pytest.raises(asyncio.TimeoutError):
            await client.create_tweet(text="Is this on?")
        assert len(x.posted) == after
        await asyncio.sleep(0.3)
        assert len(x.posted) == 1  # a caller that went away doesn't stop X


async def test_a_cut_line_on_a_kept_connection_is_tried_again_unseen(x: XServer, client: AsyncClient) -> None:
    await read(client, x)
    x.faults.cut("GET", ANY_TIMELINE)
    await read(client, x)  # aiohttp repeats what it holds for repeatable, once
    assert [call.status for call in x.requests] == [200, 0, 200]


async def test_a_deletion_tried_again_unseen_reuses_its_nonce(x: XServer, client: AsyncClient) -> None:
    made = await client.create_tweet(text="Gone soon.")
    x.faults.cut("DELETE", r"/2/tweets/\d+", after_effect=True)
    with pytest.raises(tweepy.Unauthorized):  # and yet it worked
        await client.delete_tweet(made.data["id"])
    assert not x.posted
    assert [call.status for call in x.requests] == [201, 0, 401]


# Clocks and sessions


async def test_a_date_may_be_off(x: XServer, client: AsyncClient) -> None:
    client.return_type = aiohttp.ClientResponse
    x.faults.skew("GET", ANY_TIMELINE, -7200)
    off, right = [parsedate_to_datetime((await read(client, x)).headers["Date"]) for _ in range(2)]
    assert 7199 <= (right - off).total_seconds() <= 7202
    x.clock.skew = 3600
    response = await read(client, x)
    told = parsedate_to_datetime(response.headers["Date"]).timestamp()
    assert 3598 <= told - x.clock.now() <= 3601
    assert int(response.headers["x-rate-limit-reset"]) > told  # a pause is right only between X's own two times


async def test_faults_are_met_in_order_and_run_out(x: XServer, client: AsyncClient) -> None:
    x.faults.rate_limit("GET|POST", ".*", times=2)
    x.faults.fail("GET", ANY_TIMELINE)
    for error in (tweepy.TooManyRequests, tweepy.TooManyRequests, aiohttp.ContentTypeError):
        with pytest.raises(error):
            await read(client, x)
    await read(client, x)
    assert len(x.faults.met) == 3
    assert not x.faults.waiting


async def test_a_session_goes_nowhere_but_here(x: XServer) -> None:
    async with x.session() as session:
        with pytest.raises(ValueError, match="not at X"):
            session.request("GET", "https://example.com/2/tweets")
