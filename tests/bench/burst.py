"""`python -m tests.bench.burst`: many mentions at once, answered by the real bot process on the built-in base.

A Discord on loopback sends 200 mentions over 20 channels and 5 voices in one go. Every one must be answered
exactly once; printed are the seconds from mention to reply and the memory of the bot process. While they wait, a
slash command is sent again and again, and its longest acknowledgement printed. `--trainings N` lets N runs train
meanwhile.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil

from bot.cli.present import out, print_json
from bot.fronts.discord.names import channel_of, person_of
from data.settings import Settings
from data.store import ChannelVoice, Store, open_store
from tests.bench.workloads import builtin_voice
from tests.discord_server import Channel, DiscordServer
from tests.posts import bring, texts
from trainer.bases import BUILTIN
from trainer.durable import write_json
from trainer.voice import POSTS, RECORD, Voice
from trainer.wish import ask_for_voice

CHANNELS, VOICES, MENTIONS = 20, 5, 200
PATIENCE = 300.0  # seconds for the whole burst
QUESTIONS = ("What about the fog?", "How is the gull today?", "Tell me of the boat.", "Is there soup?", "Why?")


async def add_voices(store: Store, settings: Settings) -> list[Voice]:
    """Voices that differ in their posts; their weights are the built-in base's own."""
    voices = []
    for number in range(VOICES):
        scratch = settings.voices / f"bench{number}"
        scratch.mkdir(parents=True)
        voice = builtin_voice(scratch)
        folder = voice.folder.rename(settings.voices / f"key{number}")
        scratch.rmdir()
        record = dataclasses.replace(voice.record, key=f"key{number}", handles=(f"bench{number}",))
        write_json(folder / POSTS, texts(500, seed=number))
        write_json(folder / RECORD, record.to_json())
        voices.append(Voice(record, folder))
        await store.voices.add(record.key, record.name, record.handles, record.base, 4.0, 3.0, record.to_json())
    return voices


@contextlib.asynccontextmanager
async def bot_process(server: DiscordServer, settings: Settings) -> AsyncIterator[psutil.Process]:
    """The bot as people run it, connected to the server."""
    environment = os.environ | {
        "MYNAH_HOME": str(settings.home),
        "MYNAH_OFFLINE": "true",
        "MYNAH_DISCORD__TOKEN": server.token,
        "MYNAH_DISCORD__API_BASE": server.api_base,
        "MYNAH_DISCORD__GATEWAY_URL": server.gateway_url,
        "MYNAH_DISCORD__PERSON_ANSWERS": "0",
        "MYNAH_DISCORD__CHANNEL_ANSWERS": "0",
        "MYNAH_HEALTH__PORT": "0",
    }
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "bot", "bot", env=environment)
    try:
        await server.until(lambda: server.gateway.identified, seconds=60)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        await process.wait()


async def burst(server: DiscordServer, channels: list[Channel]) -> dict[str, Any]:
    """Send all mentions, wait for all replies; seconds from one to the other."""
    people = [server.add_user(f"person{number}") for number in range(MENTIONS)]
    sent: dict[int, float] = {}
    for number, person in enumerate(people):
        channel = channels[number % len(channels)]
        mention = server.say(channel, person, QUESTIONS[number % len(QUESTIONS)], mentions=[server.bot])
        sent[mention.id] = time.monotonic()
    answered: Counter[int] = Counter()
    waits: list[float] = []
    acknowledged: list[float] = []
    deadline = time.monotonic() + PATIENCE
    while len(answered) < MENTIONS and time.monotonic() < deadline:
        started = time.monotonic()
        await server.slash(channels[0], people[0], "help")
        acknowledged.append(time.monotonic() - started)
        answered, waits = replies(server, channels, sent)
        await asyncio.sleep(0.2)
    await asyncio.sleep(2)  # a second answer would come now
    answered, waits = replies(server, channels, sent)
    return {
        "answered_once": sum(count == 1 for count in answered.values()),
        "answered_twice": sum(count > 1 for count in answered.values()),
        "p50_s": round(statistics.median(waits), 2),
        "p95_s": round(statistics.quantiles(waits, n=20)[-1], 2),
        "acknowledged_s": round(max(acknowledged), 3),
    }


def replies(
    server: DiscordServer, channels: list[Channel], sent: dict[int, float]
) -> tuple[Counter[int], list[float]]:
    """How often each mention was answered, and after how many seconds first."""
    found = [
        message
        for channel in channels
        for message in server.sent_messages(channel)
        if message.reply_to is not None and message.reply_to.id in sent
    ]
    waits = [message.arrived - sent[message.reply_to.id] for message in found if message.reply_to is not None]
    return Counter(message.reply_to.id for message in found if message.reply_to is not None), waits


@contextlib.asynccontextmanager
async def training(store: Store, settings: Settings, count: int) -> AsyncIterator[None]:
    """So many runs in work, each by a trainer of its own."""
    environment = os.environ | {"MYNAH_HOME": str(settings.home), "MYNAH_OFFLINE": "true"}
    for number in range(count):
        await bring(store, f"learner{number}", 4000, seed=number)
        await ask_for_voice(store, settings, [f"learner{number}"], base_name=BUILTIN)
    command = (sys.executable, "-m", "bot", "trainer")
    trainers = [await asyncio.create_subprocess_exec(*command, env=environment) for _ in range(count)]
    try:
        while sum(run.progress != {} for run in await store.runs.active()) < count:  # noqa: ASYNC110 - a process
            await asyncio.sleep(0.2)
        yield
    finally:
        for trainer in trainers:
            trainer.terminate()
        for trainer in trainers:
            await trainer.wait()


async def measure(trainings: int) -> dict[str, Any]:
    """The whole case once."""
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home), offline=True, _env_file=None)
        async with open_store(settings.database) as store, DiscordServer() as server:
            voices = await add_voices(store, settings)
            channels = [server.world.add_channel(server.guild, f"channel{n}") for n in range(CHANNELS)]
            place = f"discord:{server.guild.id}"
            for number, channel in enumerate(channels):
                name = voices[number % VOICES].record.name
                await store.places.set_voice(
                    ChannelVoice(channel_of(channel), place, name, person_of(server.person))
                )
            await register_commands(server)
            async with training(store, settings, trainings), bot_process(server, settings) as process:
                figures = await burst(server, channels)
                figures["bot_mb"] = round(process.memory_info().rss / 2**20)
    return {"mentions": MENTIONS, "trainings": trainings, **figures}


async def register_commands(server: DiscordServer) -> None:
    """What `mynah discord sync` does once per release."""
    environment = os.environ | {
        "MYNAH_DISCORD__TOKEN": server.token,
        "MYNAH_DISCORD__API_BASE": server.api_base,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "discord", "sync", env=environment, stdout=subprocess.DEVNULL
    )
    assert await process.wait() == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trainings", type=int, default=0, help="Runs that train meanwhile.")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = asyncio.run(measure(arguments.trainings))
    if arguments.json:
        print_json(figures)
    else:
        out.print(", ".join(f"{name} {value}" for name, value in figures.items()))
    if figures["answered_once"] != MENTIONS:
        raise SystemExit("Not every mention was answered exactly once.")


if __name__ == "__main__":
    main()
