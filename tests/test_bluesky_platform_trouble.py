"""What goes wrong with Bluesky becomes a sentence and a wait: sessions, passwords, limits, a failing network."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.platforms import NotDoneError, PlatformError, TurnedDownError, UnclearError
from bot.platforms.bluesky.platform import BlueskyPlatform
from tests.bluesky_platforms import open_bluesky
from tests.bluesky_server import BlueskyServer

CREATE, PROFILE, LOGIN = ".*createRecord", ".*getProfile", ".*createSession"
NOW = datetime.now(UTC)


@pytest.fixture(name="server")
async def _server() -> AsyncIterator[BlueskyServer]:
    async with BlueskyServer() as server:
        yield server


@pytest.fixture(name="platform")
async def _platform(server: BlueskyServer, tmp_path: Path) -> AsyncIterator[BlueskyPlatform]:
    async with open_bluesky(server, tmp_path) as platform:
        yield platform


def count(server: BlueskyServer, method: str) -> int:
    return len(list(server.named(method)))


async def test_a_session_that_ended_is_renewed_silently(server: BlueskyServer, platform: BlueskyPlatform) -> None:
    await platform.publish("One.", purpose="draft 1")
    server.sessions.end()
    await asyncio.gather(
        platform.publish("Two.", purpose="draft 2"), platform.heard(""), platform.find("x", purpose="x", since=NOW)
    )
    assert (count(server, "createSession"), count(server, "refreshSession")) == (1, 1)
    server.sessions.revoke()
    await platform.publish("Three.", purpose="draft 3")
    assert (count(server, "createSession"), count(server, "refreshSession")) == (2, 2)
    assert len(server.posted) == 3


async def test_a_session_that_can_not_be_renewed_now_has_sent_nothing(
    server: BlueskyServer, platform: BlueskyPlatform
) -> None:
    await platform.publish("One.", purpose="draft 1")
    server.sessions.end()
    server.faults.fail("POST", ".*refreshSession")
    with pytest.raises(NotDoneError):
        await platform.publish("Two.", purpose="draft 2")
    await platform.publish("Two.", purpose="draft 2")
    assert len(server.posted) == 2


async def test_a_server_that_accepts_no_session_is_not_asked_for_ever(
    server: BlueskyServer, platform: BlueskyPlatform
) -> None:
    server.faults.refuse(".*listNotifications", 401, "AuthMissing", times=100)
    await platform.account()
    before = len(server.calls)
    with pytest.raises(NotDoneError, match="does not accept the session"):
        await platform.heard("")
    assert len(server.calls) - before <= 4


async def test_a_wrong_password_is_told_and_not_tried_again(server: BlueskyServer, tmp_path: Path) -> None:
    async with open_bluesky(server, tmp_path, app_password="wrong-wrong") as platform:
        for _ in range(3):
            with pytest.raises(NotDoneError) as refused:
                await platform.account()
        sentence = str(refused.value)
        assert "MYNAH_BLUESKY__HANDLE" in sentence
        assert "MYNAH_BLUESKY__APP_PASSWORD" in sentence
        assert "wrong-wrong" not in sentence
        assert 500 < refused.value.seconds <= 600
        with pytest.raises(NotDoneError):
            await platform.publish("x", purpose="draft 1")
        assert (await platform.look_up(server.bot.handle)).id == server.bot.did  # reading goes on
    assert count(server, "createSession") == 1


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("AccountTakedown", "taken the bot's account down"), ("AuthFactorTokenRequired", "code")],
)
async def test_a_refused_login_says_why(
    server: BlueskyServer, platform: BlueskyPlatform, name: str, sentence: str
) -> None:
    server.faults.refuse(LOGIN, 401, name)
    with pytest.raises(NotDoneError, match=sentence):
        await platform.account()


async def test_an_account_taken_down_while_signed_in(server: BlueskyServer, platform: BlueskyPlatform) -> None:
    await platform.publish("One.", purpose="draft 1")
    server.bot.state = "takendown"
    with pytest.raises(NotDoneError, match="taken the bot's account down"):
        await platform.publish("Two.", purpose="draft 2")
    assert len(server.posted) == 1


async def test_a_deactivated_account(server: BlueskyServer, platform: BlueskyPlatform) -> None:
    server.bot.state = "deactivated"
    for _ in range(2):
        with pytest.raises(NotDoneError, match="account is deactivated"):
            await platform.account()
    assert count(server, "createSession") == 1


async def test_a_limit_is_kept_to_without_asking(server: BlueskyServer, platform: BlueskyPlatform) -> None:
    server.limits.window = 0.5
    server.limits.calls["app.bsky.actor.getProfile"] = 1
    await platform.look_up(server.bot.handle)
    for _ in range(3):
        with pytest.raises(NotDoneError) as refused:
            await platform.look_up(server.bot.handle)
    assert 0 < refused.value.seconds < 5
    assert count(server, "getProfile") == 1
    assert (await platform.account()).id == server.bot.did  # signed calls have their own
    await asyncio.sleep(refused.value.seconds + 0.1)
    await platform.look_up(server.bot.handle)


@pytest.mark.parametrize(("reset", "least", "most"), [(None, 60, 67), (90.0, 80, 95), (-500.0, 5, 6)])
async def test_a_429_with_and_without_headers(
    server: BlueskyServer, platform: BlueskyPlatform, reset: float | None, least: float, most: float
) -> None:
    await platform.publish("One.", purpose="draft 1")
    server.clock.skew = 3600.0  # a clock that is off by an hour changes nothing
    shown = None if reset is None else server.clock.shown() + reset
    server.faults.rate_limit("POST", CREATE, reset=shown)
    started = time.monotonic()
    for _ in range(2):
        with pytest.raises(NotDoneError) as refused:
            await platform.publish("Two.", purpose="draft 2")
        assert least - 1 <= refused.value.seconds <= most
    assert time.monotonic() - started < 2
    assert count(server, "createRecord") == 2
    assert await platform.find("Two.", purpose="draft 2", since=NOW) is None


async def test_too_many_logins_are_waited_out(server: BlueskyServer, platform: BlueskyPlatform) -> None:
    server.faults.rate_limit("POST", LOGIN)
    for _ in range(2):
        with pytest.raises(NotDoneError, match="takes no more"):
            await platform.account()
    assert count(server, "createSession") == 1


@pytest.mark.parametrize("trouble", ["html", "cut", "slow", "garbage", "empty", "other"])
async def test_reading_that_fails_is_not_done(
    server: BlueskyServer, platform: BlueskyPlatform, trouble: str
) -> None:
    json = "application/json"
    match trouble:
        case "html":
            server.faults.fail("GET", PROFILE)
        case "cut":
            server.faults.cut("GET", PROFILE)
        case "slow":
            server.faults.delay("GET", PROFILE, 2.6)
        case "garbage":
            server.faults.fail("GET", PROFILE, status=200, body='{"did": ', content_type=json)
        case "empty":
            server.faults.fail("GET", PROFILE, status=200, body="", content_type="")
        case "other":
            server.faults.fail("GET", PROFILE, status=200, body='{"surprise": 1}', content_type=json)
    with pytest.raises(NotDoneError) as failed:
        await platform.look_up(server.bot.handle)
    assert failed.value.seconds > 0
    assert (await platform.look_up(server.bot.handle)).id == server.bot.did


@pytest.mark.parametrize("body", ['{"did": ', '{"surprise": 1}', "<html>"])
async def test_a_post_whose_answer_can_not_be_read_is_unclear_unless_it_stands(
    server: BlueskyServer, platform: BlueskyPlatform, body: str
) -> None:
    json = "application/json"
    server.faults.fail("POST", CREATE, status=200, body=body, content_type=json, after_effect=True)
    assert await platform.publish("One.", purpose="draft 1") == server.posted[0].uri
    server.faults.fail("POST", CREATE, status=200, body=body, content_type=json)
    with pytest.raises(UnclearError):
        await platform.publish("Two.", purpose="draft 2")
    server.faults.fail("POST", CREATE, after_effect=True)
    server.faults.fail("GET", ".*getRecord")  # nor can it be looked for
    with pytest.raises(UnclearError):
        await platform.publish("Two.", purpose="draft 2")
    assert await platform.find("Two.", purpose="draft 2", since=NOW) == server.posted[1].uri


async def test_a_refusal_is_for_good_and_in_words(server: BlueskyServer, platform: BlueskyPlatform) -> None:
    server.faults.refuse(CREATE, 400, "InvalidRequest")
    with pytest.raises(TurnedDownError, match="As ordered"):
        await platform.publish("One.", purpose="draft 1")
    assert server.posted == []


@pytest.mark.parametrize(
    ("status", "body"), [(403, "<html>blocked</html>"), (404, ""), (413, "{}"), (400, '{"message": "no"}')]
)
async def test_an_answer_that_is_not_of_bluesky_has_done_nothing(
    server: BlueskyServer, platform: BlueskyPlatform, status: int, body: str
) -> None:
    json = "application/json"
    await platform.account()
    for path in (".*getRecord", CREATE, ".*listNotifications"):
        server.faults.fail(".*", path, status=status, body=body, content_type=json)
        with pytest.raises(NotDoneError, match=f"not Bluesky .status {status}.*MYNAH_BLUESKY__SERVICE") as refused:
            await (platform.heard("") if "Notifications" in path else platform.publish("One.", purpose="draft 1"))
        assert 60 <= refused.value.seconds <= 600
    server.faults.fail("GET", PROFILE, status=status, body=body, content_type=json)
    with pytest.raises(NotDoneError, match="MYNAH_BLUESKY__PUBLIC_API"):
        await platform.look_up(server.bot.handle)
    assert await platform.publish("One.", purpose="draft 1") == server.posted[0].uri
    assert len(server.posted) == 1


@pytest.mark.parametrize("status", [408, 425, 499])
async def test_who_gave_up_waiting_does_not_know_what_became_of_it(
    server: BlueskyServer, platform: BlueskyPlatform, status: int
) -> None:
    html = "<html>too slow</html>"
    server.faults.fail("POST", CREATE, status=status, body=html, after_effect=True)
    assert await platform.publish("One.", purpose="draft 1") == server.posted[0].uri
    server.faults.fail("POST", CREATE, status=status, body=html)
    with pytest.raises(UnclearError):
        await platform.publish("Two.", purpose="draft 2")
    server.faults.refuse(".*listNotifications", status, "RequestTimeout")
    with pytest.raises(NotDoneError):
        await platform.heard("")


async def test_a_session_that_is_over_by_a_bare_status_is_renewed(
    server: BlueskyServer, platform: BlueskyPlatform
) -> None:
    server.faults.fail("POST", CREATE, status=401, body="")
    await platform.publish("One.", purpose="draft 1")
    assert count(server, "refreshSession") == 1


async def test_nobody_there(tmp_path: Path) -> None:
    async with BlueskyServer() as server:
        pass  # its port is closed now
    async with open_bluesky(server, tmp_path) as platform:
        for failing in (
            platform.publish("x", purpose="draft 1"),
            platform.find("x", purpose="draft 1", since=NOW),
            platform.heard(""),
            platform.look_up("ann.bsky.social"),
        ):
            with pytest.raises(NotDoneError, match="can't be reached"):
                await failing


async def test_a_connection_lost_between_login_and_post(server: BlueskyServer, tmp_path: Path) -> None:
    async with open_bluesky(server, tmp_path) as platform:
        await platform.publish("One.", purpose="draft 1")
        await server.__aexit__(None, None, None)
        with pytest.raises(PlatformError) as failed:
            await platform.publish("Two.", purpose="draft 2")
    assert isinstance(failed.value, NotDoneError | UnclearError)


@pytest.mark.parametrize("service", ["bsky.social", "http://", "http://[::1", "ftp://bsky.social"])
async def test_an_address_that_is_none(server: BlueskyServer, tmp_path: Path, service: str) -> None:
    async with open_bluesky(server, tmp_path, service=service, public_api=service) as platform:
        with pytest.raises(PlatformError, match="MYNAH_BLUESKY__SERVICE"):
            await platform.account()
        with pytest.raises(PlatformError, match="MYNAH_BLUESKY__PUBLIC_API"):
            await platform.look_up(server.bot.handle)


async def test_an_address_of_something_else(server: BlueskyServer, tmp_path: Path) -> None:
    async with open_bluesky(server, tmp_path, service=f"{server.origin}/somewhere") as platform:
        with pytest.raises(NotDoneError, match="MYNAH_BLUESKY__SERVICE"):
            await platform.account()
