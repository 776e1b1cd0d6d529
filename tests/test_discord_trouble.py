"""What discord.py does in trouble: lost gateways, rate limits, storms of errors, events that can't be read."""

import asyncio
import json
import logging
import zlib
from collections.abc import Callable

import aiohttp
import discord
import pytest

from tests.discord_clients import Listener, perch, running
from tests.discord_server import DiscordServer

MESSAGES = r"/channels/\d+/messages"


# Reconnects


async def spoken_to(server: DiscordServer, client: Listener, words: list[str]) -> None:
    """Waits until the client has heard exactly these words, in order, each once."""
    await server.until(lambda: len(client.heard) >= len(words))
    await asyncio.sleep(0.05)  # a doubled event would come now
    assert client.texts == words


@pytest.mark.parametrize("trouble", ["cut", "op 7", "op 9", "1000", "1001", "4000", "4009"])
async def test_a_resume_replays_what_was_missed(server: DiscordServer, client: Listener, trouble: str) -> None:
    direct = server.direct(server.person)
    server.say(direct, server.person, "before")
    await server.until(lambda: client.heard)
    server.say(direct, server.person, "in flight")
    match trouble:
        case "cut":
            server.gateway.cut()
        case "op 7":
            server.gateway.ask_to_reconnect()
        case "op 9":
            server.gateway.invalidate(resumable=True)
        case code:
            server.gateway.close(int(code))
    server.say(direct, server.person, "meanwhile")
    await server.until(lambda: client.resumes == 1)
    server.say(direct, server.person, "after")
    await spoken_to(server, client, ["before", "in flight", "meanwhile", "after"])
    assert (server.gateway.identified, server.gateway.resumed, client.readies) == (1, 1, 1)
    assert server.gateway.received[-1]["op"] == 6


async def test_an_invalid_session_identifies_anew(server: DiscordServer, client: Listener) -> None:
    server.gateway.invalidate(resumable=False)
    await server.until(lambda: server.gateway.identified == 2)
    await server.until(lambda: client.readies == 2)
    server.say(server.direct(server.person), server.person, "after")
    await spoken_to(server, client, ["after"])
    assert server.gateway.resumed == 0


async def test_a_session_that_is_gone_cannot_be_resumed(server: DiscordServer, client: Listener) -> None:
    server.gateway.cut()
    server.gateway.sessions.clear()
    await server.until(lambda: client.readies == 2)
    assert (server.gateway.identified, server.gateway.resumed) == (2, 0)


async def test_a_silent_gateway_is_left(server: DiscordServer) -> None:
    server.gateway.heartbeat_interval = 50  # milliseconds
    async with running(server, Listener(heartbeat_timeout=0.4)) as client:
        await asyncio.sleep(0.6)
        assert client.resumes == 0  # acknowledged heartbeats alone keep the line
        server.gateway.silent = True
        await server.until(lambda: not server.gateway.connected)
        server.gateway.silent = False
        await server.until(lambda: client.resumes == 1)
        assert server.gateway.identified == 1


async def test_frames_are_compressed_as_asked(server: DiscordServer) -> None:
    async with discord.Client(intents=discord.Intents.none()) as client:
        with server.pointed():
            await client.login(server.token)
            plain = await client.http.ws_connect(f"{server.gateway_url}?v=10&encoding=json")
            assert json.loads((await plain.receive()).data)["op"] == 10
            deflated = await client.http.ws_connect(
                f"{server.gateway_url}?v=10&encoding=json&compress=zlib-stream"
            )
            frame = (await deflated.receive()).data
            assert frame.endswith(b"\x00\x00\xff\xff")
            assert json.loads(zlib.decompressobj().decompress(frame))["op"] == 10
            await plain.close()
            await deflated.close()


# HTTP trouble


async def test_a_429_is_honoured_once(server: DiscordServer, client: Listener) -> None:
    server.faults.rate_limit("POST", MESSAGES, retry_after=0.3)
    began = asyncio.get_running_loop().time()
    await perch(server, client).send("patience")
    assert asyncio.get_running_loop().time() - began >= 0.3
    assert [call.status for call in server.calls("POST", "/channels")] == [429, 200]
    assert len(server.sent_messages(server.channel)) == 1


async def test_a_global_429_holds_every_route(server: DiscordServer, client: Listener) -> None:
    server.faults.rate_limit("POST", MESSAGES, retry_after=0.3, everywhere=True)
    channel = perch(server, client)
    sending = asyncio.create_task(channel.send("patience"))
    await server.until(lambda: server.faults.met)
    await asyncio.sleep(0.05)
    began = asyncio.get_running_loop().time()
    await client.fetch_user(server.person.id)
    assert asyncio.get_running_loop().time() - began >= 0.2
    await sending


async def test_a_429_without_via_raises_at_once(server: DiscordServer, client: Listener) -> None:
    server.faults.rate_limit("POST", MESSAGES, via=False)
    with pytest.raises(discord.HTTPException) as refused:
        await perch(server, client).send("blocked")
    assert refused.value.status == 429


async def test_a_429_without_retry_after_is_a_key_error(server: DiscordServer, client: Listener) -> None:
    server.faults.rate_limit("POST", MESSAGES, retry_after=None)
    with pytest.raises(KeyError, match="retry_after"):
        await perch(server, client).send("blocked")


async def test_buckets_are_waited_for_before_they_overflow(server: DiscordServer, client: Listener) -> None:
    server.limits.set("POST", "/channels/{channel}/messages", calls=2, seconds=0.4)
    channel = perch(server, client)
    began = asyncio.get_running_loop().time()
    for number in range(3):
        await channel.send(str(number))
    assert asyncio.get_running_loop().time() - began >= 0.3
    assert [call.status for call in server.calls("POST", "/channels")] == [200, 200, 200]


async def test_a_bucket_that_overflows_answers_429(server: DiscordServer, client: Listener) -> None:
    server.limits.set("GET", "/users/{user}", calls=1, seconds=0.3)
    path, secret = f"/users/{server.person.id}", {"Authorization": f"Bot {server.token}"}
    # Another process of the same bot spends the bucket, so that discord.py can't see it coming.
    async with aiohttp.ClientSession() as other, other.get(server.api_base + path, headers=secret) as first:
        assert first.headers["X-RateLimit-Remaining"] == "0"
    user = await client.fetch_user(server.person.id)
    assert user.id == server.person.id
    assert [call.status for call in server.calls("GET", path)] == [200, 429, 200]


async def test_two_500_after_the_effect_leave_one_message(server: DiscordServer, client: Listener) -> None:
    server.faults.fail("POST", MESSAGES, times=2, after_effect=True)
    await perch(server, client).send("once")
    calls = server.calls("POST", "/channels")
    assert [call.status for call in calls] == [500, 500, 200]
    assert len({call.payload["nonce"] for call in calls}) == 1
    assert [message.content for message in server.sent_messages(server.channel)] == ["once"]


async def test_a_503_is_not_retried(server: DiscordServer, client: Listener) -> None:
    server.faults.fail("POST", MESSAGES, status=503)
    with pytest.raises(discord.DiscordServerError):
        await perch(server, client).send("storm")
    assert len(server.calls("POST", "/channels")) == 1


async def test_a_cut_line_is_not_retried(server: DiscordServer, client: Listener) -> None:
    server.faults.cut("POST", MESSAGES, after_effect=True)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await perch(server, client).send("cut")
    assert len(server.sent_messages(server.channel)) == 1  # it arrived, and the client can't know


async def test_a_late_answer_is_waited_for(server: DiscordServer, client: Listener) -> None:
    server.faults.delay("POST", MESSAGES, 0.2)
    assert (await perch(server, client).send("slow")).content == "slow"


# Events that no parser can read


async def broken_by(server: DiscordServer, trouble: Callable[[], None]) -> None:
    """Runs a client until the trouble ends it. Raises what it ended with."""
    async with running(server, Listener()) as client:
        trouble()
        assert client.running is not None
        await asyncio.wait_for(client.running, 5)


@pytest.mark.parametrize(
    ("name", "data"), [("MESSAGE_CREATE", {"id": "1"}), ("INTERACTION_CREATE", {"id": "1", "type": 2})]
)
async def test_an_event_without_its_fields_ends_the_client(
    server: DiscordServer, name: str, data: dict[str, object]
) -> None:
    with pytest.raises(KeyError):
        await broken_by(server, lambda: server.dispatch(name, data))


async def test_a_frame_that_is_no_json_ends_the_client(server: DiscordServer) -> None:
    with pytest.raises(json.JSONDecodeError):
        await broken_by(server, lambda: server.gateway.send_text("{"))


async def test_a_client_that_broke_can_connect_again(server: DiscordServer) -> None:
    async with Listener() as client:

        async def supervised() -> None:
            await client.login(server.token)
            with pytest.raises(KeyError):
                await client.connect()
            await client.ws.close()  # discord.py left the old line open, with its heartbeat thread
            await client.connect()

        with server.pointed():
            supervision = asyncio.create_task(supervised())
            await server.until(lambda: client.readies == 1)
            server.dispatch("MESSAGE_CREATE", {"id": "1"})
            server.say(server.direct(server.person), server.person, "lost: the second connect identifies anew")
            await server.until(lambda: client.readies == 2)
            server.say(server.direct(server.person), server.person, "after")
            await spoken_to(server, client, ["after"])
            assert len(server.gateway.connections) == 1
            await client.close()
            await supervision


async def test_an_unknown_event_is_ignored(
    server: DiscordServer, client: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        server.dispatch("EGG_LAID", {"id": "1"})
        server.say(server.direct(server.person), server.person, "still here")
        await spoken_to(server, client, ["still here"])
    assert caplog.records == []
