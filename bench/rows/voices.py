"""What many voices cost: a further one on 124 M parameters, and a thousand on the built-in base.

Requests go through the imitator, as in the bot: a voice that was not asked before is read, and its posts are
indexed for the gates. The thousand are a few sets of weights, linked: each is loaded and compiled like any other,
but they take up less of the disk and of what the system keeps of it in memory than a thousand of their own would.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench import shape
from bench.figures import Condition, Reading, Spread
from bench.posts import drawn_posts
from bench.workload import Group, Measurement, Results, Side, Terms

if TYPE_CHECKING:
    from bot.imitator import Imitator
    from trainer.voice import Voice

SWITCHING, ONE, THOUSAND = "switching", "one voice", "a thousand voices"
FURTHER, ROUND_TRIPS = 6, 10
VOICES, QUICK_VOICES = 1000, 20
WEIGHTS = 16  # sets that the thousand share
POSTS = 300  # of each of the thousand
DURABLE_MB = 5.0  # a voice on disk, at most
IN_FLIGHT = 8


def prepare(terms: Terms) -> Measurement:
    """Sets of weights that differ for the cache of graphs, and all graphs compiled: as if spoken with before."""
    from safetensors.numpy import load_file, save_file

    from bench.rows.start import prepare_ours
    from bench.voices import builtin_voice
    from trainer.bases import BUILTIN_FOLDER
    from trainer.engine import open_engine

    prepare_ours(terms)
    tensors = load_file(BUILTIN_FOLDER / "model.safetensors")
    for number in range(4 if terms.quick else WEIGHTS):
        weights = terms.scratch / f"weights{number}.safetensors"
        if not weights.exists():
            save_file(tensors, weights, {"number": str(number)})
            with tempfile.TemporaryDirectory(dir=terms.scratch) as folder:
                open_engine("cpu", terms.scratch / "cache").load(builtin_voice(Path(folder, "voice"), (), weights))
    return Measurement()


async def _propose(imitator: "Imitator", voice: "Voice", count: int) -> float:
    """Seconds of one request."""
    from bench.voices import OPENING
    from bot.fronts.terminal import TERMINAL

    started = time.perf_counter()
    await imitator.propose(voice, OPENING, count, occasion=TERMINAL)
    return time.perf_counter() - started


def switching(terms: Terms) -> Measurement:
    return Measurement(asyncio.run(_switching(terms)))


async def _switching(terms: Terms) -> dict[str, float]:
    from bench.loopback import settings_in
    from bench.voices import adapter_voice, enter
    from bot.cli.speak import open_imitator
    from data.settings import SpeakSettings
    from data.store import open_store

    base = shape.base_folder(terms)
    with tempfile.TemporaryDirectory(dir=terms.scratch) as home:
        # Two tokens: what a request costs in any case is subtracted, and should be small beside the switch.
        settings = settings_in(Path(home)).model_copy(update={"speak": SpeakSettings(max_tokens=2)})
        settings.cache.symlink_to(terms.scratch / "cache")
        async with open_store(settings.database) as store, open_imitator(settings, store) as imitator:
            voices = [
                await enter(store, adapter_voice(base, settings.voices / f"key{number}", number))
                for number in range(1 + FURTHER)
            ]

            async def switch(voice: "Voice") -> tuple[float, float]:
                """Seconds of the first request to a voice, and of a second one that changes nothing."""
                return await _propose(imitator, voice, 1), await _propose(imitator, voice, 1)

            await switch(voices[0])  # loads the base
            cold = [await switch(voice) for voice in voices[1:]]
            warm = [await switch(voice) for voice in voices[:2] * ROUND_TRIPS]
            files = [file for file in voices[0].folder.iterdir() if file.is_file()]
            adapter = (voices[0].folder / "adapter_model.safetensors").stat().st_size
            return {
                "cold_ms": 1000 * statistics.median(first - second for first, second in cold),
                "warm_ms": 1000 * statistics.median(first - second for first, second in warm),
                "same_ms": 1000 * statistics.median(second for _, second in warm),
                "durable_mb": sum(file.stat().st_size for file in files) / 1e6,
                "adapter_mb": adapter / 1e6,
            }


def zipf(voices: int, requests: int) -> list[int]:
    """Which voice each request asks: the n-th 1/n times as often as the first."""
    import numpy

    shares = 1 / numpy.arange(1, voices + 1)
    chosen = numpy.random.default_rng(0).choice(voices, requests, p=shares / shares.sum())
    return [int(number) for number in chosen]


def one_voice(terms: Terms) -> Measurement:
    return Measurement(asyncio.run(_requests(terms, [0] * _count(terms))))


def thousand_voices(terms: Terms) -> Measurement:
    return Measurement(asyncio.run(_requests(terms, zipf(QUICK_VOICES if terms.quick else VOICES, _count(terms)))))


def _count(terms: Terms) -> int:
    return 40 if terms.quick else 500


async def _requests(terms: Terms, asked: Sequence[int]) -> dict[str, float]:
    """Requests for ten candidates: a fifth to warm up, then one after the other, then several at once."""
    from bench.loopback import settings_in
    from bench.voices import builtin_voice, enter
    from bot.cli.speak import open_imitator
    from data.settings import SpeakSettings
    from data.store import open_store

    with tempfile.TemporaryDirectory(dir=terms.scratch) as home:
        # So little memory in the quick run that there too most of its voices have to make room for others.
        memory = 128 if terms.quick else SpeakSettings().memory_mb
        speak = SpeakSettings(memory_mb=memory, max_tokens=50)
        settings = settings_in(Path(home)).model_copy(update={"speak": speak})
        settings.cache.symlink_to(terms.scratch / "cache")
        weights = sorted(terms.scratch.glob("weights*.safetensors"))
        async with open_store(settings.database) as store, open_imitator(settings, store) as imitator:
            voices = {
                number: await enter(
                    store,
                    builtin_voice(
                        settings.voices / f"key{number}",
                        drawn_posts(POSTS, number),
                        weights[number % len(weights)],
                    ),
                )
                for number in sorted(set(asked))
            }
            warm, timed = asked[: len(asked) // 5], asked[len(asked) // 5 :]
            for number in warm:
                await _propose(imitator, voices[number], 10)
            started = time.perf_counter()
            for number in timed:
                await _propose(imitator, voices[number], 10)
            in_turn = time.perf_counter() - started
            together = await _several_at_once(imitator, [voices[number] for number in timed])
            return {
                "per_second": len(timed) / in_turn,
                "per_second_at_once": len(timed) / together,
                "memory_setting_mb": memory,
                "voices_asked": len(voices),
            }


async def _several_at_once(imitator: "Imitator", voices: "Sequence[Voice]") -> float:
    """Seconds for all requests, so many in flight at any time."""
    waiting = iter(voices)

    async def person() -> None:
        for voice in waiting:  # shared: whoever is answered asks the next
            await _propose(imitator, voice, 10)

    started = time.perf_counter()
    await asyncio.gather(*(person() for _ in range(IN_FLIGHT)))
    return time.perf_counter() - started


def read(results: Results) -> Mapping[str, Reading]:
    readings = {}
    if SWITCHING in results:
        figures = [measurement.figures for measurement in results[SWITCHING]]
        durable = max(one["durable_mb"] for one in figures)
        readings["voices.cold_switch_ms"] = Reading(
            Spread.of([one["cold_ms"] for one in figures]),
            (Condition("a voice takes at most 5 MB on disk", durable <= DURABLE_MB, durable),),
            {"adapter_mb": figures[0]["adapter_mb"], "same_voice_ms": figures[0]["same_ms"]},
        )
        readings["voices.warm_switch_ms"] = Reading(Spread.of([one["warm_ms"] for one in figures]))
    if ONE in results and THOUSAND in results:
        single, many = results[ONE], results[THOUSAND]
        further = max(
            other.rss_mb - one.rss_mb - other.figures["memory_setting_mb"]
            for one, other in zip(single, many, strict=True)
        )
        shares = {
            name: Spread.of_ratios([one.figures[name] for one in many], [one.figures[name] for one in single])
            for name in ("per_second", "per_second_at_once")
        }
        readings["voices.thousand_share"] = Reading(
            shares["per_second"],
            (
                Condition(
                    "memory above one voice's stays within the setting (MB beyond it)", further <= 0, further
                ),
            ),
            {
                f"share_with_{IN_FLIGHT}_in_flight": shares["per_second_at_once"].median,
                "requests_per_second": statistics.median(one.figures["per_second"] for one in many),
                "voices_asked": many[0].figures["voices_asked"],
            },
        )
    return readings


GROUP = Group(
    "voices",
    ("voices.cold_switch_ms", "voices.warm_switch_ms", "voices.thousand_share"),
    (
        Side(SWITCHING, switching, prepare),
        Side(ONE, one_voice, prepare),
        Side(THOUSAND, thousand_voices, prepare),
    ),
    read,
)
