"""`/voice`: what is listed and told of voices, and who may take them home and delete them."""

import io
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from bot.fronts.discord.backend import Backend
from bot.fronts.discord.commands import keeping
from data.settings import Settings
from data.store import Right
from tests.discord_aviary import aviary
from tests.discord_cards import KEEPER, bring
from tests.discord_fronts import add_voice, open_backend, running_front
from tests.discord_server import DiscordServer, Message, User
from tests.discord_server import interactions as double
from tests.posts import bring as bring_posts
from tests.tiny_voices import full_voice


@pytest.fixture(name="backend")
async def _backend(tmp_path: Path) -> AsyncIterator[Backend]:
    async with open_backend(Settings(home=tmp_path, base="builtin", _env_file=None)) as backend:
        yield backend


# list


async def test_the_list_says_whose_each_voice_is(backend: Backend) -> None:
    await add_voice(backend, "keeper")
    await add_voice(backend, "robot", "keeper")
    await add_voice(backend, "some_one")
    await add_voice(backend, "secret")
    await bring_posts(backend.store, "bare", 3)
    async with aviary(backend) as at:
        await at.own(at.robin, "some_one")
        await at.own(at.owner, "robot")
        await at.own(at.owner, "secret", audience="owner")
        assert (await at.read(at.robin, "voice list")).split("\n") == [
            "**Voices**",
            "- @keeper and @robot · shared here",
            "- @keeper · operator's",
            "- @some\\_one · yours",
            "**Posts without a voice yet**",
            "- @bare · operator's",
        ]
        assert "@secret · yours" in await at.read(at.owner, "voice list")


async def test_an_empty_list_says_what_to_do(backend: Backend) -> None:
    async with aviary(backend) as at:
        assert "`/import`" in await at.read(at.robin, "voice list")


async def test_a_long_list_is_cut(backend: Backend) -> None:
    for number in range(70):
        await add_voice(backend, f"a_rather_long_handle_{number}")
    async with aviary(backend) as at:
        listed = await at.read(at.robin, "voice list")
    assert len(listed) <= 2_000
    shown = listed.count("- @")
    assert f"… and {70 - shown} more" in listed


# info


async def test_info_tells_what_is_known(backend: Backend) -> None:
    await bring(backend)
    voice = await add_voice(backend, KEEPER)
    key = voice.record.key
    await backend.store.replies.count_rejections(key, {"copy_run": 5, "link": 1_200})
    game = backend.store.game
    for person, right in (("discord:1", True), ("discord:2", True), ("discord:3", False)):
        played = await game.begin(key, place="discord:1", real="r", made="m", real_first=True)
        await game.vote(played.id, person, right=right)
    async with aviary(backend) as at:
        told = await at.ask(at.robin, "voice info", handle=f"@{KEEPER}")
        for words in (
            "**@lampkeeper\\_ode**",
            "posts downloaded",
            "Learned from 514 posts; held-out loss 4.50 before, 3.90 after.",
            f"<t:{int(datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp())}:f> in 13 s from the base builtin",
            "people found the real post in 2 of 3 votes",
            "1,200 link, 5 copy run",
        ):
            assert words in told.content
        (plot,) = told.attachments
        assert Image.open(io.BytesIO(await plot.read())).size == (640, 240)


async def test_info_of_posts_without_a_voice(backend: Backend) -> None:
    await bring(backend)
    async with aviary(backend) as at:
        told = await at.ask(at.robin, "voice info", handle=KEEPER)
        assert "posts downloaded" in told.content
        assert "No voice was made of these posts yet" in told.content
        assert not told.attachments
        assert "no voice of @nobody" in await at.read(at.robin, "voice info", handle="nobody")


async def test_what_the_owner_keeps_back_is_told_to_nobody(backend: Backend) -> None:
    await bring(backend)
    await add_voice(backend, KEEPER)
    async with aviary(backend) as at:
        await at.own(at.owner, KEEPER, audience="owner")
        for command in ("voice info", "voice train", "voice refresh", "voice export"):
            told = await at.read(at.robin, command, handle=KEEPER)
            assert "does not share that voice here" in told, command


async def test_the_operators_folders_stay_theirs(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    await add_voice(backend, "keeper")
    voice = backend.settings.voices / "key-keeper" / "voice.json"
    voice.write_text(voice.read_text().replace('"builtin"', '"/home/me/secret/my_base"'))
    async with aviary(backend) as at:
        told = await at.read(at.robin, "voice info", handle="keeper")
        assert "from the base my\\_base." in told
        assert "secret" not in told


# export


async def give_full_voice(backend: Backend, handle: str) -> None:
    voice = full_voice(backend.settings.voices / "whole", handle)
    record = voice.record
    await backend.store.voices.add(
        "whole", handle, [handle], "builtin", record.held_out_loss_before, record.held_out_loss, record.to_json()
    )


async def exported(server: DiscordServer, user: User) -> Message:
    told = await server.slash(server.channel, user, "voice export", handle="keeper")
    await server.until(lambda: told.response and not told.response.loading, seconds=50)
    assert told.response
    assert told.response.ephemeral
    return told.response


async def test_the_owner_takes_a_voice_home(server: DiscordServer, backend: Backend) -> None:
    await give_full_voice(backend, "keeper")
    other = server.add_user("wren")
    await backend.store.consent.claim(Right("keeper", f"discord:{other.id}", "discord:1", "everyone"))
    async with running_front(server, backend):
        refused = await exported(server, server.person)
        assert "handed only to who brought all" in refused.content
        assert not refused.attachments
        (attached,) = (await exported(server, other)).attachments
        assert attached.filename == "keeper.zip"
        names = zipfile.ZipFile(io.BytesIO(attached.data)).namelist()
        assert {"config.json", "model.safetensors", "tokenizer.json", "README.md"} <= set(names)
        assert "posts.json" not in names
    assert list(backend.settings.home.glob("export-*")) == []


async def test_a_voice_too_large_for_discord_is_the_operators_to_hand_out(
    server: DiscordServer, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_voice(backend, "keeper")
    await backend.store.consent.claim(Right("keeper", f"discord:{server.person.id}", "discord:1", "everyone"))
    monkeypatch.setattr(double, "ATTACHMENT_LIMIT", 2 << 20)

    async def pack(settings: Settings, name: str, folder: Path) -> Path:
        (folder / "voice.zip").write_bytes(bytes(3 << 20))
        return folder / "voice.zip"

    monkeypatch.setattr(keeping, "_pack", pack)
    async with running_front(server, backend):
        told = await exported(server, server.person)
        assert told.content == (
            "The voice has 3.0 MB and Discord takes 2 MB here; the operator of this bot can hand it to you with "
            "`mynah export keeper FOLDER`."
        )
    assert list(backend.settings.home.glob("export-*")) == []


async def test_an_export_that_fails_is_told_without_its_reason(server: DiscordServer, backend: Backend) -> None:
    await add_voice(backend, "keeper")  # without weights
    await backend.store.consent.claim(Right("keeper", f"discord:{server.person.id}", "discord:1", "everyone"))
    async with running_front(server, backend):
        told = await exported(server, server.person)
        assert "could not be exported" in told.content
    assert list(backend.settings.home.glob("export-*")) == []


# delete


async def test_the_owner_deletes_a_voice_and_keeps_the_posts(backend: Backend) -> None:
    await bring_posts(backend.store, "keeper", 3)
    await add_voice(backend, "keeper", key="older")
    await add_voice(backend, "keeper", key="newer")
    await add_voice(backend, "keeper", "robot")
    async with aviary(backend) as at:
        await at.own(at.robin, "keeper")
        asked = await at.ask(at.robin, "voice delete", handle="keeper")
        assert "Delete the voice of @keeper?" in asked.content
        await at.robin.click(asked, label="Keep it")
        assert len(await backend.store.voices.all()) == 3
        asked = await at.ask(at.robin, "voice delete", handle="keeper")
        pressed = await at.robin.click(asked, label="Delete the voice")
        assert pressed.response
        assert "is deleted" in pressed.response.content
    assert [row.name for row in await backend.store.voices.all()] == ["keeper+robot"]
    assert [path.name for path in backend.settings.voices.iterdir()] == ["key-keeper-robot"]
    assert await backend.store.posts.handles() == ["keeper"]


async def test_who_else_may_delete(backend: Backend) -> None:
    await add_voice(backend, "keeper")
    await add_voice(backend, "keeper", "robot")
    async with aviary(backend) as at:
        assert "Only someone who brought posts" in await at.read(at.owner, "voice delete", handle="keeper")
        await at.own(at.member("wren"), "keeper")
        assert "Only someone who brought posts" in await at.read(at.robin, "voice delete", handle="keeper")
        assert "Delete the voice" in await at.read(at.owner, "voice delete", handle="keeper")
        # Of a cyborg's handles one is the operator's, so it does not belong to this server alone.
        assert "Only someone who brought posts" in await at.read(at.owner, "voice delete", handle="robot+keeper")
        assert "There is no such voice" in await at.read(at.owner, "voice delete", handle="nobody")


async def test_who_lost_the_right_meanwhile_deletes_nothing(backend: Backend) -> None:
    await add_voice(backend, "keeper")
    async with aviary(backend) as at:
        await at.own(at.robin, "keeper")
        asked = await at.ask(at.robin, "voice delete", handle="keeper")
        await backend.store.forget("unrelated")
        await backend.store.forget("keeper")
        await add_voice(backend, "keeper", key="again")
        pressed = await at.robin.click(asked, label="Delete the voice")
        assert "Only someone who brought posts" in pressed.followups[0].content
    assert len(await backend.store.voices.all()) == 1
