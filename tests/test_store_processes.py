"""The store under several real processes at once, one of them killed in the middle of its work."""

import asyncio
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import TypeVar

import pytest

from data.posts import Post, Provenance
from data.store import Run, RunWish, open_store

Answer = TypeVar("Answer")
Together = Callable[..., list[Answer]]

PROCESSES = 8
SPAWN = multiprocessing.get_context("spawn")
PROVENANCE = Provenance("jsonl", "posts.jsonl", "ab" * 32, datetime(2024, 5, 1, tzinfo=UTC), "owner of the file")

_barriers: list[Barrier] = []  # of this process, where it is one of the pool


def url_of(file: Path) -> str:
    return f"sqlite+aiosqlite:///{file}"


def wish(key: str) -> RunWish:
    return RunWish(key, ("keeper",), "builtin", {}, f"process {os.getpid()}")


def _join_pool(barrier: Barrier) -> None:
    _barriers.append(barrier)


def _start_together(job: Callable[[Path], Answer], file: Path) -> Answer:
    _barriers[0].wait(timeout=30)
    return job(file)


@pytest.fixture(scope="module")
def together() -> Iterator[Together[object]]:
    """Run a job in 8 processes that begin at the same moment; gives their answers."""
    with ProcessPoolExecutor(
        PROCESSES, mp_context=SPAWN, initializer=_join_pool, initargs=(SPAWN.Barrier(PROCESSES),)
    ) as pool:

        def run(job: Callable[[Path], Answer], file: Path) -> list[Answer]:
            return [job.result() for job in [pool.submit(_start_together, job, file) for _ in range(PROCESSES)]]

        yield run


def open_new(file: Path) -> int:
    async def work() -> int:
        async with open_store(url_of(file)) as store:
            run, _ = await store.runs.enqueue(wish(f"voice of {os.getpid()}"))
            return run.id

    return asyncio.run(work())


def test_a_new_database_is_opened_by_all_at_once(together: Together[int], tmp_path: Path) -> None:
    for attempt in range(5):  # a fresh file each time, as only its first moments are of interest
        runs = together(open_new, tmp_path / f"{attempt}" / "mynah.db")
        assert sorted(runs) == list(range(1, PROCESSES + 1))


def ask(file: Path) -> list[tuple[int, bool]]:
    async def work() -> list[tuple[int, bool]]:
        async with open_store(url_of(file)) as store:
            answers = [await store.runs.enqueue(wish(f"k{number}")) for number in range(10)]
            return [(run.id, created) for run, created in answers]

    return asyncio.run(work())


def test_all_ask_for_the_same_voices_at_once(together: Together[list[tuple[int, bool]]], tmp_path: Path) -> None:
    answers = together(ask, tmp_path / "mynah.db")
    for voice in zip(*answers, strict=True):
        assert len({run for run, _ in voice}) == 1
        assert sum(created for _, created in voice) == 1


def work_off(file: Path) -> list[int]:
    async def work() -> list[int]:
        done = []
        async with open_store(url_of(file)) as store:
            while run := await store.runs.claim(f"worker {os.getpid()}", 60, 3):
                assert await store.runs.heartbeat(run, 60, {"step": 1}) == "go on"
                assert await store.runs.finish(run)
                done.append(run.id)
        return done

    return asyncio.run(work())


async def test_each_run_is_claimed_exactly_once(together: Together[list[int]], tmp_path: Path) -> None:
    async with open_store(url_of(tmp_path / "mynah.db")) as store:
        for number in range(40):
            await store.runs.enqueue(wish(f"k{number}"))
        done = await asyncio.to_thread(together, work_off, tmp_path / "mynah.db")
        assert sorted(run for runs in done for run in runs) == list(range(1, 41))
        assert sum(bool(runs) for runs in done) > 1  # or it was no test of several
        history = await store.runs.history()
        assert [(run.state, run.attempts) for run in history] == [("done", 1)] * 40


def write_much(file: Path) -> int:
    async def work() -> int:
        async with open_store(url_of(file)) as store:
            for number in range(5):
                await store.posts.add(
                    "keeper", [Post(str(start), "keeper", f"by {os.getpid()}") for start in range(300)], PROVENANCE
                )
                await store.runs.beat(f"worker {os.getpid()}", os.getpid())
                await store.replies.count_rejections("k1", {"link": 1, "copy": number})
        return os.getpid()

    return asyncio.run(work())


async def test_writers_wait_for_each_other(together: Together[int], tmp_path: Path) -> None:
    pids = await asyncio.to_thread(together, write_much, tmp_path / "mynah.db")
    async with open_store(url_of(tmp_path / "mynah.db")) as store:
        assert len(await store.posts.posts("keeper")) == 300
        assert len(await store.posts.imports("keeper")) == 5 * PROCESSES
        assert await store.runs.live_trainers(60) == len(set(pids)) == PROCESSES
        assert await store.replies.rejections() == {"link": 5 * PROCESSES, "copy": 10 * PROCESSES}


def claim_and_hold(file: Path) -> None:
    async def work() -> None:
        async with open_store(url_of(file)) as store:
            run = await store.runs.claim("victim", 0.3, 3)
            assert run is not None
            for step in range(1_000):
                await store.runs.heartbeat(run, 0.3, {"step": step})
                await asyncio.sleep(0.02)

    asyncio.run(work())


async def test_a_killed_workers_run_is_taken_over(tmp_path: Path) -> None:
    file = tmp_path / "mynah.db"
    async with open_store(url_of(file)) as store:
        run, _ = await store.runs.enqueue(wish("k1"))
        process = SPAWN.Process(target=claim_and_hold, args=(file,))
        process.start()

        async def at_work() -> Run:
            while True:
                found = await store.runs.get(run.id)
                if found is not None and found.progress.get("step", 0) >= 3:
                    return found
                await asyncio.sleep(0.02)

        victim = await asyncio.wait_for(at_work(), 20)
        assert await store.runs.claim("heir", 60, 3) is None
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        await asyncio.to_thread(process.join)

        give_up_at = time.monotonic() + 10
        while (heir := await store.runs.claim("heir", 60, 3)) is None:
            assert time.monotonic() < give_up_at
            await asyncio.sleep(0.02)
        assert (heir.id, heir.attempts, heir.worker) == (run.id, 2, "heir")
        assert heir.progress == {**victim.progress, "step": heir.progress["step"]}
        assert await store.runs.heartbeat(victim, 60, {}) == "lost"
        assert not await store.runs.finish(victim)
        assert await store.runs.finish(heir)
