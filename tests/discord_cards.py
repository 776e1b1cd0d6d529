"""Runs and their cards as tests need them: a corpus to ask for, a trainer's part played, a front that hurries."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from bot.fronts.discord.backend import Backend
from bot.fronts.discord.client import FrontClient, make_client
from bot.fronts.discord.run_cards import RunCards
from data.collect import collect
from data.samples import SAMPLES
from data.store import Run
from tests.discord_clients import connected
from tests.discord_fronts import add_voice
from tests.discord_server import DiscordServer

KEEPER = "lampkeeper_ode"
HALF = {
    "step": 10,
    "steps": 20,
    "loss": 4.1234,
    "held_out_loss": 4.5,
    "tokens_per_second": 900.0,
    "eta_seconds": 75.4,
}


async def bring(backend: Backend, handle: str = KEEPER) -> None:
    """A bundled corpus, with its counts."""
    await collect(backend.store, SAMPLES[handle], bounds=backend.settings.imports, consent="bundled sample")


async def begin(backend: Backend, **progress: Any) -> Run:
    """A trainer takes the next run; what it says of it comes with `HALF` as the rest."""
    await backend.store.runs.beat("worker", 1)
    run = await backend.store.runs.claim("worker", 60, 3)
    assert run is not None
    if progress:
        await backend.store.runs.heartbeat(run, 60, {**HALF, **progress})
    return run


async def finish(backend: Backend, run: Run) -> None:
    """The trainer leaves the voice behind."""
    await add_voice(backend, *run.handles, key=run.voice_key)
    assert await backend.store.runs.finish(run)


@asynccontextmanager
async def watching(server: DiscordServer, backend: Backend, *, pace: float = 0.0) -> AsyncIterator[FrontClient]:
    """A front whose cards are looked after at once."""
    client = make_client(backend, guild_ready_timeout=0.05)
    client.run_cards = RunCards(client, backend, poll=0.02, pace=pace)
    async with connected(server, client):
        await client.tree.sync()
        yield client
