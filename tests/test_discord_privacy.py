"""`/privacy`: what is shown, who decides, who is silenced, and what is left after a deletion: nothing."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import simcord

from bot.fronts.discord.backend import Backend
from bot.fronts.discord.client import FrontClient
from bot.fronts.discord.commands import deletion
from bot.fronts.discord.privacy_words import counted
from bot.imitator import Occasion
from bot.importing import GIVEN
from data.errors import MynahError, RefusedError
from data.posts import Post, Provenance
from data.settings import DiscordSettings, Settings
from data.store import Right, RunWish, Store
from data.store.tables import metadata
from tests.discord_fronts import SETTLE_SECONDS, add_voice, open_backend, still_client
from tests.discord_server import DiscordServer, Interaction
from tests.posts import bring, posts
from tests.test_consent import PROVENANCE

MARKER = "xyzzymarker"
STRANGER = "discord:2"


class Room:
    """A person in a channel of simcord. Whatever `/privacy` answers, only they may see."""

    def __init__(self, env: simcord.Env) -> None:
        self._env = env
        self.guild = env.create_guild()
        self.channel = self.guild.create_text_channel("perch")
        self.member: Any = None

    def enter(self, name: str) -> "Room":
        self.member = self.guild.add_member(self._env.create_user(name))
        return self

    @property
    def person(self) -> str:
        return f"discord:{self.member.id}"

    @property
    def place(self) -> str:
        return f"discord:{self.guild.id}"

    async def ask(self, command: str, **options: object) -> Any:
        told = await self.member.slash(self.channel, f"privacy {command}", **options)
        assert told.ephemeral
        return told.response

    async def read(self, command: str, **options: object) -> str:
        return str((await self.ask(command, **options)).content)

    async def press(self, command: str, label: str, **options: object) -> tuple[str, list[str]]:
        """What the confirmation becomes, and what follows it."""
        asked = await self.ask(command, **options)
        pressed = await self.member.click(asked, label=label)
        return str(pressed.response.content), [followup.content for followup in pressed.followups]


@asynccontextmanager
async def room_of(backend: Backend) -> AsyncIterator[Room]:
    client = still_client(backend)
    async with simcord.run(client, settle_timeout=SETTLE_SECONDS, check_errors=False) as env:
        await client.tree.sync()
        yield Room(env).enter("robin")
        # simcord counts what the tree explained to people, too; nothing else may have gone wrong.
        assert all(isinstance(error.__cause__, MynahError) for error in env.errors)


async def own(store: Store, right: Right, consent: str = "a test") -> None:
    origin = Provenance("json-lines", "x", "0" * 64, PROVENANCE.imported_at, consent)
    await store.posts.add(right.handle, posts(right.handle, 3), origin, right)


class TestMyData:
    async def test_nothing_is_said_to_be_nothing(self, backend: Backend) -> None:
        async with room_of(backend) as room:
            assert await room.read("mydata") == "Nothing is kept about you."

    async def test_the_file_holds_every_record_and_the_words_count_them(self, backend: Backend) -> None:
        async with room_of(backend) as room:
            await own(backend.store, Right("ada", room.person, room.place))
            await backend.store.replies.add("key", "fog?", "Thick.", 1, "discord", room.person, room.place)
            await backend.store.replies.add("key", "gull?", "Loud.", 1, "discord", STRANGER, room.place)
            await backend.store.consent.opt_out("bo", room.person)
            shown = await room.ask("mydata")
            assert "- answers and what was asked: 1" in shown.content
            assert "- opt-outs: 1" in shown.content
            assert "@ada: 3 posts" in shown.content
            [file] = shown.attachments
            data = json.loads(await file.read())
            assert (
                set(data["records"])
                == set(await backend.store.records_of(room.person))
                == {
                    "replies",
                    "rights",
                    "opt_outs",
                }
            )
            assert [row["text"] for row in data["records"]["replies"]] == ["Thick."]
            [corpus] = data["corpora"]
            assert [post["text"] for post in corpus["posts"]] == [post.text for post in posts("ada", 3)]
            assert corpus["imports"][0]["source"] == "json-lines"

    async def test_posts_too_large_for_discord_are_left_out_and_that_is_said(
        self, server: DiscordServer, front: FrontClient, backend: Backend
    ) -> None:
        person = f"discord:{server.person.id}"
        long = [Post(str(number), "ada", "fog " * 5_000) for number in range(1, 600)]
        await backend.store.posts.add("ada", long, PROVENANCE, Right("ada", person, "discord:1"))
        told = await shown(server, await server.slash(server.channel, server.person, "privacy mydata"))
        assert told.response is not None
        assert "too many for a file" in told.response.content
        [file] = told.response.attachments
        assert json.loads(file.data)["corpora"][0]["posts"] == 599


class TestShare:
    async def test_the_owner_decides_and_nobody_else(self, backend: Backend) -> None:
        async with room_of(backend) as room:
            await own(backend.store, Right("ada", room.person, "discord:9", "owner"))
            await own(backend.store, Right("bo", STRANGER, room.place))
            await bring(backend.store, "keeper", count=3)
            assert "everybody on this server" in await room.read("share", handle="@Ada", audience="place")
            assert await backend.store.consent.right("ada") == Right("ada", room.person, room.place, "place")
            assert "may show real posts" in await room.read("share", handle="ada", audience="everyone", game=True)
            await room.read("share", handle="ada", audience="owner")
            assert await backend.store.consent.right("ada") == Right("ada", room.person, room.place, "owner", True)
            for handle in ("bo", "keeper", "nobody"):
                assert "Only the person who brought" in await room.read(
                    "share", handle=handle, audience="everyone"
                )
            assert await backend.store.consent.right("keeper") is None
            offered = await room.member.autocomplete(room.channel, "privacy share", "handle", "", audience="owner")
            assert [choice["value"] for choice in offered] == ["ada"]

    async def test_what_was_given_is_not_shared_with_everyone(self, backend: Backend) -> None:
        async with room_of(backend) as room:
            await own(backend.store, Right("ada", room.person, room.place), GIVEN)
            assert "only the owner" in await room.read("share", handle="ada", audience="everyone")
            assert "only the owner" in await room.read("share", handle="ada", audience="place", game=True)
            assert "only you" in await room.read("share", handle="ada", audience="owner")


class TestOptOut:
    async def test_anybody_silences_a_handle_at_once(self, backend: Backend) -> None:
        async with room_of(backend) as room:
            voice = await add_voice(backend, "keeper")
            await bring(backend.store, "keeper", count=3)
            run, _ = await backend.store.runs.enqueue(RunWish("key", ("ada", "keeper"), "builtin", {}, STRANGER))
            told = await room.read("optout", handle="@Keeper")
            assert "Trainings that end now: 1" in told
            assert "The operator of this bot has been told" in told
            [wish] = await backend.store.consent.all_opt_outs()
            assert (wish.handle, wish.person, wish.wants_erasure) == ("keeper", room.person, True)
            with pytest.raises(RefusedError):
                await backend.imitator.answer(voice, "fog?", occasion=Occasion("test"))
            ended = await backend.store.runs.get(run.id)
            assert ended is not None
            assert ended.state == "cancelled"
            assert "again" in await room.read("optin", handle="keeper")
            assert "has not opted out" in await room.read("optin", handle="keeper")

    async def test_the_operator_is_not_called_where_there_is_nothing_to_erase(self, backend: Backend) -> None:
        async with room_of(backend) as room:
            await own(backend.store, Right("ada", room.person, room.place))
            assert "The operator of this bot has been told" not in await room.read("optout", handle="nobody_here")
            assert "`/privacy delete handle:ada` erases it" in await room.read("optout", handle="ada")
            assert not any(wish.wants_erasure for wish in await backend.store.consent.all_opt_outs())
            assert len(await backend.store.posts.posts("ada")) == 3

    async def test_what_is_no_name_is_said_however_long_it_is(self, backend: Backend) -> None:
        async with room_of(backend) as room:
            told = await room.read("optout", handle="no name " * 700)
            assert told.startswith("'no name no name")
            assert len(told) <= 2_000

    async def test_others_do_not_lift_it_and_nobody_silences_a_server(self, backend: Backend) -> None:
        async with room_of(backend) as room:
            for number in range(5):
                assert "is opted out" in await room.read("optout", handle=f"bird{number}")
            assert "ask the operator" in await room.read("optout", handle="bird5")
            room.enter("wren")
            assert "Another account" in await room.read("optin", handle="bird0")
            assert "Only who asked for it first" in await room.read("optout", handle="bird0")
            assert len(await backend.store.consent.all_opt_outs()) == 5


class TestDelete:
    async def test_after_it_nothing_is_left_anywhere(self, backend: Backend) -> None:
        """Posts, folders, the loaded voice, others' records of it: the home folder is searched byte by byte."""
        async with room_of(backend) as room:
            store, settings = backend.store, backend.settings
            text = f"The {MARKER} is out tonight, and the gull knows it."
            await store.posts.add(
                "ada", [Post("1", "ada", text)], PROVENANCE, Right("ada", room.person, room.place)
            )
            voices = [await add_voice(backend, *handles, posts=[text]) for handles in (("ada",), ("ada", "bo"))]
            kept = await add_voice(backend, "bo")
            run, _ = await store.runs.enqueue(RunWish("key-ada", ("ada",), "builtin", {}, room.person))
            job = settings.runs / str(run.id) / "job.json"
            job.parent.mkdir(parents=True)
            job.write_text(text)
            for voice in (*voices, kept):
                await backend.imitator.answer(voice, "fog?", occasion=Occasion("discord", STRANGER, room.place))
            reply = await store.replies.add("key-ada", "fog?", text, 1, "discord", STRANGER, room.place)
            await store.replies.report(reply, STRANGER, f"says {MARKER}")
            rounds = await store.game.begin("key-ada", place=room.place, real=text, made="Fog.", real_first=True)
            await store.game.vote(rounds.id, STRANGER, right=True)
            await store.cards.add(run.id, place=room.place, channel="discord:5", message="7", person=STRANGER)
            assert holding(settings.home, MARKER)

            receipt, more = await room.press("delete", "Erase", handle="ada")
            assert more == []
            for line in ("posts: 1", "voices: 2", "trainings: 1", "votes in /guess: 1", "reports of an answer: 1"):
                assert f"- {line}" in receipt
            assert "`/privacy optin`" in receipt
            assert holding(settings.home, MARKER) == []
            assert [folder.name for folder in settings.voices.iterdir()] == [kept.record.key]
            assert backend.imitator._shelf.loaded == [kept.record.key]
            assert list(backend.imitator._known) == [kept.record.key]
            assert await store.cards.open() == []
            [wish] = await store.consent.all_opt_outs()
            assert (wish.handle, wish.person, wish.wants_erasure) == ("ada", room.person, False)
            with pytest.raises(RefusedError, match="opted out"):
                await store.posts.add("ada", posts("ada", 3), PROVENANCE)
            await room.read("optin", handle="ada")
            await store.posts.add("ada", posts("ada", 3), PROVENANCE)

    async def test_everything_of_a_person_goes_and_nothing_of_others(self, backend: Backend) -> None:
        async with room_of(backend) as room:
            store = backend.store
            for handle in ("ada", "bo"):
                await own(store, Right(handle, room.person, room.place))
            await own(store, Right("cy", STRANGER, room.place))
            for person in (room.person, STRANGER):
                await store.replies.add("key", "fog?", "Thick.", 1, "discord", person, room.place)
                await store.inbox.enter(f"mention of {person}", "discord:5", person)
            receipt, _ = await room.press("delete", "Erase")
            assert "- posts: 6" in receipt
            assert "- answers and what was asked: 1" in receipt
            assert await store.posts.handles() == ["cy"]
            assert set(await store.records_of(room.person)) == {"opt_outs"}
            assert set(await store.records_of(STRANGER)) == {"replies", "mentions", "rights"}

    async def test_more_handles_than_may_be_opted_out_are_erased_all_the_same(self, backend: Backend) -> None:
        async with room_of(backend) as room:
            for number in range(7):
                await own(backend.store, Right(f"bird{number}", room.person, room.place))
            receipt, more = await room.press("delete", "Erase")
            assert "- posts: 21" in receipt
            assert more == []
            assert await backend.store.posts.handles() == []

    async def test_who_keeps_it_keeps_it(self, backend: Backend) -> None:
        async with room_of(backend) as room:
            await own(backend.store, Right("ada", room.person, room.place))
            assert (await room.press("delete", "Keep it"))[0] == "Nothing was erased."
            assert len(await backend.store.posts.posts("ada")) == 3
            assert await backend.store.consent.all_opt_outs() == []

    async def test_who_has_nothing_here_is_told_so(self, backend: Backend) -> None:
        async with room_of(backend) as room:
            assert await room.read("delete") == "Nothing is kept about you."
            assert "Nothing of @nobody is here" in await room.read("delete", handle="nobody")

    async def test_posts_that_others_brought_are_silenced_and_left_to_the_operator(self, tmp_path: Path) -> None:
        contact = "keeper@example.org"
        settings = Settings(home=tmp_path, discord=DiscordSettings(contact=contact), _env_file=None)
        async with open_backend(settings) as backend, room_of(backend) as room:
            await bring(backend.store, "keeper", count=3)
            await own(backend.store, Right("cy", STRANGER, room.place))
            for handle in ("keeper", "cy"):
                told = await room.read("delete", handle=handle)
                assert contact in told
                assert "I can't tell whether they are yours" in told
            wishes = await backend.store.consent.all_opt_outs()
            assert [(wish.handle, wish.wants_erasure) for wish in wishes] == [("cy", True), ("keeper", True)]
            assert await backend.store.posts.handles() == ["cy", "keeper"]

    async def test_a_deletion_that_breaks_off_leaves_a_silent_handle_that_the_operator_sees(
        self, backend: Backend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with room_of(backend) as room:

            async def fail(*_arguments: object) -> None:
                raise MynahError("A voice of @ada can't be deleted.")

            await own(backend.store, Right("ada", room.person, room.place))
            monkeypatch.setattr(deletion, "erase", fail)
            _, [more] = await room.press("delete", "Erase", handle="ada")
            assert "Not all of @ada could be erased yet" in more
            [wish] = await backend.store.consent.all_opt_outs()
            assert (wish.handle, wish.wants_erasure) == ("ada", True)

    async def test_over_the_wire(self, server: DiscordServer, front: FrontClient, backend: Backend) -> None:
        await own(backend.store, Right("ada", f"discord:{server.person.id}", "discord:1"))
        asked = await shown(
            server, await server.slash(server.channel, server.person, "privacy delete", handle="ada")
        )
        assert asked.response is not None
        pressed = await server.press(asked.response, server.person, "Erase")
        await server.until(lambda: asked.response and "- posts: 3" in asked.response.content)
        assert asked.response.components == []
        assert pressed.followups == []
        assert await backend.store.posts.handles() == []


class TestPolicy:
    async def test_it_names_the_days_and_the_contact(self, tmp_path: Path) -> None:
        discord = DiscordSettings(contact="keeper@example.org", keep_days=12)
        settings = Settings(home=tmp_path, discord=discord, _env_file=None)
        async with open_backend(settings) as backend, room_of(backend) as room:
            policy = await room.read("policy")
        assert "who reported an answer: 12 days" in policy
        assert "keeper@example.org" in policy
        assert "learn nothing from channels" in policy
        assert len(policy) < 2000

    async def test_without_a_contact_it_says_whom_to_ask(self, backend: Backend) -> None:
        async with room_of(backend) as room:
            assert "Ask those who run this server" in await room.read("policy")


def test_every_table_that_a_receipt_may_name_has_words() -> None:
    beside = {
        "trainers",
        "places",
        "interactions",
        "reservations",
        "charges",
    }  # which name no person and no handle
    for table in metadata.tables.keys() - beside:
        assert table == "posts" or table == "voices" or counted({table: 1}) != [f"- {table}: 1"]


async def shown(server: DiscordServer, told: Interaction) -> Interaction:
    """The same when its answer, which only the person sees, is filled."""
    assert told.response is not None
    assert told.response.ephemeral
    await server.until(lambda: told.response and not told.response.loading)
    return told


def holding(home: Path, text: str) -> list[str]:
    """The files under `home` that hold a text, in plain or as JSON in the database has it."""
    return [str(path) for path in home.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]
