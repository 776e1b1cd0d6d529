"""The Discord front as tests run it: the real client over a real store, with an engine that only babbles.

`backend` and `front` are fixtures of conftest.py. `front` is connected to the Discord on loopback; for simcord,
give `still_client(backend)` to `simcord.run`.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

from pydantic import SecretStr

from bot.fronts.discord.backend import Backend
from bot.fronts.discord.client import FrontClient, make_client
from bot.fronts.discord.draft_cards import DraftCards
from bot.fronts.discord.run_cards import RunCards
from bot.imitator import Imitator
from bot.metrics import Metrics
from bot.platforms import Platform
from bot.shelf import VoiceShelf
from data.settings import DiscordSettings, Settings
from data.store import Store, open_store
from tests.discord_clients import connected
from tests.discord_server import DiscordServer
from trainer.engine import Continuation, Engine, Line, Sampling
from trainer.recipe import Recipe
from trainer.voice import Voice, VoiceRecord

SETTLE_SECONDS = 30.0  # that simcord waits for a client to come to rest; a busy machine needs more than its five
_WORDS = "fog lamp gull boat tide stair sock soup rope bell crumb door rain moss kettle stone wind sail"


class BabblingEngine:
    """Keeps to the seam of trainer.engine; says something harmless and new for every seed."""

    memory_bytes = 1

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def load(self, voice: Voice) -> "BabblingEngine":
        return self

    def speak(self, lines: Sequence[Line], sampling: Sampling) -> list[Continuation]:
        self.lines += lines
        return [Continuation(self._babble(line), finished=True) for line in lines]

    def _babble(self, line: Line) -> str:
        words = Random(line.seed).sample(_WORDS.split(), 5)
        return f"{' ' if line.opening else ''}{' '.join(words)}."


def settings_for(server: DiscordServer, home: Path, **discord: Any) -> Settings:
    """Settings that name the server's token and addresses, and what else of Discord's a test sets."""
    values: dict[str, Any] = {
        "token": SecretStr(server.token),
        "api_base": server.api_base,
        "gateway_url": server.gateway_url,
    }
    return Settings(home=home, discord=DiscordSettings(**values | discord), _env_file=None)


@asynccontextmanager
async def open_backend(
    settings: Settings, engine: Engine | None = None, platforms: Mapping[str, Platform] | None = None
) -> AsyncIterator[Backend]:
    """A backend over the settings' own store."""
    async with open_store(settings.database) as store, VoiceShelf(engine or BabblingEngine(), 10) as shelf:
        yield Backend(settings, store, Imitator(shelf, store, settings), Metrics(), platforms or {})


async def add_voice(backend: Backend, *handles: str, key: str = "", posts: Sequence[str] = ()) -> Voice:
    """A finished voice in folder and store, without weights: the babbling engine needs none."""
    return await store_voice(backend.store, backend.settings, *handles, key=key, posts=posts)


async def store_voice(
    store: Store, settings: Settings, *handles: str, key: str = "", posts: Sequence[str] = ()
) -> Voice:
    """The same for a store and settings."""
    record = VoiceRecord(
        key=key or "key-" + "-".join(handles),
        handles=tuple(sorted(handles)),
        base="builtin",
        base_folder="",
        method="full",
        recipe=Recipe(),
        held_out_loss_before=4.5,
        held_out_loss=3.9,
        posts=514,
        seconds=13.0,
        created_at="2026-11-21T12:00:00+00:00",
        history=[
            {"step": 10.0, "held_out_loss": 4.2, "loss": 4.3},
            {"step": 20.0, "held_out_loss": 3.9, "loss": 4.0},
        ],
    )
    _write(settings.voices / record.key, record, list(posts) or ["All is well at the lamp tonight."])
    await store.voices.add(
        key=record.key,
        name=record.name,
        handles=record.handles,
        base=record.base,
        held_out_loss_before=record.held_out_loss_before,
        held_out_loss=record.held_out_loss,
        record=record.to_json(),
    )
    return Voice.from_folder(settings.voices / record.key)


def _write(folder: Path, record: VoiceRecord, posts: list[str]) -> None:
    folder.mkdir(parents=True)
    (folder / "posts.json").write_text(json.dumps(posts))
    (folder / "voice.json").write_text(json.dumps(record.to_json()))


def still_client(backend: Backend) -> FrontClient:
    """A client for simcord, which waits for everything that wakes up within its patience."""
    client = make_client(backend)
    client.run_cards = RunCards(client, backend, poll=3600)
    client.draft_cards = DraftCards(client, backend, poll=3600)
    return client


@asynccontextmanager
async def running_front(server: DiscordServer, backend: Backend) -> AsyncIterator[FrontClient]:
    """The front, logged in to the Discord on loopback, its commands registered."""
    client = make_client(backend, guild_ready_timeout=0.1)
    async with connected(server, client):
        await client.tree.sync()
        yield client
