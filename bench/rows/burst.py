"""200 mentions at once over 20 channels and 5 voices, answered by the real bot process on the built-in base.

Every one must be answered exactly once. While they wait, a slash command is sent again and again: the bot must
stay ready for others. A quarter of the mentions is measured too: batches make four times as many take less than
four times as long. `python -m bench.rows.burst --trainings N` lets N runs train meanwhile.
"""

import argparse
import asyncio
import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bench.figures import Condition, Reading, Spread
from bench.workload import Group, Measurement, Results, Side, Terms

if TYPE_CHECKING:
    from data.settings import Settings
    from data.store import Store
    from tests.discord_server import Channel, DiscordServer

CHANNELS, VOICES, MENTIONS, QUICK_MENTIONS = 20, 5, 200, 40
PATIENCE = 300.0  # seconds for the whole burst
SECOND_ANSWER = 2.0  # seconds in which one would come
QUESTIONS = ("What about the fog?", "How is the gull today?", "Tell me of the boat.", "Is there soup?", "Why?")


async def measure(mentions: int, trainings: int = 0) -> dict[str, float]:
    """The whole case once, in a home of its own."""
    from bench.loopback import bot_process, let_speak, register_commands, settings_in
    from bench.voices import builtin_voice, enter
    from data.store import open_store
    from tests.discord_server import DiscordServer
    from tests.posts import texts

    with tempfile.TemporaryDirectory() as home:
        settings = settings_in(Path(home))
        async with open_store(settings.database) as store, DiscordServer() as server:
            voices = [
                await enter(store, builtin_voice(settings.voices / f"key{number}", texts(500, seed=number)))
                for number in range(VOICES)
            ]
            channels = [server.world.add_channel(server.guild, f"channel{number}") for number in range(CHANNELS)]
            await let_speak(store, server, channels, voices)
            await register_commands(server, settings)
            async with training(store, settings, trainings), bot_process(server, settings) as process:
                figures = await burst(server, channels, mentions)
                return figures | {"bot_mb": process.memory_info().rss / 2**20, "mentions": mentions}


async def burst(server: "DiscordServer", channels: "list[Channel]", mentions: int) -> dict[str, float]:
    """Send all mentions, wait for all replies; seconds from one to the other."""
    people = [server.add_user(f"person{number}") for number in range(mentions)]
    sent: dict[int, float] = {}
    started = time.monotonic()
    for number, person in enumerate(people):
        channel = channels[number % len(channels)]
        mention = server.say(channel, person, QUESTIONS[number % len(QUESTIONS)], mentions=[server.bot])
        sent[mention.id] = time.monotonic()
    answered: Counter[int] = Counter()
    waits: list[float] = []
    acknowledged: list[float] = []
    while len(answered) < mentions and time.monotonic() < started + PATIENCE:
        asked = time.monotonic()
        await server.slash(channels[0], people[0], "help")
        acknowledged.append(time.monotonic() - asked)
        answered, waits = replies(server, channels, sent)
        await asyncio.sleep(0.2)
    ended = time.monotonic()
    await asyncio.sleep(SECOND_ANSWER)
    answered, waits = replies(server, channels, sent)
    return {
        "answered_once": sum(count == 1 for count in answered.values()),
        "p50_s": statistics.median(waits),
        "p95_s": statistics.quantiles(waits, n=20)[-1],
        "all_s": ended - started,
        "acknowledged_s": max(acknowledged),
    }


def replies(
    server: "DiscordServer", channels: "list[Channel]", sent: dict[int, float]
) -> tuple[Counter[int], list[float]]:
    """How often each mention was answered, and after how many seconds."""
    found = [
        (message.reply_to.id, message.arrived)
        for channel in channels
        for message in server.sent_messages(channel)
        if message.reply_to is not None and message.reply_to.id in sent
    ]
    return Counter(mention for mention, _ in found), [arrived - sent[mention] for mention, arrived in found]


@contextlib.asynccontextmanager
async def training(store: "Store", settings: "Settings", count: int) -> AsyncIterator[None]:
    """So many runs in work, each by a trainer of its own."""
    from tests.posts import bring
    from trainer.bases import BUILTIN
    from trainer.wish import ask_for_voice

    environment = os.environ | {"MYNAH_HOME": str(settings.home), "MYNAH_OFFLINE": "true"}
    for number in range(count):
        await bring(store, f"learner{number}", 4000, seed=number)
        await ask_for_voice(store, settings, [f"learner{number}"], base_name=BUILTIN)
    command = (sys.executable, "-m", "bot", "trainer")
    trainers = [
        await asyncio.create_subprocess_exec(*command, env=environment, cwd=settings.home) for _ in range(count)
    ]
    try:
        while sum(run.progress != {} for run in await store.runs.active()) < count:  # noqa: ASYNC110 - a process
            await asyncio.sleep(0.2)
        yield
    finally:
        for trainer in trainers:
            trainer.terminate()
        for trainer in trainers:
            await trainer.wait()


def whole(terms: Terms) -> Measurement:
    return Measurement(asyncio.run(measure(QUICK_MENTIONS if terms.quick else MENTIONS)))


def quarter(terms: Terms) -> Measurement:
    return Measurement(asyncio.run(measure(MENTIONS // 4)))


def read(results: Results) -> Mapping[str, Reading]:
    bursts = [measurement.figures for measurement in results["whole"]]
    once = all(figures["answered_once"] == figures["mentions"] for figures in bursts)
    conditions = [Condition("every mention is answered exactly once", once)]
    if "quarter" in results:
        longer = Spread.of_ratios(
            [figures["all_s"] for figures in bursts],
            [measurement.figures["all_s"] for measurement in results["quarter"]],
        ).median
        conditions.append(
            Condition("four times the mentions take less than four times as long", longer < 4, longer)
        )
    names = ("mentions", "p50_s", "all_s", "acknowledged_s", "bot_mb")
    beside = {name: statistics.median(figures[name] for figures in bursts) for name in names}
    return {"burst.p95_s": Reading(Spread.of([one["p95_s"] for one in bursts]), tuple(conditions), beside)}


GROUP = Group(
    "burst",
    ("burst.p95_s",),
    (Side("whole", whole), Side("quarter", quarter, in_quick=False)),
    read,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trainings", type=int, default=0, help="Runs that train meanwhile.")
    parser.add_argument("--mentions", type=int, default=MENTIONS)
    arguments = parser.parse_args()
    figures = asyncio.run(measure(arguments.mentions, arguments.trainings))
    print(", ".join(f"{name} {value:.4g}" for name, value in figures.items()))
    if figures["answered_once"] != arguments.mentions:
        raise SystemExit("Not every mention was answered exactly once.")


if __name__ == "__main__":
    main()
