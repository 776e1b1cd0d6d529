"""The dry run over the wire: whatever happens, Discord counts no request that could change anything."""

import asyncio
import inspect
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import discord
import pytest
from discord import Permissions
from structlog.testing import capture_logs

from bot.fronts.discord.backend import Backend
from bot.fronts.discord.client import FrontClient, make_client
from bot.fronts.discord.connection import serve
from bot.fronts.discord.draft_cards import DraftCards
from bot.fronts.discord.dry_run import READING
from bot.fronts.discord.run_cards import RunCards
from bot.governor import DryRunError
from data.settings import Settings
from tests.discord_cards import KEEPER, begin, bring, finish, watching
from tests.discord_clients import connected, perch
from tests.discord_drafts import draft_of, noted, waiting_draft
from tests.discord_fronts import add_voice, open_backend, settings_for
from tests.discord_server import Channel, DiscordServer, Message
from tests.discord_talk import all_marked, ask, give_voice, nothing_more
from tests.test_bot_process import mynah

QUIET_SECONDS = 0.3  # in which what must not be sent would have been


def writes(server: DiscordServer, since: int = 0) -> list[tuple[str, str]]:
    return [(call.method, call.path) for call in server.requests[since:] if call.method not in READING]


def dry(home: Path) -> Settings:
    return Settings(home=home, base="builtin", dry_run=True, _env_file=None)


def live(home: Path) -> Settings:
    return Settings(home=home, base="builtin", _env_file=None)


@asynccontextmanager
async def front(server: DiscordServer, backend: Backend) -> AsyncIterator[FrontClient]:
    """Whose cards are looked after at once, and who registers nothing."""
    client = make_client(backend, guild_ready_timeout=0.05)
    client.run_cards = RunCards(client, backend, poll=0.02, pace=0.0)
    client.draft_cards = DraftCards(client, backend, poll=0.02)
    async with connected(server, client):
        yield client


async def composed(backend: Backend, number: int) -> None:
    """So many answers were made in all, and no mention waits any more."""
    async with asyncio.timeout(5):
        while len(await backend.store.replies.recent()) < number:  # noqa: ASYNC110 - the store tells nobody
            await asyncio.sleep(0.005)
    await all_marked(backend)


@pytest.fixture(name="shown")
async def _shown(server: DiscordServer, tmp_path: Path) -> Message:
    """What a live bot left behind: an answer with its buttons, a run's card, a draft's, and its commands."""
    async with open_backend(live(tmp_path)) as backend:
        await bring(backend)
        await add_voice(backend, "keeper")
        await give_voice(backend, server.channel, "keeper")
        await waiting_draft(backend, server.channel)
        async with watching(server, backend):
            await noted(backend)
            told = await server.slash(server.channel, server.person, "imitate", handle="keeper", say="What fog?")
            await server.until(lambda: told.response and not told.response.loading)
            owner = server.add_user("owner", permissions=Permissions(manage_guild=True))
            trained = await server.slash(server.channel, owner, "voice train", handle=KEEPER)
            await server.until(lambda: trained.response and not trained.response.loading)
        assert told.response is not None
        return told.response


async def test_nothing_is_sent_whatever_happens(
    server: DiscordServer, tmp_path: Path, shown: Message, caplog: pytest.LogCaptureFixture
) -> None:
    direct, stage = server.direct(server.person), persona_channel(server)
    since, people = len(server.requests), server.people
    async with open_backend(dry(tmp_path)) as backend:
        waits = ask(server, "Who waits here?")  # while no client listens
        await backend.store.inbox.enter(str(waits.id), f"discord:{server.channel.id}", "discord:1")
        await backend.store.inbox.acknowledged("123", "interaction-of-before")
        await give_voice(backend, direct, "keeper")
        await give_voice(backend, stage, "keeper")
        await backend.store.places.change(f"discord:{stage.guild.id}", personas=True)
        async with front(server, backend):
            # Mentions, in words of the bot's own and by a persona.
            ask(server)
            server.say(direct, server.person, "And here?")
            server.say(stage, server.person, "As yourself?", mentions=[server.bot])
            server.say(server.channel, server.person, "And this?", reply_to=shown)
            await composed(backend, 6)  # the first one is that of the live bot
            # Commands, completion, buttons.
            robin = server.person
            for name, options in COMMANDS.items():
                people.use_command(server.channel, robin, name, options)
            people.type_option(server.channel, robin, "imitate", "handle", "ke", {})
            for label in ("Another", "Share", "Wrong: report"):
                people.press(shown, robin, label)
            # Cards: a voice that is ready, a draft that was decided on, and one that waits to be shown.
            await finish(backend, await begin(backend))
            people.press(card_of_draft(server), server.guild.owner, "Approve")
            await backend.desk.reject(1, "operator")
            await waiting_draft(backend, server.channel, "Another one.")
            await asyncio.sleep(QUIET_SECONDS)
            assert server.gateway.connected
        assert writes(server, since) == []
        assert not await backend.store.inbox.unanswered()
    assert not [log for log in caplog.records if log.exc_info and isinstance(log.exc_info[1], DryRunError)]
    # It reads whatever it would read.
    assert server.calls("GET", f"/channels/{server.channel.id}/messages/{waits.id}")
    assert server.calls("GET", f"/channels/{stage.id}/webhooks")


def card_of_draft(server: DiscordServer) -> Message:
    (card,) = [said for said in server.sent_messages(server.channel) if "**Draft 1**" in said.content]
    return card


def persona_channel(server: DiscordServer) -> Channel:
    """Where the bot may speak through webhooks."""
    guild = server.world.add_guild("Stage", permissions=Permissions(manage_webhooks=True))
    server.world.join(guild, server.person)
    return server.world.add_channel(guild, "front")


COMMANDS: dict[str, dict[str, Any]] = {
    "help": {},
    "imitate": {"handle": "keeper", "say": "What fog?"},
    "guess": {"handle": "keeper"},
    "voice list": {},
    "voice export": {"handle": "keeper"},
    "voice delete": {"handle": "keeper"},
    "privacy policy": {},
    "privacy mydata": {},
    "privacy optout": {"handle": "keeper"},
    "autopost queue": {},
    "autopost reject": {"draft": 1},
}


async def test_what_was_held_back_does_not_burst_out_afterwards(
    server: DiscordServer, tmp_path: Path, shown: Message
) -> None:
    async with open_backend(dry(tmp_path)) as backend, front(server, backend):
        for number in range(5):
            ask(server, f"What of fog {number}?")
        server.people.use_command(server.channel, server.person, "privacy optout", {"handle": "keeper"})
        server.people.press(shown, server.person, "Another")
        await all_marked(backend)
    there = len(server.sent_messages(server.channel))
    async with open_backend(live(tmp_path)) as backend, front(server, backend):
        await nothing_more(server, server.channel, there)
        assert not await backend.store.consent.opted_out(["keeper"])
        assert (await draft_of(backend)).state == "draft"
        ask(server)  # and from now on it speaks again
        await server.until(lambda: len(server.sent_messages(server.channel)) == there + 1)


async def test_what_is_not_sent_is_logged(server: DiscordServer, tmp_path: Path, shown: Message) -> None:
    with capture_logs() as entries:
        async with open_backend(dry(tmp_path)) as backend, front(server, backend):
            ask(server)
            await composed(backend, 2)
    (line,) = [entry for entry in entries if entry["event"] == "dry run: not sent" and "text" in entry]
    assert "AI imitation of @keeper" in line["text"]
    assert line["log_level"] == "info"
    assert {entry["what"] for entry in entries if "what" in entry} == {"POST channels"}
    assert not [entry for entry in entries if entry["log_level"] in ("error", "critical")]


# The guard itself, below every way of sending that discord.py has


async def _edit(client: FrontClient, message: discord.Message, hook: discord.Webhook) -> object:
    return await message.edit(content="other")


async def _upload(client: FrontClient, message: discord.Message, hook: discord.Webhook) -> object:
    return await message.channel.send(file=discord.File(io.BytesIO(b"x"), "x.txt"))


async def _react(client: FrontClient, message: discord.Message, hook: discord.Webhook) -> object:
    return await message.add_reaction("👍")


async def _type(client: FrontClient, message: discord.Message, hook: discord.Webhook) -> object:
    async with message.channel.typing():
        return None


async def _delete(client: FrontClient, message: discord.Message, hook: discord.Webhook) -> object:
    return await message.delete()


async def _write_to(client: FrontClient, message: discord.Message, hook: discord.Webhook) -> object:
    return await message.author.send("hello")


async def _as_webhook(client: FrontClient, message: discord.Message, hook: discord.Webhook) -> object:
    return await hook.send("hello", username="Somebody")


async def _edit_as_webhook(client: FrontClient, message: discord.Message, hook: discord.Webhook) -> object:
    return await hook.edit_message(message.id, content="other")


async def _make_webhook(client: FrontClient, message: discord.Message, hook: discord.Webhook) -> object:
    return await perch_of(message).create_webhook(name="Mynah")


async def _name_itself(client: FrontClient, message: discord.Message, hook: discord.Webhook) -> object:
    assert client.user is not None
    return await client.user.edit(username="Other")


async def _register(client: FrontClient, message: discord.Message, hook: discord.Webhook) -> object:
    return await client.tree.sync()


def perch_of(message: discord.Message) -> discord.TextChannel:
    assert isinstance(message.channel, discord.TextChannel)
    return message.channel


WAYS: tuple[Callable[[FrontClient, discord.Message, discord.Webhook], Awaitable[object]], ...] = (
    *(_edit, _upload, _react, _type, _delete, _write_to),
    *(_as_webhook, _edit_as_webhook, _make_webhook, _name_itself, _register),
)


async def test_no_way_of_sending_goes_around_the_guard(
    server: DiscordServer, tmp_path: Path, shown: Message
) -> None:
    async with open_backend(dry(tmp_path)) as backend, front(server, backend) as client:
        since = len(server.requests)
        message = await perch(server, client).fetch_message(shown.id)
        hook = discord.Webhook.partial(1, "token", client=client)
        for way in WAYS:
            with pytest.raises(DryRunError, match="MYNAH_DRY_RUN"):
                await way(client, message, hook)
        assert writes(server, since) == []


async def test_an_answer_to_an_interaction_does_not_go_around_it(
    server: DiscordServer, tmp_path: Path, shown: Message
) -> None:
    answers: list[Callable[[discord.Interaction[Any]], Awaitable[object]]] = [
        lambda asked: asked.response.defer(),
        lambda asked: asked.response.send_message("hello"),
        lambda asked: asked.followup.send("hello"),
        lambda asked: asked.edit_original_response(content="hello"),
        lambda asked: asked.delete_original_response(),
    ]
    refused = []

    async with open_backend(dry(tmp_path)) as backend, front(server, backend) as client:
        since = len(server.requests)

        async def on_interaction(interaction: discord.Interaction[Any]) -> None:
            for way in answers:
                with pytest.raises(DryRunError):
                    await way(interaction)
                refused.append(way)

        client.on_interaction = on_interaction  # type: ignore[method-assign]
        server.people.use_command(server.channel, server.person, "help", {})
        await server.until(lambda: len(refused) == len(answers))
        assert writes(server, since) == []


def test_the_front_has_no_session_besides_the_guarded_one() -> None:
    files = list(Path(inspect.getfile(FrontClient)).parent.rglob("*.py"))
    assert len(files) > 20
    others = ("ClientSession(", "Webhook.from_url", "SyncWebhook", "import requests", "import httpx")
    assert not [(file.name, other) for file in files for other in others if other in file.read_text()]


async def test_the_log_says_once_that_nobody_is_answered(server: DiscordServer, tmp_path: Path) -> None:
    settings = settings_for(server, tmp_path).model_copy(update={"dry_run": True})
    with server.pointed(), capture_logs() as entries:
        async with open_backend(settings) as backend:
            serving = asyncio.create_task(serve(backend))
            await server.until(lambda: server.gateway.connected)
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
    said = [entry for entry in entries if "seem not to respond" in entry["event"]]
    assert [entry["log_level"] for entry in said] == ["warning"]
    assert writes(server) == []


async def test_registering_commands_is_refused_with_a_sentence(server: DiscordServer, tmp_path: Path) -> None:
    code, said, complained = await mynah(server, tmp_path, "discord", "sync", MYNAH_DRY_RUN="1")
    assert (code, said) == (DryRunError.exit_code, "")
    assert "dry run (MYNAH_DRY_RUN), so nothing was sent to Discord" in complained
    assert "Traceback" not in complained
    assert code != 0
    assert writes(server) == []
