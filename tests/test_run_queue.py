"""The run queue's rules, one process: order, leases, attempts, cancelling, and the fence against late workers."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from data.store import Run, RunQueue, RunWish, open_store

EXPIRED = -1.0  # a lease that is over before it begins stands for a worker that fell silent


@pytest.fixture
async def queue(tmp_path: Path) -> AsyncIterator[RunQueue]:
    async with open_store(f"sqlite+aiosqlite:///{tmp_path / 'mynah.db'}") as store:
        yield store.runs


def wish(key: str = "k1") -> RunWish:
    return RunWish(key, ("keeper", "vacuum"), "builtin", {"epochs": 4}, "ann")


async def claimed(queue: RunQueue, worker: str = "w1", lease_seconds: float = 60, max_attempts: int = 3) -> Run:
    run = await queue.claim(worker, lease_seconds, max_attempts)
    assert run is not None
    return run


async def state(queue: RunQueue, run: Run) -> str:
    found = await queue.get(run.id)
    assert found is not None
    return found.state


class TestAsking:
    async def test_a_wish_becomes_a_run(self, queue: RunQueue) -> None:
        run, created = await queue.enqueue(wish())
        assert created
        assert await queue.get(run.id) == run
        assert (run.state, run.attempts, run.handles, run.recipe) == (
            "queued",
            0,
            ("keeper", "vacuum"),
            {"epochs": 4},
        )
        assert await queue.get(run.id + 1) is None

    async def test_the_same_voice_is_one_run_until_that_has_ended(self, queue: RunQueue) -> None:
        first, _ = await queue.enqueue(wish())
        assert await queue.enqueue(wish()) == (first, False)
        run = await claimed(queue)
        assert await queue.enqueue(wish()) == (run, False)
        assert (await queue.enqueue(wish("k2")))[1]
        await queue.finish(run)
        again, created = await queue.enqueue(wish())
        assert created
        assert again.id != first.id

    async def test_many_tasks_at_once_ask_for_one_voice(self, queue: RunQueue) -> None:
        answers = await asyncio.gather(*(queue.enqueue(wish()) for _ in range(12)))
        assert sum(created for _, created in answers) == 1
        assert len({run.id for run, _ in answers}) == 1

    async def test_places_in_the_queue(self, queue: RunQueue) -> None:
        runs = [(await queue.enqueue(wish(key)))[0] for key in ("k1", "k2", "k3")]
        assert [await queue.place(run.id) for run in runs] == [1, 2, 3]
        await claimed(queue)
        assert [await queue.place(run.id) for run in runs] == [0, 1, 2]
        assert await queue.place(99) == 0
        assert [run.voice_key for run in await queue.active()] == ["k1", "k2", "k3"]


class TestClaiming:
    async def test_the_oldest_comes_first_and_none_comes_twice(self, queue: RunQueue) -> None:
        for key in ("k1", "k2"):
            await queue.enqueue(wish(key))
        first, second = await claimed(queue), await claimed(queue, "w2")
        assert [first.voice_key, second.voice_key] == ["k1", "k2"]
        assert (first.state, first.worker, first.attempts) == ("running", "w1", 1)
        assert first.started_at is not None
        assert await queue.claim("w3", 60, 3) is None

    async def test_a_silent_worker_loses_its_run_and_all_say_in_it(self, queue: RunQueue) -> None:
        await queue.enqueue(wish())
        late = await claimed(queue, "late", EXPIRED)
        heir = await claimed(queue, "heir")
        assert (heir.id, heir.attempts, heir.started_at) == (late.id, 2, late.started_at)
        assert await queue.heartbeat(late, 60, {"step": 1}) == "lost"
        for ending in (queue.finish(late), queue.fail(late, "no", retry=True), queue.release(late)):
            assert not await ending
        assert not await queue.cancelled(late)
        assert await queue.get(heir.id) == heir
        assert await queue.finish(heir)

    async def test_the_same_worker_is_fenced_from_its_own_earlier_claim(self, queue: RunQueue) -> None:
        await queue.enqueue(wish())
        earlier = await claimed(queue, "w1", EXPIRED)
        await claimed(queue, "w1")
        assert await queue.heartbeat(earlier, 60, {}) == "lost"

    async def test_a_heartbeat_keeps_the_run_and_shows_progress(self, queue: RunQueue) -> None:
        await queue.enqueue(wish())
        run = await claimed(queue, lease_seconds=EXPIRED)
        assert await queue.heartbeat(run, 60, {"step": 5, "loss": 3.5}) == "go on"
        assert await queue.claim("w2", 60, 3) is None
        found = await queue.get(run.id)
        assert found is not None
        assert found.progress == {"step": 5, "loss": 3.5}
        assert found == replace(run, progress=found.progress, lease_until=found.lease_until)


class TestEnding:
    async def test_done(self, queue: RunQueue) -> None:
        await queue.enqueue(wish())
        run = await claimed(queue)
        assert await queue.finish(run)
        assert not await queue.finish(run)
        [ended] = await queue.history()
        assert (ended.state, ended.worker, ended.lease_until, ended.error) == ("done", None, None, None)
        assert ended.finished_at is not None
        assert await queue.active() == []

    async def test_history_is_newest_first_and_limited(self, queue: RunQueue) -> None:
        for key in ("k1", "k2", "k3"):
            await queue.enqueue(wish(key))
            await queue.finish(await claimed(queue))
        assert [run.voice_key for run in await queue.history(limit=2)] == ["k3", "k2"]

    async def test_a_failure_is_tried_again_while_attempts_remain(self, queue: RunQueue) -> None:
        await queue.enqueue(wish())
        states = []
        for _ in range(2):
            run = await claimed(queue, max_attempts=2)
            assert await queue.fail(run, "The memory ran out; try a smaller base.", retry=True)
            states.append(await state(queue, run))
        assert states == ["queued", "failed"]
        [ended] = await queue.history()
        assert (ended.attempts, ended.error) == (2, "The memory ran out; try a smaller base.")

    async def test_success_after_a_failure_leaves_no_error(self, queue: RunQueue) -> None:
        await queue.enqueue(wish())
        await queue.fail(await claimed(queue), "The disk is full.", retry=True)
        await queue.finish(await claimed(queue))
        assert [run.error for run in await queue.history()] == [None]

    async def test_a_final_failure_is_not_tried_again(self, queue: RunQueue) -> None:
        await queue.enqueue(wish())
        run = await claimed(queue)
        assert await queue.fail(run, "The loss is not a number.", retry=False)
        assert await state(queue, run) == "failed"

    async def test_a_released_run_keeps_its_place_and_its_attempt(self, queue: RunQueue) -> None:
        for key in ("k1", "k2"):
            await queue.enqueue(wish(key))
        run = await claimed(queue, max_attempts=1)
        assert await queue.release(run)
        again = await claimed(queue, "w2", max_attempts=1)
        assert (again.id, again.attempts) == (run.id, 1)
        assert await queue.heartbeat(run, 60, {}) == "lost"

    async def test_reaping_gives_up_what_nobody_will_claim(self, queue: RunQueue) -> None:
        for key in ("dead", "cancelled", "alive", "waiting"):
            await queue.enqueue(wish(key))
        dead = await claimed(queue, lease_seconds=EXPIRED, max_attempts=1)
        flagged = await claimed(queue, max_attempts=1)
        await queue.cancel(flagged.id)
        assert await queue.heartbeat(flagged, EXPIRED, {}) == "cancel"
        alive = await claimed(queue, max_attempts=1)
        ended = {run.voice_key: run for run in await queue.reap(1)}
        assert {key: run.state for key, run in ended.items()} == {"dead": "failed", "cancelled": "cancelled"}
        assert "1 attempts" in (ended["dead"].error or "")
        assert await queue.heartbeat(dead, 60, {}) == "lost"
        assert await queue.heartbeat(alive, 60, {}) == "go on"
        assert await queue.reap(1) == []

    async def test_reaping_leaves_what_may_still_be_tried(self, queue: RunQueue) -> None:
        await queue.enqueue(wish())
        await claimed(queue, lease_seconds=EXPIRED)
        assert await queue.reap(3) == []
        assert (await claimed(queue, "w2")).attempts == 2


class TestCancelling:
    async def test_what_waits_is_cancelled_at_once(self, queue: RunQueue) -> None:
        run, _ = await queue.enqueue(wish())
        cancelled = await queue.cancel(run.id)
        assert cancelled is not None
        assert cancelled.state == "cancelled"
        assert cancelled.finished_at is not None
        assert await queue.claim("w1", 60, 3) is None
        assert await queue.cancel(99) is None

    async def test_a_worker_is_told_and_ends_it(self, queue: RunQueue) -> None:
        await queue.enqueue(wish())
        run = await claimed(queue)
        flagged = await queue.cancel(run.id)
        assert flagged is not None
        assert (flagged.state, flagged.cancel_requested, flagged.finished_at) == ("running", True, None)
        assert await queue.heartbeat(run, 60, {}) == "cancel"
        assert await queue.cancelled(run)
        assert await state(queue, run) == "cancelled"

    async def test_what_a_dead_worker_left_is_cancelled_at_once(self, queue: RunQueue) -> None:
        await queue.enqueue(wish())
        run = await claimed(queue, lease_seconds=EXPIRED)
        await queue.cancel(run.id)
        assert await state(queue, run) == "cancelled"
        assert await queue.heartbeat(run, 60, {}) == "cancel"

    async def test_a_cancelled_run_is_never_taken_up_again(self, queue: RunQueue) -> None:
        await queue.enqueue(wish())
        run = await claimed(queue)
        await queue.cancel(run.id)
        await queue.heartbeat(run, EXPIRED, {})
        assert await queue.claim("w2", 60, 3) is None
        assert await queue.fail(run, "The child was killed.", retry=True)
        assert await state(queue, run) == "failed"

    async def test_an_ended_run_stays_as_it_is(self, queue: RunQueue) -> None:
        await queue.enqueue(wish())
        run = await claimed(queue)
        await queue.finish(run)
        before = await queue.get(run.id)
        assert await queue.cancel(run.id) == before


class TestPresence:
    async def test_trainers_are_counted_while_they_give_signs_of_life(self, queue: RunQueue) -> None:
        assert await queue.live_trainers(10) == 0
        for worker in ("w1", "w2", "w1"):
            await queue.beat(worker, 1234)
        assert await queue.live_trainers(10) == 2
        await queue.leave("w2")
        assert await queue.live_trainers(10) == 1
        await asyncio.sleep(0.02)
        assert await queue.live_trainers(0.01) == 0
