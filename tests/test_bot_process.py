"""The bot as a process: how it starts, ends, is killed and comes back, and what it says when it can't go on."""

import asyncio
import json
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import socket

import psutil
import pytest

from tests.discord_server import DiscordServer
from tests.processes import ROOT, environment, until
from tests.test_health import free_port, get

pytestmark = pytest.mark.timeout(300)
START_SECONDS = 30.0  # on a busy machine


async def start(server: DiscordServer, home: Path, *arguments: str, **settings: str) -> Process:
    """`mynah ...` with the test's Discord."""
    addresses = {
        "MYNAH_DISCORD__TOKEN": server.token,
        "MYNAH_DISCORD__API_BASE": server.api_base,
        "MYNAH_DISCORD__GATEWAY_URL": server.gateway_url,
    }
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", *arguments),
        cwd=ROOT,
        env=environment(home, **addresses | settings),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
    )


async def mynah(server: DiscordServer, home: Path, *arguments: str, **settings: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command that ends by itself."""
    process = await start(server, home, *arguments, **settings)
    said, complained = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode(), complained.decode()


@dataclass
class Bot:
    """A process at work, whose output is read all along: a full pipe would stop it."""

    process: Process
    output: "asyncio.Task[tuple[bytes, bytes]]"

    async def ended(self, within: float = 5.0) -> tuple[int, str, str]:
        """Exit code, stdout and stderr, once it has ended, which may take it so many seconds."""
        await asyncio.wait([self.output], timeout=within)
        assert self.output.done()
        said, complained = self.output.result()
        assert self.process.returncode is not None
        return self.process.returncode, said.decode(), complained.decode()

    async def stopped(self, number: signal.Signals, within: float = 5.0) -> tuple[int, str, str]:
        self.process.send_signal(number)
        return await self.ended(within)


@asynccontextmanager
async def running(server: DiscordServer, home: Path, command: str = "bot", **settings: str) -> AsyncIterator[Bot]:
    """The bot, connected; killed at the end if it still runs."""
    process = await start(server, home, command, **settings)
    bot = Bot(process, asyncio.create_task(process.communicate()))
    try:
        await server.until(lambda: server.gateway.connected or bot.output.done(), seconds=START_SECONDS)
        assert not bot.output.done(), bot.output.result()
        yield bot
    finally:
        if process.returncode is None:
            process.kill()
        await bot.output


async def helped(server: DiscordServer) -> bool:
    asked = await server.slash(server.channel, server.person, "help")
    await server.until(lambda: asked.response is not None and asked.response.content)
    return True


async def test_from_the_portal_to_an_answer_and_a_clean_end(server: DiscordServer, tmp_path: Path) -> None:
    code, said, complained = await mynah(server, tmp_path, "discord", "sync")
    assert (code, complained) == (0, "")
    assert "/help" in said
    port = free_port()
    settings = {"MYNAH_HEALTH__PORT": str(port), "MYNAH_LOG_LEVEL": "DEBUG"}
    async with running(server, tmp_path, **settings) as bot:
        assert await helped(server)

        async def ready() -> bool:
            return (await get(f"http://127.0.0.1:{port}/readyz"))[0] == 200

        await until(ready)
        _, figures = await get(f"http://127.0.0.1:{port}/metrics")
        assert 'command="help"' in figures
        code, said, complained = await bot.stopped(signal.SIGTERM)
    assert code == 0
    assert f"127.0.0.1:{port}" in said
    logged = (tmp_path / "mynah.log").read_text()
    for text in (logged, complained):
        assert server.token not in text
        assert "discord.gateway" in text
        assert all(isinstance(json.loads(line), dict) for line in text.splitlines())
    assert not server.gateway.connected


async def test_a_discord_that_hangs_does_not_hold_it(server: DiscordServer, tmp_path: Path) -> None:
    async with running(server, tmp_path) as bot:
        bot.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 5
        while psutil.pid_exists(bot.process.pid) and time.monotonic() < deadline:
            time.sleep(0.05)  # noqa: ASYNC251 - meanwhile the server in this loop answers nobody
        assert not psutil.pid_exists(bot.process.pid)
        assert (await bot.ended())[0] == 0


async def test_ctrl_c_ends_it_too(server: DiscordServer, tmp_path: Path) -> None:
    async with running(server, tmp_path) as bot:
        code, _, complained = await bot.stopped(signal.SIGINT)
    assert (code, complained) == (130, "")


@pytest.mark.parametrize("arrived", [True, False])
async def test_a_bot_that_is_killed_while_it_answers_comes_back_and_answers_once(
    server: DiscordServer, tmp_path: Path, arrived: bool
) -> None:
    messages = rf"/channels/{server.channel.id}/messages"
    server.faults.cut("POST", messages, after_effect=arrived)  # so that the bot can't know whether it did
    async with running(server, tmp_path) as bot:
        asked = server.say(server.channel, server.person, "Are you there?", mentions=[server.bot])
        await server.until(lambda: ("POST", messages) in server.faults.met)
        bot.process.kill()
        await server.until(lambda: not server.gateway.connected)
    assert len(server.sent_messages(server.channel)) == arrived
    async with running(server, tmp_path):
        following = server.say(server.channel, server.person, "Still there?", mentions=[server.bot])
        await server.until(lambda: len(server.sent_messages(server.channel)) >= 2)
        await asyncio.sleep(0.5)  # a second answer would come now
    answered = [message.reply_to for message in server.sent_messages(server.channel)]
    assert sorted(answered, key=lambda message: message.id if message else 0) == [asked, following]


async def test_sigterm_ends_run_with_its_bot_and_its_trainer(server: DiscordServer, tmp_path: Path) -> None:
    async with running(server, tmp_path, "run") as bot:
        trainers = psutil.Process(bot.process.pid).children()
        assert ["-m", "bot", "trainer"] in [trainer.cmdline()[1:] for trainer in trainers]
        await asyncio.sleep(1)  # by then it handles signals
        assert (await bot.stopped(signal.SIGTERM, within=20.0))[0] == 0  # torch's part takes its time
    assert not any(trainer.is_running() for trainer in trainers)


# What it says when it can't go on


async def test_no_front_is_set_up(server: DiscordServer, tmp_path: Path) -> None:
    code, said, complained = await mynah(server, tmp_path, "bot", MYNAH_DISCORD__TOKEN="")
    assert (code, said) == (2, "")
    for front in ("MYNAH_DISCORD__TOKEN", "MYNAH_X__", "MYNAH_BLUESKY__", "README"):
        assert front in complained
    assert len(complained.splitlines()) == 1


@pytest.mark.parametrize("command", [("bot",), ("discord", "sync"), ("discord", "invite")])
async def test_a_bad_token_is_said_in_one_sentence(
    server: DiscordServer, tmp_path: Path, command: tuple[str, ...]
) -> None:
    code, _, complained = await mynah(server, tmp_path, *command, MYNAH_DISCORD__TOKEN="never.a.token")
    assert code == 2
    assert "Reset Token" in complained
    assert len(complained.splitlines()) == 1
    assert "never.a.token" not in complained + (tmp_path / "mynah.log").read_text()


async def test_a_refused_intent_is_said_in_one_sentence(server: DiscordServer, tmp_path: Path) -> None:
    async with running(server, tmp_path) as bot:
        server.gateway.close(4014)
        code, _, complained = await bot.ended()
    assert code == 2
    assert "Privileged Gateway Intents" in complained
    assert len(complained.splitlines()) == 1


async def test_discord_out_of_reach_is_exit_code_1(server: DiscordServer, tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:1/api"
    code, _, complained = await mynah(server, tmp_path, "discord", "invite", MYNAH_DISCORD__API_BASE=nowhere)
    assert code == 1
    assert "can't be reached" in complained
    assert "Traceback" not in complained


async def test_a_taken_port_is_one_line_and_the_bot_goes_on(server: DiscordServer, tmp_path: Path) -> None:
    await mynah(server, tmp_path, "discord", "sync")
    with socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        async with running(server, tmp_path, MYNAH_HEALTH__PORT=port) as bot:
            assert await helped(server)
            code, _, complained = await bot.stopped(signal.SIGTERM)
    assert code == 0
    (line,) = complained.splitlines()
    assert "MYNAH_HEALTH__PORT" in json.loads(line)["event"]


# The portal


async def test_the_links_ask_for_the_least(server: DiscordServer, tmp_path: Path) -> None:
    code, said, _ = await mynah(server, tmp_path, "discord", "invite")
    assert code == 0
    server_link, user_link = said.splitlines()
    assert f"client_id={server.bot.id}" in server_link
    assert "scope=bot+applications.commands&permissions=274878024704&integration_type=0" in server_link
    assert "scope=applications.commands&integration_type=1" in user_link
    assert "permissions" not in user_link
    _, said, _ = await mynah(server, tmp_path, "discord", "invite", "--personas")
    assert f"permissions={274878024704 | 1 << 29}&" in said  # Manage Webhooks
    assert server.gateway.identified == 0


async def test_commands_for_one_server_only(server: DiscordServer, tmp_path: Path) -> None:
    code, said, _ = await mynah(server, tmp_path, "discord", "sync", "--server", str(server.guild.id))
    assert code == 0
    assert None not in server.world.commands
    assert {f"/{command['name']}" for command in server.world.commands[server.guild.id]} <= words(said)


def words(text: str) -> set[str]:
    return set(text.replace(",", " ").split())


async def test_sync_says_that_people_can_not_take_the_bot_along(server: DiscordServer, tmp_path: Path) -> None:
    server.world.installable = {"0": {}}
    _, said, _ = await mynah(server, tmp_path, "discord", "sync")
    assert "User Install" in said
    server.world.installable = {"0": {}, "1": {}}
    _, said, _ = await mynah(server, tmp_path, "discord", "sync")
    assert "User Install" not in said
