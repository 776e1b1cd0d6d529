"""Run cards over the wire: what they show, where they stand, and what they outlive."""

import asyncio
import io
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from unittest.mock import AsyncMock

import pytest
from discord import Permissions
from PIL import Image

from bot.fronts.discord import card_text
from bot.fronts.discord.backend import Backend
from data.settings import Settings
from data.store import Right
from tests.discord_cards import HALF, KEEPER, begin, bring, finish, watching
from tests.discord_fronts import open_backend
from tests.discord_server import Channel, DiscordServer, Interaction, Message, User
from tests.processes import trainer_running
from tests.tiny_voices import tiny_base

NAME = "@lampkeeper\\_ode"
LABEL = f"-# AI imitation of {NAME}, not the person"


@pytest.fixture(name="backend")
async def _backend(tmp_path: Path) -> AsyncIterator[Backend]:
    async with open_backend(Settings(home=tmp_path, base="builtin", _env_file=None)) as backend:
        await bring(backend)
        yield backend


@pytest.fixture(name="owner")
def _owner(server: DiscordServer) -> User:
    return server.add_user("owner", permissions=Permissions(manage_guild=True))


async def train(server: DiscordServer, user: User, channel: Channel | None = None) -> Interaction:
    told = await server.slash(channel or server.channel, user, "voice train", handle=KEEPER)
    await server.until(lambda: told.response and not told.response.loading)
    return told


def card(server: DiscordServer, channel: Channel | None = None, number: int = 0) -> Message:
    """The bot's messages that answer nothing are cards."""
    cards = [said for said in server.sent_messages(channel or server.channel) if said.interaction is None]
    return cards[number]


async def shows(server: DiscordServer, message: Message, *words: str) -> None:
    await server.until(lambda: all(word in message.content for word in words), seconds=5)


async def all_closed(backend: Backend) -> None:
    async with asyncio.timeout(5):
        while await backend.store.cards.open():  # noqa: ASYNC110 - the store tells nobody
            await asyncio.sleep(0.01)


# What a card shows


async def test_from_the_queue_to_the_finished_voice(server: DiscordServer, backend: Backend, owner: User) -> None:
    async with watching(server, backend):
        told = await server.slash(server.channel, owner, "imitate", handle=KEEPER, say="Is *it* lit?")
        await server.until(lambda: told.followups)
        message = card(server)
        assert f"Training a voice of {NAME}** · run 1" in message.content
        assert "Place 1 in the queue." in message.content
        assert "`mynah trainer`" in message.content
        assert message.interaction is None  # no token of 15 minutes edits it
        assert f"https://discord.com/channels/{server.guild.id}/{server.channel.id}/{message.id}" in (
            told.followups[0].content
        )

        run = await begin(backend)
        await shows(server, message, "Reading the posts, loading the base.")
        assert "mynah trainer" not in message.content
        await backend.store.runs.heartbeat(run, 60, HALF)
        await shows(
            server, message, "50%", "`██████████░░░░░░░░░░`", "loss 4.12", "held-out loss 4.50", "1 min 15 s"
        )

        await finish(backend, run)
        await all_closed(backend)
    lines = message.content.split("\n")
    assert re.fullmatch(rf"\*\*The voice is ready: {re.escape(NAME)}\*\* · run 1 in \d+ s", lines[0])
    summary = await backend.store.posts.summary(KEEPER)
    assert summary is not None
    assert f"{summary.downloaded:,} posts downloaded, {summary.retweets:,} retweets" in lines[1]
    assert f"{summary.short:,} short, {summary.kept:,} kept" in lines[1]
    assert lines[2] == "Learned from 514 posts; held-out loss 4.50 before, 3.90 after."
    assert [line.startswith("> My dream is ") for line in lines[3:6]] == [True] * 3
    assert lines[6] == "Asked “Is \\*it\\* lit?”, it says:"
    assert lines[7].startswith("> ")
    assert lines[8:] == [f"Mention me and I answer as {NAME}.", LABEL]
    said = await backend.store.replies.recent()
    assert {reply.place for reply in said} == {f"discord:{server.guild.id}"}
    assert [reply.prompt for reply in said] == ["Is *it* lit?", *["My dream is"] * 3]
    (plot,) = message.attachments
    assert Image.open(io.BytesIO(plot.data)).size == (640, 240)
    assert all(edit["allowed_mentions"] == {"parse": []} for edit in message.edits)
    channel_voice = await backend.store.places.voice_of(f"discord:{server.channel.id}")
    assert channel_voice is not None
    assert (channel_voice.voice, channel_voice.place) == (KEEPER, f"discord:{server.guild.id}")
    assert backend.metrics.registry.get_sample_value("mynah_replies_total", {"front": "discord"}) == 4


async def test_several_wishes_of_one_run_have_a_card_each(
    server: DiscordServer, backend: Backend, owner: User
) -> None:
    other = server.world.add_channel(server.guild, "nest")
    async with watching(server, backend):
        await train(server, owner)
        again = await train(server, owner, other)
        assert again.response
        assert "is on its way already" in again.response.content
        await finish(backend, await begin(backend))
        await all_closed(backend)
    first, second = card(server), card(server, other)
    assert "is ready" in first.content
    assert first.content == second.content
    assert len(await backend.store.runs.history()) == 1


@pytest.mark.parametrize("end", ["failed", "cancelled", "erased", "voice deleted", "kept back"])
async def test_other_ends_are_a_sentence(server: DiscordServer, backend: Backend, owner: User, end: str) -> None:
    async with watching(server, backend):
        await train(server, owner)
        message, run = card(server), await begin(backend)
        if end == "failed":
            await backend.store.runs.fail(
                run, "The *base* is gone; ask <@80351110224678912> and @everyone.", retry=False
            )
            await shows(server, message, "No voice of", "The \\*base\\* is gone")
            assert "<@80351110224678912>" not in message.content
            assert "@everyone" not in message.content
        elif end == "cancelled":
            await backend.store.runs.cancel(run.id)
            await backend.store.runs.cancelled(run)
            await shows(server, message, "No voice of", "It was cancelled")
        elif end == "erased":
            await server.until(lambda: message.edits)  # it is looked after
            await backend.store.forget(KEEPER)
            await shows(server, message, "**Run 1** was erased")
        elif end == "voice deleted":
            await backend.store.runs.finish(run)
            await shows(server, message, "deleted since")
        else:
            await backend.store.consent.claim(Right(KEEPER, "discord:1", "discord:2", "owner"))
            await finish(backend, run)
            await shows(server, message, "is ready", "does not share that voice here", LABEL)
            assert "My dream" not in message.content
            assert await backend.store.places.voice_of(f"discord:{server.channel.id}") is None
        await all_closed(backend)
        edits = len(message.edits)
        await asyncio.sleep(0.1)
        assert len(message.edits) == edits


async def test_where_voices_may_not_speak_none_does(server: DiscordServer, backend: Backend, owner: User) -> None:
    async with watching(server, backend):
        await train(server, owner)
        await backend.store.places.change(f"discord:{server.guild.id}", channels=("discord:1",))
        await finish(backend, await begin(backend))
        await shows(server, card(server), "is ready", "On this server voices speak only in")
        await all_closed(backend)
    assert "My dream" not in card(server).content


async def test_whoever_is_forgotten_has_no_card(server: DiscordServer, backend: Backend, owner: User) -> None:
    async with watching(server, backend):
        await train(server, owner)
        await server.until(lambda: card(server).edits)  # it is looked after
        await backend.store.forget_person(f"discord:{owner.id}")
        await shows(server, card(server), "**Run 1** goes on")


# Where it stands


async def test_where_the_bot_may_not_write_it_sends_a_direct_message(
    server: DiscordServer, backend: Backend, owner: User
) -> None:
    server.world.deny(server.channel, Permissions(send_messages=True), silently=True)
    async with watching(server, backend):
        told = await train(server, owner)
        direct = server.direct(owner)
        message = card(server, direct)
        assert told.response
        assert f"https://discord.com/channels/@me/{direct.id}/{message.id}" in told.response.content
        await finish(backend, await begin(backend))
        await shows(server, message, "is ready", "Write to me here and I answer as")
        await all_closed(backend)
    voice = await backend.store.places.voice_of(f"discord:{direct.id}")
    assert voice is not None
    assert voice.place == f"discord:{direct.id}"
    assert not [said for said in server.sent_messages(server.channel) if said.interaction is None]


async def test_somebody_elses_server_is_no_place_for_it(server: DiscordServer, backend: Backend) -> None:
    guild = server.world.add_guild("Elsewhere", has_bot=False)
    channel = server.world.add_channel(guild, "den")
    await backend.store.consent.claim(Right(KEEPER, f"discord:{server.person.id}", "discord:2", "owner"))
    server.world.join(guild, server.person)
    async with watching(server, backend):
        await train(server, server.person, channel)
        assert "Training a voice" in card(server, server.direct(server.person)).content
        (kept,) = await backend.store.cards.open()
        assert kept.place == f"discord:{guild.id}"


async def test_where_no_message_can_be_posted_the_run_goes_on(
    server: DiscordServer, backend: Backend, owner: User
) -> None:
    server.world.deny(server.channel, Permissions(send_messages=True))
    owner.accepts_direct_messages = False
    async with watching(server, backend):
        told = await train(server, owner)
        assert told.response
        assert "`/voice status`" in told.response.content
    assert await backend.store.cards.open() == []
    assert len(await backend.store.runs.active()) == 1
    assert await backend.store.cards.asked_for(timedelta(days=1), person=f"discord:{owner.id}") == 1


async def test_a_post_whose_answer_is_lost_is_posted_once(
    server: DiscordServer, backend: Backend, owner: User
) -> None:
    server.faults.cut("POST", f"/channels/{server.channel.id}/messages", after_effect=True)
    async with watching(server, backend):
        await train(server, owner)
    assert len([said for said in server.sent_messages(server.channel) if said.interaction is None]) == 1


# What it outlives


async def test_a_restarted_bot_goes_on_with_it(server: DiscordServer, backend: Backend, owner: User) -> None:
    async with watching(server, backend):
        await train(server, owner)
    message, run = card(server), await begin(backend)
    async with watching(server, backend):
        await shows(server, message, "Reading the posts")
    await finish(backend, run)
    async with watching(server, backend):
        await shows(server, message, "is ready")
        await all_closed(backend)
    edits = len(message.edits)
    async with watching(server, backend):
        await asyncio.sleep(0.1)
    assert len(message.edits) == edits
    assert len(await backend.store.replies.recent()) == 3


@pytest.mark.parametrize("trouble", ["message deleted", "channel deleted", "no access"])
async def test_a_card_that_is_gone_closes_quietly_and_the_others_go_on(
    server: DiscordServer, backend: Backend, owner: User, trouble: str
) -> None:
    other = server.world.add_channel(server.guild, "nest")
    async with watching(server, backend):
        await train(server, owner, other)
        await train(server, owner)
        if trouble == "message deleted":
            server.world.delete(card(server, other))
        elif trouble == "channel deleted":
            server.world.remove_channel(other, silently=True)
        else:
            server.world.deny(other, Permissions(view_channel=True), silently=True)
        await finish(backend, await begin(backend))
        await all_closed(backend)
    assert "is ready" in card(server).content
    assert await backend.store.places.voice_of(f"discord:{other.id}") is None


@pytest.mark.parametrize("trouble", ["503", "cut", "lost answer"])
async def test_what_discord_fails_to_do_is_tried_again(
    server: DiscordServer, backend: Backend, owner: User, trouble: str
) -> None:
    async with watching(server, backend):
        await train(server, owner)
        run = await begin(backend)
        await shows(server, card(server), "Reading the posts")
        if trouble == "cut":
            server.faults.cut("PATCH", ".*", times=3)
        else:
            server.faults.fail("PATCH", ".*", status=503, times=3, after_effect=trouble == "lost answer")
        await finish(backend, run)
        await all_closed(backend)
        assert len(server.faults.met) == 3
    assert "is ready" in card(server).content
    assert len(card(server).attachments) == 1
    assert len(await backend.store.replies.recent()) == 3  # it did not speak once more for each attempt


async def test_where_files_are_forbidden_it_goes_without_the_plot(
    server: DiscordServer, backend: Backend, owner: User
) -> None:
    async with watching(server, backend):
        await train(server, owner)
        run = await begin(backend)
        await shows(server, card(server), "Reading the posts")
        server.faults.fail("PATCH", ".*", status=403, body="no files")
        await finish(backend, run)
        await shows(server, card(server), "is ready")
        await all_closed(backend)
    assert card(server).attachments == []


async def test_one_slow_channel_holds_no_other_up(server: DiscordServer, backend: Backend, owner: User) -> None:
    slow = server.world.add_channel(server.guild, "slow")
    async with watching(server, backend):
        await train(server, owner, slow)
        await train(server, owner)
        server.faults.delay("PATCH", f"/channels/{slow.id}/.*", 30.0)
        await finish(backend, await begin(backend))
        await shows(server, card(server), "is ready")
        assert "is ready" not in card(server, slow).content


async def test_a_fault_ends_the_card_with_a_reference(
    server: DiscordServer, backend: Backend, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_: object, **__: object) -> str:
        raise ZeroDivisionError

    async with watching(server, backend):
        await train(server, owner)
        monkeypatch.setattr(card_text, "finished", break_down)
        await finish(backend, await begin(backend))
        await shows(server, card(server), "please report reference")
        await all_closed(backend)
    assert "ZeroDivision" not in card(server).content


async def test_a_store_out_of_reach_does_not_end_the_watch(
    server: DiscordServer, backend: Backend, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watching(server, backend):
        await train(server, owner)
        with monkeypatch.context() as patched:
            patched.setattr(backend.store.cards, "open", AsyncMock(side_effect=OSError))
            await asyncio.sleep(0.1)
        await finish(backend, await begin(backend))
        await shows(server, card(server), "is ready")


# How often it is edited


async def test_it_keeps_its_pace_but_shows_the_end_at_once(
    server: DiscordServer, backend: Backend, owner: User
) -> None:
    async with watching(server, backend, pace=0.4):
        await train(server, owner)
        run = await begin(backend)
        loop = asyncio.get_running_loop()
        began, step = loop.time(), 0
        while loop.time() < began + 1.0:
            step += 1
            await backend.store.runs.heartbeat(run, 60, {**HALF, "step": step, "steps": 1000})
            await asyncio.sleep(0.02)
        assert 1 <= len(card(server).edits) <= 3
        before = len(card(server).edits)
        await finish(backend, run)
        ended = loop.time()
        await shows(server, card(server), "is ready")
        assert loop.time() - ended < 0.35
        assert len(card(server).edits) == before + 1


async def test_what_did_not_change_is_not_edited(server: DiscordServer, backend: Backend, owner: User) -> None:
    async with watching(server, backend):
        await train(server, owner)
        await asyncio.sleep(0.3)
        assert len(card(server).edits) <= 1  # the first look can't know what stands there


# For real


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_through_a_real_trainer(server: DiscordServer, tmp_path: Path, owner: User) -> None:
    settings = Settings(home=tmp_path / "home", base=str(tiny_base(tmp_path / "base")), _env_file=None)
    async with open_backend(settings) as backend, watching(server, backend):
        await bring(backend)
        with trainer_running(settings.home):
            await train(server, owner)
            await server.until(lambda: "is ready" in card(server).content, seconds=150)
        await all_closed(backend)
        voice = await backend.store.voices.newest(KEEPER)
        assert voice is not None
        edits = [edit["content"] for edit in card(server).edits]
        assert any("left" in text and "held-out loss" in text for text in edits)
        assert f"{voice.held_out_loss_before:.2f} before, {voice.held_out_loss:.2f} after" in edits[-1]
        assert edits[-1].count("> My dream is") == 3
        assert edits[-1].endswith(LABEL)
        assert len(card(server).attachments) == 1
