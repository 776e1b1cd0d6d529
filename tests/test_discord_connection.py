"""The front over a line that breaks: it comes back by itself, answers each once, and leaves nothing behind."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import discord
import pytest
from discord import app_commands
from pydantic import SecretStr
from structlog.testing import capture_logs

from bot.fronts.discord import client as client_module
from bot.fronts.discord import connection
from bot.fronts.discord.backend import Backend, Interaction
from bot.fronts.discord.client import FrontClient, FrontTree, make_client
from bot.fronts.discord.connection import FINAL_CLOSE_CODES, Connection, serve
from bot.fronts.discord.failures import answer, deferred
from bot.metrics import Metrics
from bot.supervise import HEALTHY_SECONDS, RESTART_SECONDS, Patience
from data.errors import InputError
from data.settings import Settings
from tests.discord_fronts import BabblingEngine, add_voice, open_backend, settings_for
from tests.discord_server import DiscordServer
from trainer.engine import Continuation, Line, Sampling

GARBAGE: list[Callable[[DiscordServer], None]] = [
    lambda server: server.dispatch("MESSAGE_CREATE", {"id": "1"}),
    lambda server: server.dispatch("INTERACTION_CREATE", {"id": "1", "type": 2}),
    lambda server: server.gateway.send_text("{"),
]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same waits, shorter."""

    async def no_wait(self: discord.Client, shard_id: int | None, *, initial: bool = False) -> None: ...

    monkeypatch.setattr("bot.supervise.RESTART_SECONDS", (0.05,))
    monkeypatch.setattr(discord.Client, "before_identify_hook", no_wait)
    monkeypatch.setattr("discord.client.ExponentialBackoff.delay", lambda self: 0.0)
    monkeypatch.setattr(connection, "make_client", partial(make_client, guild_ready_timeout=0.1))


def slow_command(gate: asyncio.Event) -> app_commands.Command[Any, Any, Any]:
    @app_commands.command(name="slow", description="Answers when the test lets it")
    async def slow(interaction: Interaction) -> None:
        async with deferred(interaction):
            await gate.wait()
            await answer(interaction, "at last")

    return slow


class Served:
    """`serve` at work, with every client that it made; its slow command answers when the gate opens."""

    def __init__(self, server: DiscordServer, backend: Backend) -> None:
        self.server, self.backend = server, backend
        self.connection, self.metrics = Connection(), backend.metrics
        self.clients: list[FrontClient] = []
        self.gate = asyncio.Event()
        self.task = asyncio.create_task(serve(backend, on_client=self._hear))

    def _hear(self, client: FrontClient) -> None:
        self.clients.append(client)
        self.connection.carried_by(client)
        client.tree.add_command(slow_command(self.gate))

    async def connected(self, clients: int = 1) -> None:
        await self.server.until(
            lambda: self.task.done() or (len(self.clients) == clients and self.connection.connected)
        )
        if self.task.done():
            await self.task


@asynccontextmanager
async def serving(server: DiscordServer, settings: Settings) -> AsyncIterator[Served]:
    """The front on the server, its commands registered, until the block ends."""
    async with open_backend(settings) as backend:
        with server.pointed():
            registered = FrontTree(discord.Client(intents=discord.Intents.none()))
            registered.add_command(slow_command(asyncio.Event()))
            server.world.commands[None] = [
                command.to_dict(registered) | {"id": str(number), "version": "1"}
                for number, command in enumerate(registered.get_commands(), 1)
            ]
            served = Served(server, backend)
            try:
                yield served
            finally:
                served.task.cancel()
                await asyncio.gather(served.task, return_exceptions=True)


async def helped(server: DiscordServer) -> str:
    """Somebody asks for help; gives what the bot says in the end."""
    asked = await server.slash(server.channel, server.person, "help")
    await server.until(lambda: asked.response is not None and asked.response.content)
    assert asked.response is not None
    return asked.response.content


async def mention_answered(server: DiscordServer) -> None:
    """Somebody mentions the bot, and is answered once."""
    before = len(server.sent_messages(server.channel))
    server.say(server.channel, server.person, "How is the fog?", mentions=[server.bot])
    await server.until(lambda: len(server.sent_messages(server.channel)) > before)
    await asyncio.sleep(0.05)  # a second answer would come now
    assert len(server.sent_messages(server.channel)) == before + 1


# The line breaks


@pytest.mark.parametrize("trouble", ["cut", "op 7", "op 9 true", "op 9 false", "1000", "1001", "4000", "4009"])
async def test_what_a_gateway_usually_does_is_left_to_discord_py(
    server: DiscordServer, tmp_path: Path, trouble: str
) -> None:
    async with serving(server, settings_for(server, tmp_path)) as served:
        await served.connected()
        gateway = server.gateway
        match trouble:
            case "cut":
                gateway.cut()
            case "op 7":
                gateway.ask_to_reconnect()
            case "op 9 true" | "op 9 false":
                gateway.invalidate(resumable=trouble.endswith("true"))
            case code:
                gateway.close(int(code))
        await server.until(lambda: gateway.resumed + gateway.identified == 2 and gateway.connected)
        await mention_answered(server)
        assert await helped(server)
        await served.connected()
        assert len(served.clients) == 1


@pytest.mark.parametrize("shards", [0, 2])
@pytest.mark.parametrize("garbage", GARBAGE)
async def test_an_event_that_can_not_be_read_makes_a_new_client(
    server: DiscordServer, tmp_path: Path, garbage: Callable[[DiscordServer], None], shards: int
) -> None:
    server.routes.shards = shards
    with capture_logs() as logs:
        async with serving(server, settings_for(server, tmp_path, shards=bool(shards))) as served:
            await served.connected()
            garbage(server)
            await served.connected(clients=2)
            await mention_answered(server)
            assert await helped(server)
            assert served.clients[0].is_closed()
            await server.until(lambda: len(server.gateway.connections) == max(1, shards))
    (fault,) = [entry for entry in logs if entry["log_level"] == "error"]
    assert len(fault["reference"]) == 8
    assert isinstance(fault["exc_info"], KeyError | json.JSONDecodeError)


async def test_clients_leave_no_thread_and_no_task_behind(server: DiscordServer, tmp_path: Path) -> None:
    def beating() -> int:
        return sum(thread.name.startswith("keep-alive-handler") for thread in threading.enumerate())

    async with serving(server, settings_for(server, tmp_path)) as served:
        await served.connected()
        tasks = len(asyncio.all_tasks())
        for clients in (2, 3, 4):
            server.dispatch("MESSAGE_CREATE", {"id": "1"})
            await served.connected(clients)
        await server.until(lambda: beating() == 1)
        await server.until(lambda: len(asyncio.all_tasks()) <= tasks)
    await server.until(lambda: beating() == 0)


async def test_a_network_that_is_away_at_first_is_waited_for_and_said_once(
    server: DiscordServer, tmp_path: Path
) -> None:
    server.faults.cut("GET", "/users/@me", times=5)
    with capture_logs() as logs:
        async with serving(server, settings_for(server, tmp_path)) as served:
            await server.until(lambda: server.gateway.connected)
            assert await helped(server)
            assert len(served.clients) > 1
    said = [entry for entry in logs if entry["log_level"] in ("warning", "error")]
    assert ["can't be reached" in entry["event"] for entry in said] == [True]


async def test_a_gateway_that_is_away_at_first_is_no_fault_of_ours(server: DiscordServer, tmp_path: Path) -> None:
    nowhere = settings_for(server, tmp_path, gateway_url="ws://127.0.0.1:1/")
    with capture_logs() as logs:
        async with serving(server, nowhere) as served:
            await server.until(lambda: len(served.clients) == 3)
            assert not served.connection.connected
    assert [entry["log_level"] for entry in logs if entry["log_level"] != "info"] == ["warning"]


# Turned away for good


async def test_a_bad_token_ends_in_one_sentence(server: DiscordServer, tmp_path: Path) -> None:
    async with serving(server, settings_for(server, tmp_path, token=SecretStr("wrong"))) as served:
        with pytest.raises(InputError, match="Reset Token"):
            await served.task
        assert served.clients[0].is_closed()


async def test_a_client_closes_to_the_end_although_the_front_ends_meanwhile(
    server: DiscordServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closing, ended = asyncio.Event(), asyncio.Event()
    close = FrontClient.close

    async def slow_close(client: FrontClient) -> None:
        closing.set()
        await asyncio.sleep(0.05)
        await close(client)
        ended.set()

    monkeypatch.setattr(FrontClient, "close", slow_close)
    async with serving(server, settings_for(server, tmp_path, token=SecretStr("wrong"))) as served:
        await closing.wait()
        served.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await served.task
        assert ended.is_set()


@pytest.mark.parametrize("shards", [False, True])
@pytest.mark.parametrize("code", FINAL_CLOSE_CODES)
async def test_a_final_close_code_says_what_to_do(
    server: DiscordServer, tmp_path: Path, code: int, shards: bool
) -> None:
    async with serving(server, settings_for(server, tmp_path, shards=shards)) as served:
        await served.connected()
        server.gateway.close(code)
        async with asyncio.timeout(5):
            with pytest.raises(InputError) as caught:
                await served.task
    assert str(caught.value) == FINAL_CLOSE_CODES[code]
    assert len(served.clients) == 1


# Answers that are being made


async def test_an_answer_in_the_making_is_given_once_before_the_next_client_starts(
    server: DiscordServer, tmp_path: Path
) -> None:
    async with serving(server, settings_for(server, tmp_path)) as served:
        await served.connected()
        asked = await server.slash(server.channel, server.person, "slow")
        await server.until(lambda: served.backend.in_flight)
        server.dispatch("MESSAGE_CREATE", {"id": "1"})
        await server.until(lambda: not server.gateway.connections)
        served.gate.set()
        await served.connected(clients=2)
        assert asked.response is not None
        assert asked.response.content == "at last"
        edits = [call for call in server.requests if call.method in ("PATCH", "POST") and "@original" in call.path]
        assert len(edits) == 1
        assert await served.backend.store.inbox.unanswered() == []


async def test_a_mention_in_the_making_is_answered_once_by_the_next_client(
    server: DiscordServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    thinking, gate, speak = threading.Event(), threading.Event(), BabblingEngine.speak

    def speak_slowly(self: BabblingEngine, lines: Sequence[Line], sampling: Sampling) -> list[Continuation]:
        thinking.set()
        gate.wait(10)
        return speak(self, lines, sampling)

    monkeypatch.setattr(BabblingEngine, "speak", speak_slowly)
    async with serving(server, settings_for(server, tmp_path)) as served:
        await served.connected()
        await add_voice(served.backend, "keeper")
        asked = server.say(server.channel, server.person, "as @keeper hello", mentions=[server.bot])
        await server.until(thinking.is_set)
        server.dispatch("MESSAGE_CREATE", {"id": "1"})
        await server.until(lambda: len(served.clients) == 2)
        gate.set()
        await mention_answered(server)
        answers = [message for message in server.sent_messages(server.channel) if message.reply_to is asked]
        assert len(answers) == 1
        assert await served.backend.store.inbox.waiting() == []


async def test_an_answer_that_takes_too_long_is_left_to_the_next_process(
    server: DiscordServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "ANSWER_SECONDS", 0.05)
    async with serving(server, settings_for(server, tmp_path)) as served:
        await served.connected()
        asked = await server.slash(server.channel, server.person, "slow")
        await server.until(lambda: served.backend.in_flight)
        served.task.cancel()
        await asyncio.wait([served.task], timeout=3)
        assert served.task.cancelled()
        waiting = await served.backend.store.inbox.unanswered()
        assert [entry.interaction for entry in waiting] == [str(asked.id)]
        assert asked.response is None or not asked.response.content
        assert not served.backend.in_flight


# What is measured


async def test_the_line_is_measured(server: DiscordServer, tmp_path: Path) -> None:
    server.routes.shards = 2
    async with serving(server, settings_for(server, tmp_path, shards=True)) as served:
        served.connection.measure(served.metrics)
        assert samples(served.metrics)["discord_connected", "0"] == 0
        await served.connected()
        await server.until(lambda: served.clients[0].latency < 10)
        await helped(server)
        served.connection.measure(served.metrics)
        measured = samples(served.metrics)
        assert measured["discord_connected", "0"] == measured["discord_connected", "1"] == 1
        assert 0 < measured["discord_latency_seconds", "0"] < 10
        assert measured["discord_stat_total_guilds", ""] == 1
        assert measured["discord_stat_total_channels", ""] == 1
        assert measured["discord_stat_total_commands", ""] >= 2
        counted = {key[0] for key in measured if key[0] == "discord_event_on_interaction_total"}
        assert counted


def samples(metrics: Metrics) -> dict[tuple[str, str], float]:
    """By name and shard."""
    return {
        (sample.name, sample.labels.get("shard", "")): sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
    }


def test_patience_grows_and_a_minute_of_health_restores_it() -> None:
    patience = Patience()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("bot.supervise.RESTART_SECONDS", RESTART_SECONDS)
        assert [patience.after(1) for _ in range(6)] == [1, 2, 5, 15, 60, 60]
        assert patience.after(HEALTHY_SECONDS + 1) == 1
        assert patience.after(1) == 2
