"""Importing an X archive of 200 MB, made up beforehand: read, store, clean and count, as `mynah import` does.

Beside it stands reading alone, and an archive a quarter as large: memory that grows with the file is not bounded.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from bench.figures import Condition, Reading, Spread
from bench.workload import Group, Measurement, Results, Side, Terms

WHOLE, QUARTER, READ_ONLY = "whole", "quarter", "reading alone"
MEGABYTES, QUICK_MEGABYTES = 200, 12
GROWTH = 0.5  # MB of memory for each further MB of the archive, at most


def _size(terms: Terms, share: float) -> int:
    return int((QUICK_MEGABYTES if terms.quick else MEGABYTES) * share * 1e6)


def _archive(terms: Terms, share: float) -> Path:
    return terms.scratch / f"x_archive{_size(terms, share)}"


def prepare(terms: Terms) -> Measurement:
    from bench.archive import write_archive

    for share in (1.0, 0.25):
        folder = _archive(terms, share)
        if not folder.exists():
            write_archive(folder, _size(terms, share))
    return Measurement()


async def _import(archive: Path, scratch: Path) -> dict[str, float]:
    from data.collect import collect
    from data.settings import ImportSettings
    from data.store import open_store

    size = (archive / "data" / "tweets.js").stat().st_size
    with tempfile.TemporaryDirectory(dir=scratch) as home:
        async with open_store(f"sqlite+aiosqlite:///{home}/mynah.db") as store:
            started = time.perf_counter()
            collected = await collect(store, archive, bounds=ImportSettings(), consent="made for the bench")
            seconds = time.perf_counter() - started
    return {
        "mb_per_s": size / 1e6 / seconds,
        "posts_per_s": collected.added.new / seconds,
        "posts": collected.added.new,
        "bytes_a_post": size / collected.added.new,
        "kept": collected.corpus.counts.kept,
    }


def whole(terms: Terms) -> Measurement:
    return Measurement(asyncio.run(_import(_archive(terms, 1.0), terms.scratch)))


def quarter(terms: Terms) -> Measurement:
    return Measurement(asyncio.run(_import(_archive(terms, 0.25), terms.scratch)))


def reading_alone(terms: Terms) -> Measurement:
    from data.settings import ImportSettings
    from data.sources import read_posts

    archive = _archive(terms, 1.0)
    started = time.perf_counter()
    posts = sum(1 for _ in read_posts(archive, bounds=ImportSettings()).posts)
    seconds = time.perf_counter() - started
    size = (archive / "data" / "tweets.js").stat().st_size / 1e6
    return Measurement({"mb_per_s": size / seconds, "posts_per_s": posts / seconds})


def read(results: Results) -> Mapping[str, Reading]:
    figures = [measurement.figures for measurement in results[WHOLE]]
    memory = statistics.median(measurement.rss_mb for measurement in results[WHOLE])
    conditions: tuple[Condition, ...] = ()
    beside = {
        "peak_rss_mb": memory,
        "posts_per_s": statistics.median(one["posts_per_s"] for one in figures),
        "bytes_a_post": figures[0]["bytes_a_post"],
    }
    if QUARTER in results:
        smaller = statistics.median(measurement.rss_mb for measurement in results[QUARTER])
        size = figures[0]["posts"] * figures[0]["bytes_a_post"] / 1e6
        growth = (memory - smaller) / (0.75 * size)
        conditions = (
            Condition("memory is bounded: MB for a further MB of the archive", growth <= GROWTH, growth),
        )
    if READ_ONLY in results:
        alone = results[READ_ONLY]
        beside["reading_alone_mb_per_s"] = statistics.median(one.figures["mb_per_s"] for one in alone)
        beside["reading_alone_rss_mb"] = statistics.median(one.rss_mb for one in alone)
    return {"import.mb_per_s": Reading(Spread.of([one["mb_per_s"] for one in figures]), conditions, beside)}


GROUP = Group(
    "importing",
    ("import.mb_per_s",),
    (
        Side(WHOLE, whole, prepare),
        Side(QUARTER, quarter, prepare, in_quick=False),
        Side(READ_ONLY, reading_alone, prepare),
    ),
    read,
)
