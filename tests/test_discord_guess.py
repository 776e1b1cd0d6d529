"""`/guess` and the rounds it plays: what may be shown, how votes count, and that a restart changes nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import discord
import pytest
import simcord

from bot import game
from bot.erasing import erase
from bot.fronts.discord.backend import Backend
from bot.gates import BlockList
from bot.imitator import Occasion, Reply
from data.errors import NotFoundError, NothingToSayError, RefusedError
from data.posts import Post, Provenance
from data.store import ChannelVoice, PlaceSettings, Right, Round
from tests.discord_fronts import SETTLE_SECONDS, add_voice, running_front, still_client
from tests.discord_server import DiscordServer
from trainer.voice import Voice

REAL = [f"The lamp was lit {number} times before the *old* keeper went to bed." for number in range(40)]
UNFIT = [
    "Too short.",
    "This one is far too long to be read in a chat, " * 6,
    "Ask @everyone whether the ferry comes, before the lamp goes out.",
    "More about the ferry and its times stands at https://ferry.example/times today.",
]
OWNER = "discord:5"
HERE = "discord:77"


async def release(backend: Backend, handle: str, *, owner: str = OWNER, yes: bool = True) -> None:
    await backend.store.consent.claim(Right(handle, owner, HERE, audience="everyone", game=yes))


async def begin(backend: Backend, voice: Voice, *block_lists: BlockList) -> Round:
    occasion = Occasion("discord", "discord:9", HERE, block_lists)
    return await game.new_round(backend.store, backend.imitator, voice, occasion=occasion)


async def test_a_round_holds_a_real_post_and_a_made_one_of_its_length(backend: Backend) -> None:
    voice = await add_voice(backend, "keeper", posts=[*UNFIT, *REAL])
    await release(backend, "keeper")
    rounds = [await begin(backend, voice) for _ in range(25)]
    assert {begun.real for begun in rounds} <= set(REAL)
    assert len({begun.real for begun in rounds}) == 25  # none comes again so soon
    assert {begun.real_first for begun in rounds} == {True, False}
    for begun in rounds:
        assert begun.made not in REAL
        assert set(begun.shown) == {begun.real, begun.made}
        assert begun.shown[0 if begun.real_first else 1] == begun.real


async def test_the_nearest_in_length_is_chosen(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    voice = await add_voice(backend, "keeper", posts=REAL[:1])
    await release(backend, "keeper")
    begun = await begin(backend, voice)
    said = [reply.text for reply in await backend.store.replies.recent(voice.record.key)]
    assert len(said) == game.CANDIDATES
    assert abs(len(begun.made) - len(begun.real)) == min(abs(len(text) - len(begun.real)) for text in said)
    monkeypatch.setattr(game, "LONGEST_MADE", 10)
    with pytest.raises(NothingToSayError):
        await begin(backend, voice)


async def test_posts_come_again_only_when_all_were_used(backend: Backend) -> None:
    voice = await add_voice(backend, "keeper", posts=REAL[:2])
    await release(backend, "keeper")
    shown = [(await begin(backend, voice)).real for _ in range(3)]
    assert set(shown[:2]) == set(REAL[:2])
    assert shown[2] in REAL


async def test_what_a_voice_might_not_say_is_not_shown_as_real(backend: Backend) -> None:
    posts = [
        "@user The tide took the boat last night, and the rope with it.",
        "x@user took the boat and the rope away!",
    ]
    voice = await add_voice(backend, "keeper", posts=[*posts, "Nobody in this town is as daft as the mayor is."])
    await release(backend, "keeper")
    begun = await begin(backend, voice, BlockList(["daft"]))
    assert begun.real == "The tide took the boat last night, and the rope with it."
    with pytest.raises(NotFoundError, match="no post that suits"):
        await begin(backend, voice, BlockList(["daft", "tide"]))


async def test_only_released_posts_are_played(backend: Backend) -> None:
    owned = await add_voice(backend, "keeper", posts=REAL)
    mixed = await add_voice(backend, "gull", "keeper", posts=REAL)
    await import_by_operator(backend, "gull", may_publish=True)
    await import_by_operator(backend, "mayor", may_publish=False)
    mayor = await add_voice(backend, "mayor", posts=REAL)
    entries = await backend.catalogue.entries("", HERE)
    assert await game.playable(backend.store, entries) == []  # nobody has released the keeper
    for voice in (owned, mixed, mayor):
        with pytest.raises(RefusedError, match="/privacy share"):
            await begin(backend, voice)
    await release(backend, "keeper", yes=False)
    assert await game.playable(backend.store, entries) == []
    await release(backend, "keeper")
    assert {entry.name for entry in await game.playable(backend.store, entries)} == {"keeper", "gull+keeper"}
    await import_by_operator(backend, "gull", may_publish=False)
    assert {entry.name for entry in await game.playable(backend.store, entries)} == {"keeper"}
    await backend.store.consent.opt_out("keeper", OWNER)
    assert await game.playable(backend.store, entries) == []


async def test_nothing_is_kept_of_a_voice_erased_while_it_thought(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    voice = await add_voice(backend, "keeper", posts=REAL)
    await release(backend, "keeper")
    speak = backend.imitator.continue_opening

    async def slowly(*given: Any, **named: Any) -> list[Reply]:
        replies = await speak(*given, **named)
        await erase(backend.store, backend.settings, "keeper")
        return replies

    monkeypatch.setattr(backend.imitator, "continue_opening", slowly)
    with pytest.raises(RefusedError):
        await begin(backend, voice)
    assert await backend.store.game.round(1) is None


async def import_by_operator(backend: Backend, handle: str, *, may_publish: bool) -> None:
    provenance = Provenance(
        "csv", "posts.csv", "ab" * 32, datetime.now(UTC), "the operator", may_publish=may_publish
    )
    await backend.store.posts.add(handle, [Post("1", handle, "All is well tonight.")], provenance)


class Table:
    """A server of simcord's with a channel, people and a voice whose posts are released."""

    def __init__(self, env: simcord.Env, backend: Backend) -> None:
        self.env = env
        self.backend = backend
        self.guild = env.create_guild()
        self.channel = self.guild.create_text_channel("perch")
        self.robin = self.guild.add_member(env.create_user("robin"))
        self.wren = self.guild.add_member(env.create_user("wren"))

    @property
    def place(self) -> str:
        return f"discord:{self.guild.id}"

    @property
    def shown(self) -> discord.Message:
        message = self.channel.last_message
        assert message is not None
        return message

    async def deal(self, handle: str = "keeper") -> Round:
        """A round; its message is `shown`."""
        await self.robin.slash(self.channel, "guess", handle=handle)
        return await self.last_round()

    async def last_round(self) -> Round:
        number = int(self.button("A").split(":")[2])
        found = await self.backend.store.game.round(number)
        assert found is not None
        return found

    def button(self, label: str) -> str:
        rows = self.shown.components
        return next(
            child.custom_id or ""
            for row in rows
            if isinstance(row, discord.ActionRow)
            for child in row.children
            if isinstance(child, discord.Button) and child.label == label
        )


@asynccontextmanager
async def dealt(backend: Backend, *, refuses: bool = False) -> AsyncIterator[Table]:
    """`refuses` is for tests in which a command ends in a refusal, which simcord would take for a fault."""
    client = still_client(backend)
    async with simcord.run(client, settle_timeout=SETTLE_SECONDS, check_errors=not refuses) as env:
        await client.tree.sync()
        table = Table(env, backend)
        await add_voice(backend, "keeper", posts=REAL)
        await release(backend, "keeper")
        yield table


def told(result: simcord.InteractionResult) -> str:
    """What the one person was told who pressed."""
    (answer,) = result.followups
    assert answer.ephemeral
    return answer.content


async def test_a_round_is_shown_labelled_and_hides_which_is_which(backend: Backend) -> None:
    async with dealt(backend) as table:
        begun = await table.deal()
        content = table.shown.content
        a, b = (discord.utils.escape_markdown(text) for text in begun.shown)
        assert f"> **A** {a}\n> **B** {b}\n" in content
        assert "\\*old\\*" in content
        assert "made by an AI that imitates @keeper" in content
        assert content.endswith("0 votes so far.")
        assert table.shown.flags.ephemeral is False
        assert [table.button(label) for label in ("A", "B", "Leaderboard", "Next")]
        replies = backend.metrics.registry.get_sample_value("mynah_replies_total", {"front": "discord"})
        assert replies == 1


async def test_votes_are_told_counted_once_and_survive_a_restart(backend: Backend) -> None:
    async with dealt(backend) as table:
        begun = await table.deal()
        real, made = ("A", "B") if begun.real_first else ("B", "A")
        right = await table.robin.click(table.shown, label=real)
        assert told(right) == f"Right: {real} is the real post. You have been right 1 of 1 time."
        assert table.shown.content.endswith("1 vote so far.")
        again = await table.robin.click(table.shown, label=made)
        assert "the first vote stands" in told(again)
        assert table.shown.content.endswith("1 vote so far.")

        await table.env.restart_bot(still_client(backend))
        wrong = await table.wren.click(table.shown, label=made)
        assert told(wrong) == f"Wrong: {real} is the real post. You have been right 0 of 1 time."
        assert table.shown.content.endswith("2 votes so far.")
        assert await backend.store.game.blind_test(begun.voice_key) == (1, 2)

        board = told(await table.wren.click(table.shown, label="Leaderboard"))
        lines = board.splitlines()
        assert lines[1] == f"1. <@{table.robin.id}>: right 1 of 1 time"
        assert lines[2] == f"2. <@{table.wren.id}>: right 0 of 1 time"
        assert "the real post was found in 1 of 2 votes; half means that nobody can tell" in board


async def test_the_owner_plays_without_counting(backend: Backend) -> None:
    async with dealt(backend) as table:
        await backend.store.forget("keeper")
        await add_voice(backend, "keeper", key="second", posts=REAL)
        await release(backend, "keeper", owner=f"discord:{table.wren.id}")
        begun = await table.deal()
        assert "your vote is not counted" in told(await table.wren.click(table.shown, label="A"))
        assert await backend.store.game.blind_test(begun.voice_key) == (0, 0)
        assert "Nobody has voted yet." in told(await table.wren.click(table.shown, label="Leaderboard"))
        assert table.shown.content.endswith("0 votes so far.")


async def test_next_deals_again_and_not_too_fast(backend: Backend) -> None:
    async with dealt(backend) as table:
        first = await table.deal()
        dealt_by_next = await table.robin.click(table.shown, label="Next")
        assert [answer.ephemeral for answer in dealt_by_next.followups] == [False]
        second = await table.last_round()
        assert (second.voice_key, second.id) == (first.voice_key, first.id + 1)
        for _ in range(3):
            await table.robin.click(table.shown, label="Next")
        before = len(table.channel.history(viewer=table.wren))
        assert "at once" in told(await table.robin.click(table.shown, label="Next"))
        assert len(table.channel.history(viewer=table.wren)) == before


@pytest.mark.parametrize("how", ["erased", "taken back", "opted out"])
async def test_posts_that_may_be_shown_no_more_go_from_the_channel(backend: Backend, how: str) -> None:
    async with dealt(backend) as table:
        begun = await table.deal()
        if how == "erased":
            await erase(backend.store, backend.settings, "keeper")
        elif how == "taken back":
            await release(backend, "keeper", yes=False)
        else:
            await backend.store.consent.opt_out("keeper", OWNER)
        pressed = await table.wren.click(table.shown, label="B")
        assert "This round is over" in told(pressed)
        (message,) = [shown for shown in table.channel.history(viewer=table.wren) if not shown.flags.ephemeral]
        assert message.content == told(pressed)
        assert message.components == []
        assert await backend.store.game.votes_in(begun.id) == 0


async def test_without_a_name_the_channels_voice_is_played_if_it_may(backend: Backend) -> None:
    async with dealt(backend) as table:
        await add_voice(backend, "mayor", posts=REAL)
        await release(backend, "mayor")
        channel = f"discord:{table.channel.id}"
        for name in ("mayor", "keeper"):
            await backend.store.places.set_voice(ChannelVoice(channel, table.place, name, "discord:1"))
            assert (await table.deal("")).voice_key == f"key-{name}"
        await release(backend, "keeper", yes=False)
        assert (await table.deal("")).voice_key == "key-mayor"
        offered = await table.robin.autocomplete(table.channel, "guess", "handle", "")
        assert [choice["value"] for choice in offered] == ["mayor"]


async def test_where_nothing_is_released_the_way_is_told(backend: Backend) -> None:
    async with dealt(backend, refuses=True) as table:
        await release(backend, "keeper", yes=False)
        for given in ({}, {"handle": "keeper"}):
            refused = await table.robin.slash(table.channel, "guess", **given)
            assert "/privacy share" in told(refused)
        assert "no voice of @nobody" in told(await table.robin.slash(table.channel, "guess", handle="nobody"))


async def test_it_keeps_to_the_channels_and_words_of_the_server(backend: Backend) -> None:
    async with dealt(backend, refuses=True) as table:
        lobby = table.guild.create_text_channel("lobby")
        await backend.store.places.change(table.place, channels=(f"discord:{lobby.id}",))
        refused = await table.robin.slash(table.channel, "guess", handle="keeper")
        assert f"<#{lobby.id}>" in told(refused)
        await backend.store.places.change(table.place, channels=PlaceSettings().channels, block_list=("lamp",))
        assert "no post that suits" in told(await table.robin.slash(table.channel, "guess", handle="keeper"))


async def test_a_vote_over_the_wire_after_a_restart(server: DiscordServer, backend: Backend) -> None:
    await add_voice(backend, "keeper", posts=REAL)
    await release(backend, "keeper")
    async with running_front(server, backend):
        asked = await server.slash(server.channel, server.person, "guess", handle="keeper")
        await server.until(lambda: asked.response and not asked.response.loading)
    async with running_front(server, backend):
        (message,) = server.sent_messages(server.channel)
        pressed = await server.press(message, server.person, "A")
        await server.until(lambda: pressed.followups)
        assert pressed.acknowledged_after is not None
        assert pressed.acknowledged_after < 1
        assert pressed.followups[0].ephemeral
        assert pressed.followups[0].content.startswith(("Right", "Wrong"))
        assert message.content.endswith("1 vote so far.")
        assert message.mentions == []
