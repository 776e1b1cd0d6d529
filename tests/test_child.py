"""What a tuning child says when the machine fails it: a full disk, too little memory, an end from outside."""

import resource
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import torch

from data.store import Store, open_store
from tests.posts import bring
from tests.processes import children, kill, trainer_running, until
from tests.test_trainer_process import ENDLESS, QUICK, ask, at_work, ended, state_of
from tests.tiny_voices import tiny_base
from trainer.child import explain


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(f"sqlite+aiosqlite:///{tmp_path / 'mynah.db'}") as opened:
        await bring(opened, "keeper")
        yield opened


def test_a_real_lack_of_memory_is_explained() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(10**15)
    sentence, retry = explain(caught.value)
    assert "not enough memory" in sentence
    assert not retry
    assert explain(MemoryError()) == (sentence, retry)


def test_a_real_full_disk_is_explained() -> None:
    with pytest.raises(OSError) as caught, Path("/dev/full").open("wb", buffering=0) as full:  # noqa: PT011
        full.write(b"x")
    sentence, retry = explain(caught.value)
    assert "disk is full" in sentence
    assert not retry


@pytest.mark.slow
async def test_a_write_that_fails_ends_the_run_in_words_and_the_next_goes_on(store: Store, tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk: the weights of the larger base can't be written."""
    large, small = tiny_base(tmp_path / "large", vocabulary=20_000), tiny_base(tmp_path / "small")
    failing, following = await ask(store, large, QUICK, "failing"), await ask(store, small, QUICK, "following")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))  # inherited by the trainer
    try:
        with trainer_running(tmp_path):
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            failed, done = await ended(store, failing), await ended(store, following)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert failed.state == "failed"
    assert "disk is full" in (failed.error or "")
    assert failed.attempts == 1
    assert done.state == "done"
    assert [path.name for path in (tmp_path / "voices").iterdir()] == ["following"]


@pytest.mark.slow
async def test_a_child_that_the_system_ends_each_time_fails_its_run(store: Store, tmp_path: Path) -> None:
    """As Linux does it when memory runs out."""
    run = await ask(store, tiny_base(tmp_path / "base"), ENDLESS, "voice")
    with trainer_running(tmp_path, MYNAH_TRAINER__ATTEMPTS="2") as trainer:
        for attempt in (1, 2):

            async def started(attempt: int = attempt) -> bool:
                return (await state_of(store, run)).attempts == attempt and bool(children(trainer))

            await until(started)
            await at_work(store, run)
            for child in children(trainer):
                kill(child)
        failed = await ended(store, run)
    assert failed.state == "failed"
    assert "memory" in (failed.error or "")
