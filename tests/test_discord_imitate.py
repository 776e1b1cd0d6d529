"""`/imitate` and what hangs on an answer: another, share, report; completion; no voice yet, and no posts yet."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import discord
import pytest
import simcord
from simcord.actors import MemberActor
from simcord.builders import ChannelHandle, GuildHandle
from simcord.results import ResponseMessage
from sqlalchemy import insert

from bot.fronts.discord.backend import Backend
from data.collect import collect
from data.errors import MynahError
from data.posts import Post, Provenance
from data.samples import SAMPLES
from data.settings import DiscordSettings, Settings
from data.store import Right, tables
from tests.discord_fronts import SETTLE_SECONDS, add_voice, open_backend, running_front, still_client
from tests.discord_server import DiscordServer, Message

LABEL = "-# AI imitation of @keeper, not the person"
AS_KEEPER = "-# Mention me and I answer as @keeper."


class Aviary:
    """A server in simcord with the bot, a channel and somebody in it."""

    def __init__(self, env: simcord.Env, backend: Backend) -> None:
        self.env, self.backend = env, backend
        self.guild: GuildHandle = env.create_guild()
        self.perch: ChannelHandle = self.guild.create_text_channel("perch")
        self.robin = self.member("robin")

    @property
    def place(self) -> str:
        return f"discord:{self.guild.id}"

    def member(self, name: str, **permissions: bool) -> MemberActor:
        roles = (
            [self.guild.create_role(name, permissions=discord.Permissions(**permissions))] if permissions else []
        )
        return self.guild.add_member(self.env.create_user(name), roles=roles)

    async def imitate(self, handle: str = "keeper", **options: Any) -> Any:
        return await self.robin.slash(self.perch, "imitate", handle=handle, **options)

    async def choices(self, option: str, typed: str, **filled: str) -> list[tuple[str, str]]:
        offered = await self.robin.autocomplete(self.perch, "imitate", option, typed, **filled)
        return [(choice["name"], choice["value"]) for choice in offered]


@asynccontextmanager
async def aviary(backend: Backend) -> AsyncIterator[Aviary]:
    client = still_client(backend)
    async with simcord.run(client, settle_timeout=SETTLE_SECONDS, check_errors=False) as env:
        await client.tree.sync()
        yield Aviary(env, backend)
        # simcord counts what the tree explained to people, too; nothing else may have gone wrong.
        assert all(isinstance(error.__cause__, MynahError) for error in env.errors)


def only(messages: list[ResponseMessage]) -> ResponseMessage:
    """The one private answer there is."""
    (message,) = messages
    assert message.ephemeral
    return message


async def press(member: MemberActor, message: Any, label: str) -> Any:
    return await member.click(message, label=label)


def custom_ids(message: Any) -> list[str]:
    return re.findall(r"mynah:\w+:\d+", str([component.to_dict() for component in message.message.components]))


# Speaking


async def test_a_ready_voice_answers_for_all_to_see(backend: Backend) -> None:
    await add_voice(backend, "keeper")
    async with aviary(backend) as at:
        told = await at.imitate(say="How is *the* fog?\n@everyone")
        assert not told.ephemeral
        quote, text, *small = told.response.content.split("\n")
        assert quote == "> How is \\*the\\* fog? @everyone"
        assert small == [LABEL, AS_KEEPER]
        (reply,) = await backend.store.replies.recent()
        assert (reply.text, reply.prompt) == (text, "How is *the* fog?\n@everyone")
        assert (reply.person, reply.place, reply.front) == (f"discord:{at.robin.id}", at.place, "discord")
        assert custom_ids(told.response) == [
            f"mynah:{action}:{reply.id}" for action in ("another", "share", "picture", "report")
        ]
        assert not told.response.message.mention_everyone
        assert backend.metrics.registry.get_sample_value("mynah_replies_total", {"front": "discord"}) == 1


async def test_a_link_that_was_asked_about_is_no_link_of_the_bots(backend: Backend) -> None:
    await add_voice(backend, "keeper")
    async with aviary(backend) as at:
        told = await at.imitate(say="Is https://a.example/[x](https://b.example) yours?")
        quote = told.response.content.split("\n")[0]
        assert quote.startswith("> Is https:\u200b//a.example/\\[x]")
        assert "://" not in quote


async def test_without_words_it_speaks_of_what_it_likes(backend: Backend) -> None:
    await add_voice(backend, "keeper", "robot")
    async with aviary(backend) as at:
        told = await at.imitate("robot", **{"with": "@Keeper"})
        text, label, _ = told.response.content.split("\n")
        assert label == "-# AI imitation of @keeper and @robot, not the person"
        (reply,) = await backend.store.replies.recent()
        assert (reply.text, reply.prompt) == (text, "")


async def test_a_voice_that_others_may_not_use_is_not_the_channels(backend: Backend) -> None:
    await add_voice(backend, "keeper")
    await add_voice(backend, "robot")
    async with aviary(backend) as at:
        await at.imitate()
        await backend.store.consent.claim(Right("robot", f"discord:{at.robin.id}", at.place, "owner"))
        assert "Mention me" not in (await at.imitate("robot")).response.content
        known = await backend.store.places.voice_of(f"discord:{at.perch.id}")
        assert known is not None
        assert known.voice == "keeper"


async def test_it_becomes_the_channels_voice_and_says_so_once(backend: Backend) -> None:
    await add_voice(backend, "keeper")
    await add_voice(backend, "robot")
    async with aviary(backend) as at:
        hints = [AS_KEEPER in (await at.imitate()).response.content for _ in range(2)]
        assert hints == [True, False]
        known = await backend.store.places.voice_of(f"discord:{at.perch.id}")
        assert known is not None
        assert (known.voice, known.place, known.person) == ("keeper", at.place, f"discord:{at.robin.id}")
        assert "as @robot." in (await at.imitate("robot")).response.content


async def test_where_mentions_do_not_reach_the_bot_it_promises_nothing(
    server: DiscordServer, backend: Backend
) -> None:
    await add_voice(backend, "keeper")
    async with running_front(server, backend):
        elsewhere = server.world.add_guild("Elsewhere", has_bot=False)
        hall = server.world.add_channel(elsewhere, "hall")
        used = await server.slash(hall, server.add_user("wren", elsewhere), "imitate", handle="keeper")
        await server.until(lambda: used.response and not used.response.loading)
        assert used.response is not None
        assert used.response.content.endswith(LABEL)
        assert await backend.store.places.voice_of(f"discord:{hall.id}") is None
        direct = server.direct(server.person)
        used = await server.slash(direct, server.person, "imitate", handle="keeper")
        await server.until(lambda: used.response and not used.response.loading)
        assert used.response is not None
        assert used.response.content.endswith("-# Write to me here and I answer as @keeper.")


async def test_errors_are_for_who_asked_alone(backend: Backend) -> None:
    await add_voice(backend, "keeper")
    await backend.store.consent.opt_out("keeper", "discord:1")
    async with aviary(backend) as at:
        told = await at.imitate()
        assert told.response is None  # the "thinking" that all saw is gone
        assert only(told.followups).content.startswith("@keeper has opted out")
        assert at.perch.last_message is None


async def test_where_voices_may_not_speak(backend: Backend) -> None:
    await add_voice(backend, "keeper")
    async with aviary(backend) as at:
        nest = at.guild.create_text_channel("nest")
        await backend.store.places.change(at.place, channels=(f"discord:{nest.id}",))
        told = await at.imitate()
        assert only(told.followups).content == f"On this server voices speak only in <#{nest.id}>."
        assert not await backend.store.replies.recent()
        spoken: Any = await at.robin.slash(nest, "imitate", handle="keeper")
        assert LABEL in spoken.response.content


async def test_a_strict_server_quotes_no_blocked_word(backend: Backend) -> None:
    await add_voice(backend, "keeper")
    async with aviary(backend) as at:
        await backend.store.places.change(at.place, filter="strict", block_list=("turnip",))
        told = await at.imitate(say="What of the turnip?")
        assert "blocked on this server" in only(told.followups).content


async def test_too_much_at_once_is_asked_to_wait(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, discord=DiscordSettings(person_answers=1), _env_file=None)
    async with open_backend(settings) as backend:
        await add_voice(backend, "keeper")
        async with aviary(backend) as at:
            assert not (await at.imitate()).ephemeral
            told = await at.imitate()
            assert told.ephemeral
            assert re.fullmatch(r"That was a lot at once; ask me again in \d+ s\.", told.response.content)


async def test_a_long_text_keeps_its_label(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    await add_voice(backend, "keeper")
    monkeypatch.setattr("tests.discord_fronts.BabblingEngine._babble", lambda engine, line: "*" * 1500)
    monkeypatch.setattr("bot.imitator.judge", lambda candidates, gates: (candidates, {}))
    monkeypatch.setattr("bot.imitator.Counter.__iadd__", lambda counter, more: counter)
    async with aviary(backend) as at:
        told = await at.imitate(say="a " * 250)
        assert len(told.response.content) == 2000
        assert told.response.content.endswith(f"\n{LABEL}\n{AS_KEEPER}")


# Completion


async def test_completion_tells_voices_from_corpora(backend: Backend) -> None:
    await bring(backend, "kestrel", "robot", "keeper")
    await add_voice(backend, "keeper")
    await add_voice(backend, "keeper", "robot")
    await bring(backend, "x" * 64, "y" * 64)
    await add_voice(backend, "x" * 64, "y" * 64)  # a name too long for a choice
    async with aviary(backend) as at:
        await backend.store.consent.claim(Right("kestrel", "discord:1", "discord:2", "owner"))
        assert await at.choices("handle", "@KE") == [("@keeper", "keeper"), ("@keeper + @robot", "keeper+robot")]
        assert ("@robot (not trained yet)", "robot") in await at.choices("handle", "rob")
        partners = await at.choices("with", "", handle="keeper")
        assert partners[0] == ("@robot", "robot")  # as the two have a voice together
        assert ("@keeper", "keeper") not in partners
        assert (await at.choices("and", "", handle="keeper", **{"with": "robot"}))[0][0].startswith("@xxx")
        assert ("@keeper", "keeper") in await at.choices("with", "", handle="robot")


async def test_completion_is_quick_among_a_thousand_corpora(backend: Backend) -> None:
    rows = [
        {"handle": f"bird_{number}", "first_id": "1", "id": "1", "text": "Fog again.", "kind": "post"}
        for number in range(1000)
    ]
    async with backend.store._database.writer.begin() as connection:  # as imports they would take seconds
        await connection.execute(insert(tables.posts), rows)
    for number in range(300):
        await backend.store.voices.add(f"k{number}", f"bird_{number}", [f"bird_{number}"], "b", 1, 1, {})
    async with aviary(backend) as at:
        began = time.perf_counter()
        offered = await at.choices("handle", "bird_9")
        assert time.perf_counter() - began < 0.5
        assert len(offered) == 25
        assert offered[0] == ("@bird_9", "bird_9")


async def bring(backend: Backend, *handles: str) -> None:
    origin = Provenance("json-lines", "posts.jsonl", "0" * 64, datetime.now(UTC), "a test")
    for handle in handles:
        await backend.store.posts.add(handle, [Post("1", handle, "Fog again, and soup.")], origin)


# No voice yet


async def test_a_corpus_without_a_voice_is_trained(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, base="builtin", _env_file=None)
    async with open_backend(settings) as backend:
        for path in SAMPLES.values():
            await collect(backend.store, path, bounds=settings.imports, consent="bundled sample")
        async with aviary(backend) as at:
            told = await at.imitate("lampkeeper_ode")
            assert "Manage Server" in only(told.followups).content
            at.robin = at.member("owner", manage_guild=True)
            told = await at.imitate("lampkeeper_ode", say="Is it lit?", **{"with": "dustbin_4000"})
            (run,) = await backend.store.runs.active()
            (card,) = await backend.store.cards.of_run(run.id)
            assert run.handles == ("dustbin_4000", "lampkeeper_ode")
            assert (card.person, card.say) == (f"discord:{at.robin.id}", "Is it lit?")
            (message,) = at.perch.history()
            assert card.message == str(message.id)
            pointer = only(told.followups).content
            assert "no voice of @dustbin\\_4000 and @lampkeeper\\_ode yet" in pointer
            assert message.jump_url in pointer


async def test_no_posts_is_no_dead_end(backend: Backend) -> None:
    await bring(backend, "keeper", "robot")
    async with aviary(backend) as at:
        told = await at.imitate("kepeer", **{"with": "robot"})
        advice = only(told.followups).content
        assert "no posts of @kepeer yet" in advice
        assert "robot" not in advice
        for way in ("/import", "archive", "tweets.js", "CSV", "JSONL", "ask them", "`keeper`"):
            assert way.lower() in advice.lower()
        assert "http" not in advice
        assert len(advice) < 2000


async def test_what_can_be_no_name_is_said(backend: Backend) -> None:
    async with aviary(backend) as at:
        told = await at.imitate("no body")
        assert "is not an account name" in only(told.followups).content


# Another


async def test_another_takes_the_place_of_the_first(backend: Backend) -> None:
    await add_voice(backend, "keeper")
    async with aviary(backend) as at:
        told = await at.imitate(say="And the fog?")
        pressed = await press(at.robin, told.response, label="Another")
        assert pressed.followups == []
        newest, first = await backend.store.replies.recent()
        assert newest.prompt == first.prompt
        assert newest.seed != first.seed
        (message,) = at.perch.history()
        assert message.content == f"> And the fog?\n{newest.text}\n{LABEL}"
        assert custom_ids(told.response)[0] == f"mynah:another:{newest.id}"


async def test_another_is_for_who_asked(backend: Backend) -> None:
    await add_voice(backend, "keeper")
    async with aviary(backend) as at:
        told = await at.imitate()
        before = told.response.content
        pressed = await press(at.member("wren"), told.response, label="Another")
        assert "Only who asked" in only(pressed.followups).content
        assert told.response.content == before
        assert len(await backend.store.replies.recent()) == 1


async def settled(server: DiscordServer, message: Message, edits: int) -> None:
    await server.until(lambda: len(message.edits) >= edits)


def reply_of(message: Message) -> int:
    numbers = {int(number) for number in re.findall(r"mynah:\w+:(\d+)", str(message.components))}
    (number,) = numbers
    return number


async def test_another_works_after_a_restart(server: DiscordServer, backend: Backend) -> None:
    await add_voice(backend, "keeper")
    async with running_front(server, backend):
        used = await server.slash(server.channel, server.person, "imitate", handle="keeper", say="fog?")
        await server.until(lambda: used.response and not used.response.loading)
        assert used.response is not None
        first = reply_of(used.response)
    async with running_front(server, backend):
        pressed = await server.press(used.response, server.person, "Another")
        assert pressed.acknowledged_after is not None
        assert pressed.acknowledged_after < 1
        await server.until(lambda: used.response and reply_of(used.response) != first)
        reply = await backend.store.replies.get(reply_of(used.response))
        assert reply is not None
        assert used.response.content == f"> fog?\n{reply.text}\n{LABEL}"


async def test_two_quick_presses_do_not_mix(server: DiscordServer, backend: Backend) -> None:
    await add_voice(backend, "keeper")
    async with running_front(server, backend):
        used = await server.slash(server.channel, server.person, "imitate", handle="keeper")
        await server.until(lambda: used.response and not used.response.loading)
        message = used.response
        assert message is not None
        edits = len(message.edits)
        await asyncio.gather(*(server.press(message, server.person, "Another") for _ in range(2)))
        await settled(server, message, edits + 2)
        reply = await backend.store.replies.get(reply_of(message))
        assert reply is not None
        assert message.content == f"{reply.text}\n{LABEL}"
        assert len(await backend.store.replies.recent()) == 3


async def test_an_erased_answer_has_no_other(backend: Backend) -> None:
    await add_voice(backend, "keeper")
    async with aviary(backend) as at:
        told = await at.imitate()
        await backend.store.forget("keeper")
        for label in ("Another", "Share"):
            pressed = await press(at.robin, told.response, label=label)
            assert "no record of that answer" in (pressed.followups or [pressed.response])[0].content


# Share


async def test_share_gives_the_text_to_copy_and_posts_it_where_wanted(backend: Backend) -> None:
    await add_voice(backend, "keeper")
    async with aviary(backend) as at:
        nest = at.guild.create_text_channel("nest")
        told = await at.imitate()
        (reply,) = await backend.store.replies.recent()
        shared = await press(at.robin, told.response, label="Share")
        assert shared.ephemeral
        assert shared.response.content == f"```\n{reply.text}\n(AI imitation of @keeper, not the person)\n```"
        picked = await at.robin.select(shared.response, [nest])
        assert picked.followups == []
        (posted,) = nest.history()
        assert posted.content == f"{reply.text}\n{LABEL}\n-# shared by robin"
        assert shared.response.content == f"Posted: {posted.jump_url}"
        assert shared.response.components == []


async def test_share_posts_only_where_person_bot_and_server_allow(backend: Backend) -> None:
    await add_voice(backend, "keeper")
    async with aviary(backend) as at:
        mute: dict[Any, discord.PermissionOverwrite] = {
            at.guild.default_role: discord.PermissionOverwrite(send_messages=False)
        }
        quiet = at.guild.create_text_channel("quiet", overwrites=mute)
        nest = at.guild.create_text_channel("nest")
        told = await at.imitate()
        shared = await press(at.robin, told.response, label="Share")
        refused = await at.robin.select(shared.response, [quiet])
        assert "You may not write" in only(refused.followups).content
        keeper = at.member("boss", administrator=True)
        shared_too = await press(keeper, told.response, label="Share")
        refused = await keeper.select(shared_too.response, [quiet])
        assert "I may not write" in only(refused.followups).content
        await backend.store.places.change(at.place, channels=(f"discord:{at.perch.id}",))
        refused = await at.robin.select(shared.response, [nest])
        assert "voices speak only in" in only(refused.followups).content
        assert nest.history() == quiet.history() == []


async def test_a_voice_that_is_no_longer_shared_is_not_handed_out(backend: Backend) -> None:
    await add_voice(backend, "keeper")
    async with aviary(backend) as at:
        nest = at.guild.create_text_channel("nest")
        told = await at.imitate()
        shared = await press(at.robin, told.response, label="Share")
        await backend.store.consent.claim(Right("keeper", "discord:1", "discord:2", "owner"))
        refused = await at.robin.select(shared.response, [nest])
        assert "does not share" in only(refused.followups).content
        assert nest.history() == []


# Report


async def report(at: Aviary, member: MemberActor, message: Any) -> Any:
    opened = await press(member, message, label="Wrong: report")
    return await member.submit_modal(opened, {"reason": "it is about me"})


async def test_who_asked_owns_or_keeps_order_has_it_taken_back(backend: Backend) -> None:
    await add_voice(backend, "keeper")
    async with aviary(backend) as at:
        owner, warden = at.member("owner"), at.member("warden", manage_messages=True)
        await backend.store.consent.claim(Right("keeper", f"discord:{owner.id}", at.place, "everyone"))
        for member in (at.robin, owner, warden):
            told = await at.imitate()
            sent = await report(at, member, told.response)
            assert told.response.content == "This answer was reported and taken back."
            assert told.response.components == []
            assert "taken the answer back" in only(sent.followups).content
        reports = await backend.store.replies.reports()
        assert [entry.person for entry, _ in reports] == [f"discord:{one.id}" for one in (warden, owner, at.robin)]
        assert {entry.reason for entry, _ in reports} == {"it is about me"}


async def test_a_strangers_report_goes_to_the_operator(backend: Backend) -> None:
    await add_voice(backend, "keeper")
    async with aviary(backend) as at:
        told = await at.imitate()
        sent = await report(at, at.member("wren"), told.response)
        assert LABEL in told.response.content
        assert custom_ids(told.response)
        assert "operator" in only(sent.followups).content
        ((entry, reply),) = await backend.store.replies.reports()
        assert entry.reply_id == reply.id
