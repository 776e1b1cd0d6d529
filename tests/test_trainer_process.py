"""The trainer as a process: whatever is killed at whatever moment, no run is lost and none is done twice."""

import asyncio
import dataclasses
import os
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from data.store import Run, RunWish, Store, open_store
from tests.posts import bring
from tests.processes import children, kill, start_trainer, trainer_running, until
from tests.tiny_voices import tiny_base
from trainer.recipe import Recipe
from trainer.voice import RECORD, Voice

QUICK = Recipe(epochs=2, block_size=32, batch=4, learning_rate=3e-3)
LONG = dataclasses.replace(QUICK, epochs=12, patience=1000)  # some seconds, so that kills find it at work
ENDLESS = dataclasses.replace(QUICK, epochs=100_000, patience=1_000_000)
KILLS = int(os.environ.get("MYNAH_TEST_KILLS", "6"))  # the figure in the release notes was taken with 20

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("base"))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(f"sqlite+aiosqlite:///{tmp_path / 'mynah.db'}") as opened:
        await bring(opened, "keeper")
        yield opened


async def ask(store: Store, base: Path, recipe: Recipe, key: str, handle: str = "keeper") -> Run:
    run, _ = await store.runs.enqueue(RunWish(key, (handle,), str(base), recipe.to_json(), "test"))
    return run


async def state_of(store: Store, run: Run) -> Run:
    current = await store.runs.get(run.id)
    assert current is not None
    return current


async def ended(store: Store, run: Run, seconds: float = 240) -> Run:
    async def check() -> Run | None:
        current = await state_of(store, run)
        return current if current.state in ("done", "failed", "cancelled") else None

    return await until(check, seconds)


async def at_work(store: Store, run: Run) -> Run:
    async def check() -> Run | None:
        current = await state_of(store, run)
        return current if current.progress.get("step", 0) > 3 else None

    return await until(check, 60)


def leftovers(home: Path) -> list[str]:
    return [str(path.relative_to(home)) for path in (home / "runs").rglob("*")]


async def test_runs_are_done_in_order_and_leave_whole_voices(store: Store, base: Path, tmp_path: Path) -> None:
    runs = [await ask(store, base, dataclasses.replace(QUICK, seed=seed), f"voice{seed}") for seed in (0, 1)]
    with trainer_running(tmp_path):
        done = [await ended(store, run) for run in runs]
    assert [run.state for run in done] == ["done", "done"]
    assert done[0].finished_at < done[1].started_at  # type: ignore[operator]  # both are set once done
    for run in done:
        voice = Voice.from_folder(tmp_path / "voices" / run.voice_key)
        row = await store.voices.get(run.voice_key)
        assert row is not None
        assert row.held_out_loss == voice.record.held_out_loss < voice.record.held_out_loss_before
    assert leftovers(tmp_path) == []


async def test_killed_at_random_moments_every_run_ends_done_and_none_twice(
    store: Store, base: Path, tmp_path: Path
) -> None:
    chance = random.Random(7)
    runs = [await ask(store, base, dataclasses.replace(LONG, seed=seed), f"voice{seed}") for seed in range(3)]
    trainer = start_trainer(tmp_path)
    try:
        for number in range(KILLS):
            await asyncio.sleep(chance.uniform(0.0, 6.0))
            victims = (["child"], ["trainer"], ["child", "trainer"], ["trainer", "child"])[number % 4]
            tuning = children(trainer)
            for victim in victims:
                for process in tuning if victim == "child" else [trainer]:
                    kill(process)
            if "trainer" in victims:
                trainer = start_trainer(tmp_path)
        done = [await ended(store, run, 120) for run in runs]
    finally:
        kill(trainer)
    assert [run.state for run in done] == ["done"] * len(runs), [run.error for run in done]
    history = await store.runs.history()
    assert sorted(run.id for run in history) == [run.id for run in runs]
    assert sorted(path.name for path in (tmp_path / "voices").iterdir()) == ["voice0", "voice1", "voice2"]
    assert len(await store.voices.all()) == 3
    for path in (tmp_path / "voices").iterdir():
        assert Voice.from_folder(path).training_posts()
    assert leftovers(tmp_path) == []


async def test_a_child_does_not_outlive_its_trainer(store: Store, base: Path, tmp_path: Path) -> None:
    run = await ask(store, base, ENDLESS, "voice")
    trainer = start_trainer(tmp_path)
    await at_work(store, run)
    tuning = children(trainer)
    assert len(tuning) == 1
    kill(trainer)

    async def gone() -> bool:
        return not tuning[0].is_running()

    await until(gone, 5)


async def test_cancel_works_within_two_seconds(store: Store, base: Path, tmp_path: Path) -> None:
    run = await ask(store, base, ENDLESS, "voice")
    with trainer_running(tmp_path) as trainer:
        await at_work(store, run)
        tuning = children(trainer)
        await store.runs.cancel(run.id)

        async def over() -> bool:
            current = await state_of(store, run)
            return current.state == "cancelled" and not tuning[0].is_running() and leftovers(tmp_path) == []

        await until(over, 2)
    assert not (tmp_path / "voices").exists()


async def test_a_stopped_trainer_puts_its_run_back(store: Store, base: Path, tmp_path: Path) -> None:
    run = await ask(store, base, ENDLESS, "voice")
    with trainer_running(tmp_path):
        await at_work(store, run)
    current = await state_of(store, run)
    assert (current.state, current.attempts) == ("queued", 0)
    assert await store.runs.live_trainers(60) == 0


@pytest.mark.parametrize(
    ("recipe", "sentence"),
    [
        (dataclasses.replace(QUICK, learning_rate=float("1e30"), warmup_share=0.0), "stopped being a number"),
        (dataclasses.replace(QUICK, learning_rate=0.0), "learned nothing"),
    ],
)
async def test_a_failed_run_says_why_and_the_next_goes_on(
    store: Store, base: Path, tmp_path: Path, recipe: Recipe, sentence: str
) -> None:
    failing = await ask(store, base, recipe, "failing")
    following = await ask(store, base, QUICK, "following")
    with trainer_running(tmp_path):
        failed, done = await ended(store, failing), await ended(store, following)
    assert failed.state == "failed"
    assert sentence in (failed.error or "")
    assert done.state == "done"
    assert not (tmp_path / "voices" / "failing").exists()


async def test_a_base_that_is_gone_fails_in_words(store: Store, tmp_path: Path) -> None:
    run = await ask(store, tmp_path / "nowhere", QUICK, "voice")
    with trainer_running(tmp_path):
        failed = await ended(store, run)
    assert failed.state == "failed"
    assert "nowhere" in (failed.error or "")


async def test_a_forgotten_handle_ends_its_training(store: Store, base: Path, tmp_path: Path) -> None:
    run = await ask(store, base, ENDLESS, "voice")
    with trainer_running(tmp_path) as trainer:
        await at_work(store, run)
        tuning = children(trainer)
        await store.forget("keeper")

        async def over() -> bool:
            return not tuning[0].is_running() and leftovers(tmp_path) == []

        await until(over, 3)
    assert not (tmp_path / "voices").exists()


async def test_a_cancel_is_heard_while_the_trainer_is_still_starting(
    store: Store, base: Path, tmp_path: Path
) -> None:
    run = await ask(store, base, ENDLESS, "voice")
    with trainer_running(tmp_path):

        async def trainer_is_there() -> bool:
            return await store.runs.live_trainers(60) == 1

        await until(trainer_is_there)
        await store.runs.cancel(run.id)

        async def over() -> bool:
            return (await state_of(store, run)).state == "cancelled" and leftovers(tmp_path) == []

        await until(over, 2)


async def test_what_a_power_cut_left_is_made_again(store: Store, base: Path, tmp_path: Path) -> None:
    """A job and a checkpoint without content, and half a voice where the whole one belongs."""
    run = await ask(store, base, QUICK, "voice")
    folder = tmp_path / "runs" / str(run.id)
    folder.mkdir(parents=True)
    (folder / "job.json").write_bytes(b"")
    (folder / "checkpoint.safetensors").write_bytes(b"")
    (tmp_path / "voices" / "voice").mkdir(parents=True)
    (tmp_path / "voices" / "voice" / RECORD).write_bytes(b"")
    with trainer_running(tmp_path):
        done = await ended(store, run)
    assert (done.state, done.attempts) == ("done", 1), done.error
    assert Voice.from_folder(tmp_path / "voices" / "voice").training_posts()


async def test_a_run_that_can_not_be_understood_fails_and_the_next_goes_on(
    store: Store, base: Path, tmp_path: Path
) -> None:
    """As a newer Mynah may have queued it."""
    wish = RunWish("strange", ("keeper",), str(base), {"no_such_figure": 1}, "test")
    strange, _ = await store.runs.enqueue(wish)
    following = await ask(store, base, QUICK, "following")
    with trainer_running(tmp_path, MYNAH_TRAINER__ATTEMPTS="2"):
        failed, done = await ended(store, strange), await ended(store, following)
    assert (failed.state, failed.attempts) == ("failed", 2)
    assert "no_such_figure" in (failed.error or "")
    assert done.state == "done"


async def test_folders_of_ended_runs_are_swept(store: Store, base: Path, tmp_path: Path) -> None:
    """A run that was put back and then cancelled: no trainer claims it again, and its folder holds posts."""
    run = await ask(store, base, ENDLESS, "voice")
    with trainer_running(tmp_path):
        await at_work(store, run)
    assert leftovers(tmp_path) != []
    await store.runs.cancel(run.id)
    with trainer_running(tmp_path):

        async def swept() -> bool:
            return leftovers(tmp_path) == []

        await until(swept)


async def test_a_child_whose_nursery_dies_ends_and_its_run_goes_on(
    store: Store, base: Path, tmp_path: Path
) -> None:
    run = await ask(store, base, ENDLESS, "voice")
    with trainer_running(tmp_path) as trainer:
        await at_work(store, run)
        tuning = children(trainer)
        nursery = tuning[0].parent()
        assert nursery is not None
        kill(nursery)

        async def taken_up_again() -> bool:
            return (await state_of(store, run)).attempts == 2 and not tuning[0].is_running()

        await until(taken_up_again)
