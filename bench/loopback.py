"""The bot as people run it, on a Discord that listens on this machine only. Needs the product's environment."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import psutil

from bot.fronts.discord.names import channel_of, person_of
from data.settings import Settings
from data.store import ChannelVoice, Store
from tests.discord_server import Channel, DiscordServer
from trainer.voice import Voice


def settings_in(home: Path) -> Settings:
    """The product's defaults in this home folder, whatever the person who measures has set."""
    return Settings(home=home, offline=True, _env_file=None)


@contextlib.asynccontextmanager
async def bot_process(server: DiscordServer, settings: Settings) -> AsyncIterator[psutil.Process]:
    """`python -m bot bot`, connected to the server."""
    variables = os.environ | {
        "MYNAH_HOME": str(settings.home),
        "MYNAH_OFFLINE": "true",
        "MYNAH_DISCORD__TOKEN": server.token,
        "MYNAH_DISCORD__API_BASE": server.api_base,
        "MYNAH_DISCORD__GATEWAY_URL": server.gateway_url,
        "MYNAH_DISCORD__PERSON_ANSWERS": "0",
        "MYNAH_DISCORD__CHANNEL_ANSWERS": "0",
        "MYNAH_HEALTH__PORT": "0",
    }
    # In its home folder lies no .env file of somebody's own bot.
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "bot", env=variables, cwd=settings.home, stdout=subprocess.DEVNULL
    )
    try:
        await server.until(lambda: server.gateway.identified, seconds=60)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        await process.wait()


async def register_commands(server: DiscordServer, settings: Settings) -> None:
    """What `mynah discord sync` does once per release."""
    variables = os.environ | {
        "MYNAH_HOME": str(settings.home),
        "MYNAH_DISCORD__TOKEN": server.token,
        "MYNAH_DISCORD__API_BASE": server.api_base,
    }
    command = (sys.executable, "-m", "bot", "discord", "sync")
    process = await asyncio.create_subprocess_exec(
        *command, env=variables, cwd=settings.home, stdout=subprocess.DEVNULL
    )
    assert await process.wait() == 0


async def let_speak(
    store: Store, server: DiscordServer, channels: Sequence[Channel], voices: Sequence[Voice]
) -> None:
    """Each channel gets a voice, in turn."""
    for number, channel in enumerate(channels):
        name = voices[number % len(voices)].record.name
        place = f"discord:{server.guild.id}"
        await store.places.set_voice(ChannelVoice(channel_of(channel), place, name, person_of(server.person)))
