"""`/import`: a file becomes somebody's corpus, with their word on who may use it, and nothing of it is left."""

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import simcord

from bot.fronts.discord.backend import Backend
from bot.fronts.discord.client import FrontClient
from bot.fronts.discord.commands import importing
from bot.importing import (
    MOST_AT_ONCE,
    MOST_CORPORA,
    Bringer,
    Imports,
    admit,
    collect_in_thread,
    scratch_folder,
    sweep,
)
from data.errors import InputError, MynahError, RefusedError
from data.samples import SAMPLES
from data.settings import Settings
from data.store import Right, Store, open_store
from tests.archives import javascript, tweet, write_grailbird, write_x_archive, zip_folder
from tests.discord_fronts import SETTLE_SECONDS, still_client
from tests.discord_server import DiscordServer, Interaction
from tests.posts import bring, texts

ADA, BO, HERE, THERE = "discord:1", "discord:2", "discord:10", "discord:20"
HANDLE, ARCHIVE = next(iter(SAMPLES.items()))


def tweets_js(count: int = 3) -> bytes:
    elements = [{"tweet": tweet(text, number)} for number, text in enumerate(texts(count))]
    return javascript("window.YTD.tweets.part0", elements).encode()


def csv(count: int = 3) -> bytes:
    return ("id,text\n" + "".join(f'{n},"{text}"\n' for n, text in enumerate(texts(count), 1))).encode()


async def imported(server: DiscordServer, interaction: Interaction) -> str:
    """The final answer, which only the person sees."""
    assert interaction.response is not None
    assert interaction.response.ephemeral
    await server.until(lambda: interaction.response and not interaction.response.loading)
    return interaction.response.content


class TestOverTheWire:
    async def test_an_archive_becomes_a_corpus_with_a_sum_to_check(
        self, server: DiscordServer, front: FrontClient, backend: Backend
    ) -> None:
        file = server.file("twitter-2026-11-01.zip", ARCHIVE.read_bytes(), "application/zip")
        told = await imported(server, await server.slash(server.channel, server.person, "import", file=file))
        summary = await backend.store.posts.summary(HANDLE)
        assert summary is not None
        sums = [line.split() for line in told.split("```")[1].splitlines() if line]
        figures = {line[0]: int(line[1].replace(",", "")) for line in sums}
        assert figures["downloaded"] == summary.downloaded == len(await backend.store.posts.posts(HANDLE))
        assert (
            figures["downloaded"] + figures["retweets"] + figures["short"] == figures["kept"] == summary.kept > 400
        )
        assert f"({summary.characters:,} characters)" in told
        assert f"`/imitate handle:{HANDLE}`" in told
        assert "everybody on this server" in told
        assert "shows no real posts" in told

        person, place = f"discord:{server.person.id}", f"discord:{server.guild.id}"
        assert await backend.store.consent.right(HANDLE) == Right(HANDLE, person, place, "place", game=False)
        [origin] = await backend.store.posts.imports(HANDLE)
        assert (origin.source, origin.file_name) == ("x-archive", "twitter-2026-11-01.zip")
        assert (origin.may_train, origin.may_publish) == (True, False)
        assert "owner" in origin.consent
        assert list((backend.settings.home / "incoming").iterdir()) == []
        assert server.sent_messages(server.channel) == []

    async def test_the_commands_go_on_while_a_file_is_read(
        self, server: DiscordServer, front: FrontClient, backend: Backend
    ) -> None:
        file = server.file("posts.csv", csv(4096))
        bringing = await server.slash(server.channel, server.person, "import", file=file, handle="ada")
        second = await server.slash(server.channel, server.person, "import", file=file, handle="bo")
        assert "still at work" in await imported(server, second)
        helped = await server.slash(server.channel, server.person, "help")
        assert helped.acknowledged_after is None or helped.acknowledged_after < 1
        assert "4,096 new" in await imported(server, bringing)
        assert await backend.store.posts.handles() == ["ada"]

    async def test_a_file_that_discord_lost_is_said(
        self, server: DiscordServer, front: FrontClient, backend: Backend
    ) -> None:
        server.faults.fail("GET", "/cdn/.*", status=404)
        file = server.file("posts.csv", csv())
        told = await server.slash(server.channel, server.person, "import", file=file, handle="ada")
        assert "attach it once more" in await imported(server, told)
        again = await server.slash(server.channel, server.person, "import", file=file, handle="ada")
        assert "3 new posts" in await imported(server, again)
        assert list((backend.settings.home / "incoming").iterdir()) == []

    async def test_a_large_file_is_refused_before_it_is_downloaded(
        self, server: DiscordServer, front: FrontClient, backend: Backend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(importing, "LARGEST_MB", 1)
        file = server.file("archive.zip", bytes(1_200_000))
        told = await imported(server, await server.slash(server.channel, server.person, "import", file=file))
        assert "I take 1 MB" in told
        assert "`data/tweets.js`" in told
        assert "`mynah import`" in told
        assert server.calls("GET", "/cdn") == []
        [registered] = server.calls("PUT", f"/applications/{server.bot.id}/commands")
        [command] = [command for command in registered.payload if command["name"] == "import"]
        assert "50 MB" in command["description"]
        assert "50 MB" in command["options"][0]["description"]


class TestCommand:
    """What a person writes and reads, in simcord."""

    async def bring(
        self, backend: Backend, name: str = "posts.csv", content: bytes = b"", **options: object
    ) -> str:
        client = still_client(backend)
        async with simcord.run(client, settle_timeout=SETTLE_SECONDS, check_errors=False) as env:
            await client.tree.sync()
            guild = env.create_guild()
            channel = guild.create_text_channel("perch")
            member = guild.add_member(env.create_user("robin"))
            told = await member.slash(channel, "import", file=(name, content or csv()), **options)
            assert told.ephemeral
            assert told.response is not None
            # simcord counts what the tree explained to people, too; nothing else may have gone wrong.
            assert all(isinstance(error.__cause__, MynahError) for error in env.errors)
            return told.response.content

    async def test_posts_that_were_given_and_a_small_corpus(self, backend: Backend) -> None:
        told = await self.bring(backend, handle="@Ada", whose="theirs", share="owner")
        assert "only you" in told
        assert "you answer for it" in told
        assert "Too little yet" in told
        assert "/imitate" not in told
        [origin] = await backend.store.posts.imports("ada")
        assert "gave them the file" in origin.consent

    async def test_a_lone_tweets_js_needs_a_handle(self, backend: Backend) -> None:
        told = await self.bring(backend, "tweets.js", tweets_js())
        assert "add the option `handle`" in told
        assert "--handle" not in told
        assert "3 new posts" in await self.bring(backend, "tweets.js", tweets_js(), handle="ada", game=True)
        [origin] = await backend.store.posts.imports("ada")
        assert origin.source == "x-archive"
        assert (await backend.store.consent.rights(["ada"]))["ada"].game

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            (b"window.YTD.tweets.part0 = [", "cut off"),
            (b"window.YTD.tweets.part0 = " + b"[" * 100_000, "damaged"),
            (b'window.YTD.tweets.part0 = [{"tweet": {"full_text": "' + b"x" * 1_200_000, "above 1 MB"),
            (b"window.YTD.direct_messages.part0 = [{}]", "nothing Mynah can read"),
            (b"window.YTD.tweets.part0 = []", "holds no posts"),
            (b"PK\x03\x04 but no zip", "damaged"),
            (b"\xff\xfe\x00", "UTF-16"),
            (b" ", "empty"),
        ],
    )
    async def test_a_file_that_is_no_posts_is_refused_in_words(
        self, backend: Backend, content: bytes, sentence: str
    ) -> None:
        assert sentence in await self.bring(backend, "tweets.js", content, handle="ada")
        assert await backend.store.posts.handles() == []
        assert await backend.store.consent.right("ada") is None
        assert list((backend.settings.home / "incoming").iterdir()) == []

    @pytest.mark.parametrize("name", ["../../evil.csv", ".csv", "a\u202egpj.csv", "x" * 300 + ".csv", "C:\\x.csv"])
    async def test_a_files_name_leads_nowhere(self, backend: Backend, name: str) -> None:
        assert "3 new posts" in await self.bring(backend, name, handle="ada")
        [origin] = await backend.store.posts.imports("ada")
        assert origin.file_name.isprintable()
        assert not {"/", "\\", " "} & set(origin.file_name)
        assert len(origin.file_name) <= 80
        assert [path.name for path in backend.settings.home.parent.rglob("*evil*")] == []

    async def test_an_opted_out_handle_and_a_bad_one(self, backend: Backend) -> None:
        await backend.store.consent.opt_out("ada", BO)
        assert "has opted out" in await self.bring(backend, handle="ada")
        assert "not an account name" in await self.bring(backend, handle="two words")
        assert await backend.store.posts.handles() == []


class TestWhoMayBringWhat:
    """The rules, through the thread that reads."""

    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        return Settings(home=tmp_path / "home", _env_file=None)

    @pytest.fixture
    async def store(self, settings: Settings) -> AsyncIterator[Store]:
        async with open_store(settings.database) as opened:
            yield opened

    @pytest.fixture
    def table(self, tmp_path: Path) -> Path:
        path = tmp_path / "posts.csv"
        path.write_bytes(csv())
        return path

    def archive(self, folder: Path, handle: str, **more: object) -> Path:
        return zip_folder(
            write_x_archive(folder / handle, texts(3), handle=handle, **more),  # type: ignore[arg-type]
            folder / f"{handle}.zip",
        )

    async def test_another_ones_handle_is_refused_before_it_is_read(
        self, store: Store, settings: Settings, tmp_path: Path
    ) -> None:
        await store.consent.claim(Right("ada", BO, HERE))
        unreadable = tmp_path / "unreadable.csv"
        unreadable.write_bytes(csv(2_000) + b"\xff\xff")
        with pytest.raises(RefusedError, match="brought by another account"):
            await collect_in_thread(settings, unreadable, Bringer(ADA, HERE), "ada")
        with pytest.raises(RefusedError, match="brought by another account"):
            await collect_in_thread(settings, self.archive(tmp_path, "ada"), Bringer(ADA, HERE))

    async def test_what_the_operator_brought_takes_the_accounts_own_archive(
        self, store: Store, settings: Settings, tmp_path: Path, table: Path
    ) -> None:
        await bring(store, "ada", count=3)
        archive = self.archive(tmp_path, "ada")
        alone = tmp_path / "alone" / "tweets.js"
        alone.parent.mkdir()
        alone.write_bytes(tweets_js())
        renamed = self.archive(tmp_path, "ada_new", former_handles=["ada"])
        refused = [
            (table, Bringer(ADA, HERE)),
            (alone, Bringer(ADA, HERE)),
            (renamed, Bringer(ADA, HERE)),  # the former name may be somebody else's by now
            (archive, Bringer(ADA, HERE, own=False)),
        ]
        for path, bringer in refused:
            with pytest.raises(RefusedError, match="brought by the operator"):
                await collect_in_thread(settings, path, bringer, "ada")
        assert await store.consent.right("ada") is None
        assert len(await store.posts.imports("ada")) == 1
        await collect_in_thread(settings, archive, Bringer(ADA, HERE))
        assert await store.consent.right("ada") == Right("ada", ADA, HERE)
        await collect_in_thread(settings, table, Bringer(ADA, HERE), "ada")  # more of one's own, from any file

    async def test_an_archive_of_twitters_proves_its_account_too(
        self, store: Store, settings: Settings, tmp_path: Path
    ) -> None:
        await bring(store, "ada", count=3)
        nameless = write_grailbird(tmp_path / "nameless", {"2013_06": texts(3)}, handle="ada", details=False)
        with pytest.raises(RefusedError, match="brought by the operator"):
            await collect_in_thread(settings, nameless, Bringer(ADA, HERE))
        named = write_grailbird(tmp_path / "named", {"2013_06": texts(3)}, handle="ada")
        await collect_in_thread(settings, named, Bringer(ADA, HERE))
        assert await store.consent.right("ada") is not None

    async def test_a_zip_with_several_accounts_proves_none(
        self, store: Store, settings: Settings, tmp_path: Path
    ) -> None:
        await bring(store, "ada", count=3)
        for handle in ("ada", "bo"):
            write_x_archive(tmp_path / "both" / handle, texts(3), handle=handle)
        with pytest.raises(RefusedError, match="brought by the operator"):
            await collect_in_thread(
                settings, zip_folder(tmp_path / "both", tmp_path / "both.zip"), Bringer(ADA, HERE), "ada"
            )

    async def test_what_was_given_stays_small(self, store: Store, settings: Settings, table: Path) -> None:
        for bringer in (Bringer(ADA, HERE, False, "everyone"), Bringer(ADA, HERE, False, "place", True)):
            with pytest.raises(RefusedError, match="only the owner can share it"):
                await collect_in_thread(settings, table, bringer, "ada")
        await collect_in_thread(settings, table, Bringer(ADA, HERE, False), "ada")
        with pytest.raises(RefusedError, match="only the owner can share it"):
            await collect_in_thread(settings, table, Bringer(ADA, HERE, True, "everyone"), "ada")

    async def test_a_second_import_keeps_what_was_decided(
        self, store: Store, settings: Settings, table: Path
    ) -> None:
        await collect_in_thread(settings, table, Bringer(ADA, HERE, audience="owner", game=True), "ada")
        await collect_in_thread(settings, table, Bringer(ADA, THERE), "ada")
        assert await store.consent.right("ada") == Right("ada", ADA, HERE, "owner", game=True)
        await collect_in_thread(settings, table, Bringer(ADA, THERE, audience="place", game=False), "ada")
        assert await store.consent.right("ada") == Right("ada", ADA, THERE, "place", game=False)

    async def test_nobody_brings_any_number_of_people(self, store: Store, settings: Settings, table: Path) -> None:
        for number in range(MOST_CORPORA):
            await store.consent.claim(Right(f"handle{number}", ADA, HERE))
        with pytest.raises(RefusedError, match=f"{MOST_CORPORA} accounts already"):
            await collect_in_thread(settings, table, Bringer(ADA, HERE), "another")
        await collect_in_thread(settings, table, Bringer(ADA, HERE), "handle0")

    async def test_it_is_read_on_a_thread_of_its_own(
        self, store: Store, settings: Settings, table: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        threads = []

        async def admitting(*arguments: Any) -> Right:
            threads.append(threading.current_thread())
            return await admit(*arguments)

        monkeypatch.setattr("bot.importing.admit", admitting)
        await collect_in_thread(settings, table, Bringer(ADA, HERE), "ada")
        assert threads != [threading.current_thread()]


class TestFolders:
    async def test_a_person_has_one_turn_at_a_time_and_the_folder_goes_whatever_happens(
        self, tmp_path: Path
    ) -> None:
        imports = Imports(Settings(home=tmp_path, _env_file=None))
        async with imports.turn(ADA) as folder:
            (folder / "posts.csv").write_bytes(csv())
            async with imports.turn(BO) as other:
                assert other != folder
            with pytest.raises(RefusedError, match="still at work"):
                async with imports.turn(ADA):
                    pass
        with pytest.raises(InputError):
            async with imports.turn(ADA) as folder:
                raise InputError("no posts")
        assert not folder.exists()
        assert list(folder.parent.iterdir()) == []

    async def test_not_everybodys_file_is_held_at_once(self, tmp_path: Path) -> None:
        imports, held = Imports(Settings(home=tmp_path, _env_file=None)), 0

        async def take_turn(person: str) -> int:
            nonlocal held
            async with imports.turn(person):
                held += 1
                at_once = held
                await asyncio.sleep(0.01)
                held -= 1
                return at_once

        people = [f"discord:{number}" for number in range(2 * MOST_AT_ONCE)]
        assert max(await asyncio.gather(*map(take_turn, people))) == MOST_AT_ONCE

    async def test_what_a_process_is_at_is_not_swept_however_long_it_takes(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("bot.importing.LEFT_BEHIND_SECONDS", 0.2)
        settings = Settings(home=tmp_path, _env_file=None)
        async with scratch_folder(settings) as folder:
            await asyncio.sleep(0.4)
            sweep(settings)
            assert folder.exists()
        assert not folder.exists()

    async def test_what_a_killed_process_left_is_swept(self, tmp_path: Path) -> None:
        settings = Settings(home=tmp_path, _env_file=None)
        sweep(settings)
        old, fresh = tmp_path / "incoming" / "old", tmp_path / "incoming" / "fresh"
        for folder in (old, fresh):
            folder.mkdir(parents=True)
            (folder / "tweets.js").write_bytes(tweets_js())
        os.utime(old, (time.time() - 7200,) * 2)
        async with Imports(settings).turn(ADA):
            assert not old.exists()
            assert fresh.exists()
