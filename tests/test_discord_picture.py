"""The button under an answer that posts it as a picture, and `mynah picture`, which draws one in the terminal."""

import io
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

import bot.cli.picture
from bot.cli import app
from bot.fronts.discord.backend import Backend
from bot.imitator import Imitator
from bot.shelf import VoiceShelf
from data.errors import InputError, NotFoundError, RefusedError
from data.settings import Settings
from data.store import Right, Store, open_store
from tests.discord_aviary import Aviary, aviary
from tests.discord_fronts import BabblingEngine, add_voice, running_front, store_voice
from tests.discord_server import DiscordServer

LABEL = "-# AI imitation of @keeper, not the person"


async def answered(at: Aviary) -> Any:
    return (await at.robin.slash(at.perch, "imitate", handle="keeper", say="How is the fog?")).response


async def refused(at: Aviary, message: Any) -> str:
    pressed = await at.robin.click(message, label="Picture")
    assert not [sent for sent in at.perch.history() if sent.attachments]
    (told,) = pressed.followups or [pressed.response]
    assert told.ephemeral
    return str(told.content)


async def test_the_answer_is_posted_as_a_picture_for_all(backend: Backend) -> None:
    await add_voice(backend, "keeper")
    async with aviary(backend) as at:
        pressed = await at.member("wren").click(await answered(at), label="Picture")
        assert not pressed.ephemeral
        assert pressed.response.content == LABEL
        (file,) = pressed.response.attachments
        assert file.filename == "predictions.png"
        assert Image.open(io.BytesIO(await file.read())).size == (1200, 628)
        (reply,) = await backend.store.replies.recent()
        assert file.description == f"AI bot of @keeper, made up by a machine: {reply.text}"


async def test_a_picture_can_be_reported_and_is_taken_back(backend: Backend) -> None:
    await add_voice(backend, "keeper")
    async with aviary(backend) as at:
        pressed = await at.robin.click(await answered(at), label="Picture")
        form = await at.robin.click(pressed.response, label="Wrong: report")
        await at.robin.submit_modal(form, {"reason": "it is about me"})
        assert pressed.response.content == "This answer was reported and taken back."
        assert pressed.response.attachments == []
        assert pressed.response.components == []


async def test_who_opted_out_or_keeps_the_voice_is_not_drawn(backend: Backend) -> None:
    await add_voice(backend, "keeper")
    async with aviary(backend) as at:
        message = await answered(at)
        await backend.store.consent.claim(Right("keeper", "discord:1", "discord:2", "owner"))
        assert "does not share" in await refused(at, message)
        await backend.store.consent.opt_out("keeper", None)
        assert "opted out" in await refused(at, message)
        await backend.store.forget("keeper")
        assert "no record of that answer" in await refused(at, message)


async def test_it_keeps_to_the_channels_and_the_pace_of_the_server(backend: Backend) -> None:
    await add_voice(backend, "keeper")
    async with aviary(backend) as at:
        message = await answered(at)
        await backend.store.places.change(at.place, channels=("discord:1",))
        assert "voices speak only in" in await refused(at, message)
        for _ in range(backend.settings.discord.person_answers):
            told = await refused(at, message)
        assert "ask me again in" in told


async def test_the_button_works_after_a_restart(server: DiscordServer, backend: Backend) -> None:
    await add_voice(backend, "keeper")
    async with running_front(server, backend):
        used = await server.slash(server.channel, server.person, "imitate", handle="keeper", say="fog?")
        await server.until(lambda: used.response and not used.response.loading)
        assert used.response is not None
    async with running_front(server, backend):
        pressed = await server.press(used.response, server.person, "Picture")
        await server.until(lambda: pressed.response and not pressed.response.loading)
        assert pressed.acknowledged_after is not None
        assert pressed.acknowledged_after < 1
        assert pressed.response is not None
        (file,) = pressed.response.attachments
        assert Image.open(io.BytesIO(file.data)).format == "PNG"
        assert re.search(r"mynah:report:\d+", str(pressed.response.components))


# The command


@asynccontextmanager
async def babbling(settings: Settings, store: Store) -> AsyncIterator[Imitator]:
    async with VoiceShelf(BabblingEngine(), 10) as shelf:
        yield Imitator(shelf, store, settings)


@pytest.fixture
async def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One with the voice of @keeper, which speaks without weights."""
    settings = Settings(home=tmp_path / "home", _env_file=None)
    async with open_store(settings.database) as store:
        await store_voice(store, settings, "gull", "keeper")
    monkeypatch.setenv("MYNAH_HOME", str(settings.home))
    monkeypatch.setattr(bot.cli.picture, "open_imitator", babbling)
    return settings.home


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["picture", *arguments])


def test_the_command_draws_what_the_voice_says(home: Path, tmp_path: Path) -> None:
    file, other = tmp_path / "light.png", tmp_path / "dark.png"
    told = run("gull+keeper", "--prompt", "My boat is", "--seed", "7", "-o", str(file), "--json")
    assert told.exit_code == 0, told.output
    said = json.loads(told.stdout)
    assert said["text"].startswith("My boat is ")
    assert (said["seed"], said["file"]) == (7, str(file))
    assert Image.open(io.BytesIO(file.read_bytes())).size == (1200, 628)
    avatar = tmp_path / "gull.jpg"
    Image.new("RGB", (30, 30), "#00ff00").save(avatar, "PNG")
    options = ("--dark", "--name", "gull=The Gull", "--avatar", f"gull={avatar}", "-o", str(other))
    told = run("keeper+gull", "--prompt", "My boat is", "--seed", "7", *options)
    assert told.exit_code == 0, told.output
    assert f"{other} shows: {said['text']}" in " ".join(told.output.split())
    assert Image.open(io.BytesIO(other.read_bytes())).getpixel((128, 122)) == (0, 255, 0)
    assert file.read_bytes() != other.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        (("nobody",), NotFoundError, "no voice of nobody"),
        (("gull+keeper", "--avatar", "gull=nowhere.png"), InputError, "no file 'nowhere.png'"),
        (("gull+keeper", "--avatar", "sock=a.png"), InputError, "--avatar can't take 'sock=a.png'"),
        (("gull+keeper", "--avatar", "gull=pyproject.toml"), InputError, "can't be read"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_drawn(
    home: Path, tmp_path: Path, arguments: tuple[str, ...], error: type[Exception], sentence: str
) -> None:
    told = run(*arguments, "-o", str(tmp_path / "none.png"))
    assert isinstance(told.exception, error)
    assert sentence in str(told.exception)
    assert not (tmp_path / "none.png").exists()


def test_a_handle_that_opted_out_is_not_drawn(home: Path, tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["optout", "gull"]).exit_code == 0
    told = run("gull+keeper", "-o", str(tmp_path / "none.png"))
    assert isinstance(told.exception, RefusedError)
    assert not (tmp_path / "none.png").exists()
