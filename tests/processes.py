"""Real trainer processes for tests: started, watched and killed from outside."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

ROOT = Path(__file__).parent.parent


def environment(home: Path, **more: str) -> dict[str, str]:
    """Settings for a short test: quick leases, no hub, one thread."""
    settings = {
        "MYNAH_HOME": str(home),
        "MYNAH_OFFLINE": "1",
        "MYNAH_DISCORD__TOKEN": "",
        "MYNAH_HEALTH__PORT": "0",
        "MYNAH_TRAINER__LEASE_SECONDS": "2",
        "MYNAH_TRAINER__POLL_SECONDS": "0.1",
        "MYNAH_TRAINER__THREADS": "1",
        "MYNAH_TRAINER__ATTEMPTS": "100",
        "OMP_NUM_THREADS": "1",
        "PYTHONWARNINGS": "ignore",
    }
    return {**os.environ, **settings, **more}


def start_trainer(home: Path, **more: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "bot", "trainer"],
        cwd=ROOT,
        env=environment(home, **more),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )


def children(trainer: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The tuning children: those that the preloaded parent forked."""
    with suppress(psutil.NoSuchProcess):
        return [grandchild for child in psutil.Process(trainer.pid).children() for grandchild in child.children()]
    return []


def kill(process: psutil.Process | subprocess.Popen[bytes]) -> None:
    with suppress(psutil.NoSuchProcess, ProcessLookupError):
        process.send_signal(signal.SIGKILL)
        process.wait()


@contextmanager
def trainer_running(home: Path, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    trainer = start_trainer(home, **more)
    try:
        yield trainer
    finally:
        every = [*children(trainer)]
        trainer.terminate()
        try:
            trainer.wait(10)
        except subprocess.TimeoutExpired:
            trainer.kill()
            trainer.wait()
        for child in every:
            kill(child)


async def until(condition, seconds: float = 120.0):  # type: ignore[no-untyped-def]  # any coroutine function
    """Wait for `await condition()` to be true, and return what it was."""
    for _ in range(int(seconds / 0.05)):
        result = await condition()
        if result:
            return result
        await asyncio.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {condition}")
