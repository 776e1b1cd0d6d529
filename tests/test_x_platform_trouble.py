"""X's bad days over the wire: what is said to have happened, what is asked again, and the books to the cent."""

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import pytest

from bot.logs import start_logging
from bot.platforms import DuplicateError, NotDoneError, PlatformError, TurnedDownError, UnclearError
from data.settings import Settings
from tests.x_platforms import Desk, open_desk
from tests.x_server import XServer
from tests.x_server.faults import JSON, Fault
from tests.x_server.specification import checked_server

POST = Decimal("0.015")
TWEETS = "/2/tweets"
MENTIONS = r"/2/users/\d+/mentions"
ANY_TIMELINE = r"/2/users/\d+/tweets"
FAILURES = (500, 502, 503, 504)


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


async def post(desk: Desk, text: str = "Is this on?", **about: str) -> str:
    return await desk.platform.publish(text, purpose="draft 1", **about)


async def find(desk: Desk, text: str = "Is this on?") -> str | None:
    return await desk.platform.find(text, purpose="draft 1", since=datetime.now(UTC))


async def ask(desk: Desk) -> int:
    """A read that costs: how many summons there are."""
    return len((await desk.platform.heard("1")).summons)


async def mentioned(x: XServer, desk: Desk) -> None:
    """Two mentions that wait, and the account known, so that only mentions are asked for from now on."""
    robin = x.add_account("robin")
    x.mention(robin, "hello")
    x.mention(robin, "are you there?")
    await desk.platform.account()
    x.requests.clear()


async def waits(call: Awaitable[Any], *, match: str = ".") -> float:
    with pytest.raises(NotDoneError, match=match) as refused:
        await call
    return refused.value.seconds


# Rate limits


async def test_a_limit_is_waited_for_by_xs_own_clock(x: XServer, desk: Desk) -> None:
    await mentioned(x, desk)
    x.clock.skew = 250  # not so far off that signatures break
    x.faults.rate_limit("GET", MENTIONS, reset=x.clock.shown() + 90)
    assert 88 <= await waits(ask(desk), match="limit") <= 93
    for _ in range(20):
        assert 85 <= await waits(ask(desk), match="limit") <= 93
    assert len(x.requests) == 1  # nobody knocks at a closed door
    assert await desk.spent() == x.spent


async def test_a_limit_that_does_not_say_until_when(x: XServer, desk: Desk) -> None:
    x.faults.rate_limit("POST", TWEETS)
    assert 59 <= await waits(post(desk)) <= 62
    assert 55 <= await waits(post(desk)) <= 62
    assert len(x.requests) == 1
    assert await desk.spent() == x.spent == 0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "120"}, 120),
        ({"x-rate-limit-reset": "{900}"}, 900),
        ({"x-rate-limit-remaining": "0", "x-rate-limit-reset": "{-900}"}, 5),
        ({"x-rate-limit-remaining": "50", "x-rate-limit-reset": "{900}"}, 60),
        ({"x-rate-limit-remaining": "soon", "x-rate-limit-reset": "later"}, 60),
        ({"x-rate-limit-remaining": "0", "x-rate-limit-reset": "999999999999"}, 86_400),
        (
            {
                "x-rate-limit-remaining": "99",
                "x-rate-limit-reset": "{900}",
                "x-user-limit-24hour-remaining": "0",
                "x-user-limit-24hour-reset": "{30000}",
            },
            30_000,
        ),
    ],
)
async def test_what_a_refusal_may_say_of_its_end(
    x: XServer, desk: Desk, headers: dict[str, str], seconds: float
) -> None:
    def moment(value: str) -> str:
        return str(int(x.clock.shown()) + int(value[1:-1])) if value.startswith("{") else value

    told = {name: moment(value) for name, value in headers.items()}
    x.faults.waiting.append(Fault("POST", TWEETS, status=429, headers=told))
    assert seconds - 2 <= await waits(post(desk)) <= seconds + 3
    assert await desk.spent() == x.spent == 0


async def test_the_last_call_that_is_left_is_the_last_that_is_made(x: XServer, desk: Desk) -> None:
    x.limits.set("POST /2/tweets", 2)
    await desk.platform.publish("One.", purpose="draft 1")
    await desk.platform.publish("Two.", purpose="draft 2")
    assert 890 <= await waits(desk.platform.publish("Three.", purpose="draft 3")) <= 903
    assert [call.status for call in x.requests] == [201, 201]  # no 429 had to be met
    await find(desk)  # other endpoints are open
    assert await desk.spent() == x.spent


async def test_those_who_come_together_share_what_is_left(x: XServer, desk: Desk) -> None:
    x.limits.set("POST /2/tweets", 3)
    await desk.platform.publish("One.", purpose="draft 0")
    x.faults.delay("POST", TWEETS, 0.2, times=6)  # so that none hears from another how many are left
    calls = (desk.platform.publish(f"Number {number}.", purpose=f"draft {number}") for number in range(1, 7))
    ends = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(end) for end in ends].count(NotDoneError) == 4
    assert [call.status for call in x.requests] == [201, 201, 201]
    assert await desk.spent() == x.spent == 3 * POST


# Nobody knows


@pytest.mark.parametrize("status", FAILURES)
@pytest.mark.parametrize("after", [False, True])
async def test_an_error_of_xs_leaves_a_post_in_doubt(x: XServer, desk: Desk, status: int, after: bool) -> None:
    x.faults.fail("POST", TWEETS, status=status, after_effect=after)
    with pytest.raises(UnclearError, match=str(status)):
        await post(desk)
    assert len(x.requests) == 1
    assert await desk.spent() == POST  # set aside, whatever became of it
    assert (await find(desk) is not None) is after
    assert await desk.spent() == x.spent
    if not after:
        x.faults.unauthorized("POST", TWEETS)
        await waits(post(desk))
        assert await desk.spent() == x.spent  # what was looked for is no longer in doubt
        assert await post(desk)
        assert await desk.spent() == x.spent == POST


JSON_503 = '{"title": "Service Unavailable", "detail": "Over capacity", "type": "about:blank", "status": 503}'
BROKEN = '{"data": {"id": "1'


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (503, JSON_503, "application/problem+json"),
        (408, "", ""),
        (200, BROKEN, JSON),
        (201, "<html></html>", "text/html"),
        (200, "", ""),
        (200, "[]", JSON),
        (200, '{"data": {"text": "Is this on?"}}', JSON),
    ],
)
async def test_an_answer_that_says_nothing_leaves_a_post_in_doubt(
    x: XServer, desk: Desk, status: int, body: str, kind: str
) -> None:
    x.faults.fail("POST", TWEETS, status=status, body=body, content_type=kind, after_effect=True)
    with pytest.raises(UnclearError):
        await post(desk)
    assert await desk.spent() == x.spent == POST
    assert await find(desk) == str(x.posted[0].id)
    assert await desk.spent() == x.spent
    assert await desk.kinds() == {"post": 1, "owned read": 1}


@pytest.mark.parametrize("after", [False, True])
async def test_a_line_that_is_cut_leaves_a_post_in_doubt(x: XServer, desk: Desk, after: bool) -> None:
    x.faults.cut("POST", TWEETS, after_effect=after)
    with pytest.raises(UnclearError, match="line"):
        await post(desk)
    assert len(x.requests) == 1
    assert (await find(desk) is not None) is after
    assert await desk.spent() == x.spent


async def test_an_answer_that_takes_too_long_leaves_a_post_in_doubt(x: XServer, opened: Opens) -> None:
    desk = await opened(timeout_seconds=0.3)
    x.faults.delay("POST", TWEETS, 0.6, after_effect=True)
    with pytest.raises(UnclearError, match="MYNAH_X__TIMEOUT_SECONDS"):
        await post(desk)
    assert await find(desk) == str(x.posted[0].id)
    assert await desk.spent() == x.spent
    await asyncio.sleep(0.4)  # the double goes on for so long


async def test_a_call_that_is_given_up_stays_in_the_books(x: XServer, desk: Desk) -> None:
    x.faults.delay("POST", TWEETS, 0.2, after_effect=True)
    task = asyncio.create_task(post(desk))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await desk.spent() == x.spent == POST
    x.faults.rate_limit("POST", TWEETS)
    await waits(post(desk))  # that one cost nothing, but the one before it may have
    assert await desk.spent() == x.spent == POST


# Reads


def failing(x: XServer, after: bool) -> list[Callable[[], None]]:
    fail, faults = x.faults.fail, x.faults
    return [
        *(lambda status=status: fail("GET", MENTIONS, status=status, after_effect=after) for status in FAILURES),
        lambda: fail("GET", MENTIONS, status=200, body=BROKEN, content_type=JSON, after_effect=after),
        lambda: fail("GET", MENTIONS, status=200, after_effect=after),
        lambda: faults.cut("GET", MENTIONS, after_effect=after),
    ]


@pytest.mark.parametrize("after", [False, True])
async def test_a_read_that_fails_is_only_not_done(x: XServer, desk: Desk, after: bool) -> None:
    await mentioned(x, desk)
    for number, fail in enumerate(failing(x, after), 1):
        fail()
        assert await waits(ask(desk)) == 60
        assert len(x.requests) == number  # aiohttp repeats none of them unseen
    assert await ask(desk) == 2
    assert await desk.spent() == x.spent == Decimal("0.012")


async def test_a_read_that_was_lost_stays_in_the_books_until_it_is_answered(x: XServer, desk: Desk) -> None:
    await mentioned(x, desk)
    x.faults.cut("GET", MENTIONS, after_effect=True)
    await waits(ask(desk))
    set_aside = await desk.spent()
    assert set_aside >= x.spent == Decimal("0.012")
    x.faults.unauthorized("GET", MENTIONS)  # costs nothing itself
    await waits(ask(desk))
    assert await desk.spent() >= x.spent
    await ask(desk)
    assert await desk.spent() == x.spent


# Refusals


@pytest.mark.parametrize("kind", ["", "application/json", "text/html"])
async def test_an_empty_401_is_about_the_keys(x: XServer, desk: Desk, kind: str) -> None:
    x.faults.unauthorized("POST", TWEETS, content_type=kind)
    await waits(post(desk), match="MYNAH_X__API_KEY.*MYNAH_X__ACCESS_SECRET")
    assert await desk.spent() == x.spent == 0


@pytest.mark.parametrize("name", ["api_key", "api_secret", "access_token", "access_secret"])
async def test_wrong_keys_are_told_as_such(x: XServer, opened: Opens, name: str) -> None:
    desk = await opened(**{name: "wrong"})
    with pytest.raises(PlatformError, match="does not accept the keys; check MYNAH_X__API_KEY"):
        await desk.platform.account()
    assert await desk.spent() == x.spent == 0


@pytest.mark.parametrize(("skew", "sentence"), [(600, "10 minutes behind"), (-400, "7 minutes ahead")])
async def test_a_clock_that_is_off_is_told_as_such(x: XServer, desk: Desk, skew: float, sentence: str) -> None:
    x.clock.skew = skew
    await waits(post(desk), match=f"its clock is {sentence}; set the clock")
    x.clock.skew = 0
    assert await post(desk)
    assert await desk.spent() == x.spent == POST


async def test_used_up_credit_is_told_as_such(x: XServer, desk: Desk) -> None:
    x.bill.credit = Decimal(0)
    assert await waits(post(desk), match="no credits left") >= 600
    assert await desk.spent() == x.spent == 0


async def test_a_duplicate_is_told_as_such(x: XServer, desk: Desk) -> None:
    await post(desk)
    with pytest.raises(DuplicateError):
        await desk.platform.publish("Is  this on?", purpose="draft 2")
    assert await desk.spent() == x.spent == POST


async def test_what_x_will_not_do_is_told_in_its_words(x: XServer, desk: Desk) -> None:
    talk = x.post(x.add_account("robin"), "Nice weather.")
    with pytest.raises(TurnedDownError, match="too long"):
        await post(desk, "a" * 281)
    with pytest.raises(TurnedDownError, match="not been mentioned"):
        await post(desk, reply_to=str(talk.id))
    with pytest.raises(TurnedDownError, match="deleted or not visible"):
        await post(desk, reply_to="17")
    x.bot.suspended = True
    with pytest.raises(TurnedDownError, match="suspended the bot's account"):
        await post(desk)
    assert await desk.spent() == x.spent == 0


@pytest.mark.parametrize("kind", ["oauth1-permissions", "client-forbidden"])
async def test_an_app_without_permission_is_no_reason_to_lose_a_post(x: XServer, desk: Desk, kind: str) -> None:
    body = f'{{"title": "Forbidden", "detail": "Not so.", "type": "https://api.x.com/2/problems/{kind}"}}'
    x.faults.fail("POST", TWEETS, status=403, body=body, content_type="application/problem+json")
    await waits(post(desk), match="permission to read and write")
    assert await desk.spent() == x.spent == 0


@pytest.mark.parametrize("status", [302, 307, 403, 404, 451])
async def test_what_stands_before_x_is_told_as_such(x: XServer, desk: Desk, status: int) -> None:
    x.faults.waiting.append(
        Fault(
            "POST", TWEETS, status=status, body="<html>Away!</html>", headers={"Location": f"{x.origin}/2/lists"}
        )
    )
    await waits(post(desk), match=f"before X answered.*{status}")
    assert [call.path for call in x.requests] == [TWEETS]  # no key is sent where X leads on
    assert await desk.spent() == x.spent == 0


async def test_where_nobody_listens_nothing_happened(x: XServer, opened: Opens) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        desk = await opened(api_base=f"http://127.0.0.1:{closed.getsockname()[1]}")
        await waits(post(desk), match="can't be reached")
        await waits(ask(desk), match="can't be reached")
    assert await desk.spent() == 0


async def test_who_does_not_open_was_sent_nothing(x: XServer, opened: Opens) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as silent:
        address = silent.getsockname()
        with socket.create_connection(address):  # that is the whole of its queue
            desk = await opened(api_base=f"http://127.0.0.1:{address[1]}", timeout_seconds=0.4)
            started = time.monotonic()
            await waits(post(desk), match="can't be reached")
    assert time.monotonic() - started < 0.4
    assert await desk.spent() == 0


async def test_many_troubles_in_a_row_end_with_the_right_bill(x: XServer, desk: Desk) -> None:
    robin = x.add_account("robin")
    x.fill(x.bot, 8)
    posted = 0
    for number in range(24):
        text, purpose = f"Post {number}.", f"draft {number}"
        summons = x.mention(robin, f"question {number}") if number % 3 else None
        about = {"purpose": purpose, "reply_to": str(summons.id) if summons else ""}
        trouble = number % 6
        if trouble in (0, 1):
            x.faults.fail("POST", TWEETS, status=FAILURES[number % 4], after_effect=bool(trouble))
        if trouble in (2, 3):
            x.faults.cut("POST", TWEETS, after_effect=trouble == 3)
        if trouble == 4:
            x.faults.unauthorized("POST", TWEETS)
        try:
            await desk.platform.publish(text, **about)
        except UnclearError:
            if await desk.platform.find(text, since=datetime.now(UTC), **about) is None:
                await desk.platform.publish(text, **about)
        except NotDoneError:
            await desk.platform.publish(text, **about)
        posted += 1
    assert len(x.posted) == 8 + posted
    assert len({post.text for post in x.posted}) == 8 + posted
    assert await desk.spent() == x.spent


async def test_no_key_is_ever_in_the_log(x: XServer, opened: Opens, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "logs", log_level="DEBUG", _env_file=None)
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        start_logging(settings)
        desk = await opened()
        await post(desk)
        x.faults.unauthorized("GET", "/2/users/me")
        await waits(desk.platform.account())
        logging.getLogger("tests").debug("the log is open")
    finally:
        for handler in root.handlers[:]:
            handler.close()
        root.handlers[:] = before
        root.setLevel(level)
    log = (tmp_path / "logs" / "mynah.log").read_text()
    assert "the log is open" in log
    for secret in ("oauth", "key-secret", "token-secret", x.credentials.access_token):
        assert secret not in log.lower()
