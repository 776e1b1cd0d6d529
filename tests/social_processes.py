"""The bot as a process on the X of tests.x_server: set up, started, killed."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.autopost.checklist import subject
from data.settings import Settings
from data.store import Store, open_store
from tests.processes import ROOT, environment
from tests.tiny_voices import speaking_voice
from tests.x_server import XServer

VOICE = "keeper"


def settings_for(server: XServer, **more: str) -> dict[str, str]:
    """Environment variables for quick work on this X, at whatever price."""
    keys = server.credentials
    return {
        "MYNAH_X__API_BASE": server.origin,
        "MYNAH_X__API_KEY": keys.consumer_key,
        "MYNAH_X__API_SECRET": keys.consumer_secret,
        "MYNAH_X__ACCESS_TOKEN": keys.access_token,
        "MYNAH_X__ACCESS_SECRET": keys.access_token_secret,
        "MYNAH_X__ANSWER_MENTIONS": "1",
        "MYNAH_X__VOICE": VOICE,
        "MYNAH_X__TIMEOUT_SECONDS": "2",
        "MYNAH_X__POLL_SECONDS": "0.5",
        "MYNAH_AUTOPOST__SETTLE_SECONDS": "0.5",
        "MYNAH_AUTOPOST__ATTEMPTS": "100",
        "MYNAH_SPENDING__DAY_DOLLARS": "1000",
        "MYNAH_SPENDING__MONTH_DOLLARS": "1000",
        "MYNAH_SPEAK__CANDIDATES": "4",
        **more,
    }


@asynccontextmanager
async def set_up(home: Path) -> AsyncIterator[Store]:
    """A home with a voice that speaks, where X's rules are confirmed, and its open store."""
    settings = Settings(home=home, _env_file=None)
    voice = speaking_voice(settings.voices / "key-of-keeper", VOICE)
    record = voice.record
    async with open_store(settings.database) as store:
        await store.voices.add(
            key=record.key,
            name=record.name,
            handles=record.handles,
            base=record.base,
            held_out_loss_before=record.held_out_loss_before,
            held_out_loss=record.held_out_loss,
            record=record.to_json(),
        )
        await store.standing.confirm(subject("x"), "operator")
        yield store


async def start(home: Path, settings: dict[str, str], command: str = "bot") -> Process:
    """`mynah bot`; what it says besides its log goes to `bot.out` in the home folder."""
    with (home / "bot.out").open("ab") as said:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", command),
            cwd=ROOT,
            env=environment(home, **settings),
            stdin=DEVNULL,
            stdout=said,
            stderr=said,
        )


def output(home: Path) -> str:
    """What all bots of this home said so far, their logs' warnings among it."""
    return (home / "bot.out").read_text(encoding="utf-8")


@asynccontextmanager
async def running(home: Path, settings: dict[str, str], command: str = "bot") -> AsyncIterator[Process]:
    """The same, killed at the end if it still runs."""
    process = await start(home, settings, command)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
