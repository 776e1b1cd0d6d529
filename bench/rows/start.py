"""From the start of the bot to its first reply: CPU seconds and memory, a voice on 124 M parameters compiled.

The bot runs with its defaults, so the first reply is the best of ten candidates, and the posts of the voice are
indexed for the gates. Beside it: a process that imports transformers, loads the merged voice and draws as many.
"""

import asyncio
import compileall
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from bench import shape
from bench.figures import Reading, Spread
from bench.peers import generate
from bench.process import cpu_seconds, peak_rss_mb
from bench.workload import CannotRunError, Group, Measurement, Results, Side, Terms

ROOT = Path(__file__).parent.parent.parent
OURS, PLAIN = "ours", "transformers"
PATIENCE = 60.0  # seconds for one reply
QUESTION = "What about the fog?"


def prepare_ours(terms: Terms) -> Measurement:
    """The compiled graph, pages of the weights in memory, bytecode: the bot was installed and started before."""
    from bench.voices import adapter_voice
    from trainer.engine import open_engine

    with tempfile.TemporaryDirectory(dir=terms.scratch) as folder:
        voice = adapter_voice(shape.base_folder(terms), Path(folder, "voice"))
        open_engine("cpu", terms.scratch / "cache").load(voice)
    # Where whoever measures forbids Python to write any, each start compiled 170 files: 0.2 to 0.3 seconds of CPU.
    for layer in ("bot", "trainer", "data"):
        compileall.compile_dir(ROOT / layer, quiet=1)
    return Measurement()


def ours(terms: Terms) -> Measurement:
    return Measurement(asyncio.run(_first_reply(terms)))


async def _first_reply(terms: Terms) -> dict[str, float]:
    from bench.loopback import bot_process, let_speak, settings_in
    from bench.voices import adapter_voice, enter
    from data.store import open_store
    from tests.discord_server import DiscordServer

    with tempfile.TemporaryDirectory(dir=terms.scratch) as home:
        settings = settings_in(Path(home))
        settings.cache.symlink_to(terms.scratch / "cache")
        async with open_store(settings.database) as store, DiscordServer() as server:
            voice = await enter(store, adapter_voice(shape.base_folder(terms), settings.voices / "key"))
            await let_speak(store, server, [server.channel], [voice])
            started = time.monotonic()
            async with bot_process(server, settings) as process:
                times = process.cpu_times()
                ready = {"cpu_to_ready": times.user + times.system, "seconds_to_ready": time.monotonic() - started}
                mention = server.say(server.channel, server.person, QUESTION, mentions=[server.bot])
                while not any(
                    message.reply_to is not None and message.reply_to.id == mention.id
                    for message in server.sent_messages(server.channel)
                ):
                    if time.monotonic() > started + PATIENCE:
                        raise CannotRunError(f"The bot said nothing within {PATIENCE:.0f} seconds.")
                    await asyncio.sleep(0.01)
                times = process.cpu_times()
                return ready | {
                    "cpu_seconds": times.user + times.system,
                    "seconds": time.monotonic() - started,
                    "bot_mb": peak_rss_mb(process.pid),
                }


def prepare_transformers(terms: Terms) -> Measurement:
    shape.merged_folder(terms)
    return Measurement()


def transformers(terms: Terms) -> Measurement:
    generate.load(shape.merged_folder(terms), "The fog", terms.threads)(10, 50, False)
    return Measurement({"cpu_seconds": cpu_seconds(), "bot_mb": peak_rss_mb()})


def read(results: Results) -> Mapping[str, Reading]:
    def found(side: str, figure: str) -> list[float]:
        return [measurement.figures[figure] for measurement in results[side]]

    names = ("cpu_to_ready", "seconds_to_ready", "seconds")
    beside = {name: statistics.median(found(OURS, name)) for name in names}
    against = (
        {
            "cpu_share_of_transformers": Spread.of_ratios(
                found(OURS, "cpu_seconds"), found(PLAIN, "cpu_seconds")
            ).median,
            "rss_share_of_transformers": Spread.of_ratios(found(OURS, "bot_mb"), found(PLAIN, "bot_mb")).median,
        }
        if PLAIN in results
        else {}
    )
    return {
        "start.cpu_seconds": Reading(Spread.of(found(OURS, "cpu_seconds")), (), beside | against),
        "start.rss_mb": Reading(Spread.of(found(OURS, "bot_mb"))),
    }


GROUP = Group(
    "start",
    ("start.cpu_seconds", "start.rss_mb"),
    (Side(OURS, ours, prepare_ours), Side(PLAIN, transformers, prepare_transformers, in_quick=False)),
    read,
)
