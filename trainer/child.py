"""The tuning child: a process of its own, so that memory returns to the system, cancelling is ending it, and a
crash hurts nothing else. It is forked from a parent that has torch loaded already, so a run starts at once.
"""

import asyncio
import errno
import json
import multiprocessing
import os
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from data.errors import MynahError

_FULL_DISK = ("no space left", "disk quota", "file too large", "disk is full")
_PRELOADED = ["trainer.child", "trainer.tune"]
LISTEN_SECONDS = 0.1
NICENESS = 10  # tuning takes every core that is idle, but people wait for the bot's answers
ORPHAN_SECONDS = 0.5  # how long a child may outlive the process that it was forked from


class Nursery:
    """Starts tuning children from one preloaded parent process."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(_PRELOADED)

    def preload(self) -> None:
        """Start the parent now and wait for its imports (seconds), so that from then on a child starts at once."""
        process = self._context.Process(target=_do_nothing, name="preload")
        process.start()
        process.join()
        process.close()

    def start(self, folder: Path, hear: Callable[[dict[str, Any]], None]) -> "TuningChild":
        """A child that tunes the job in `folder`; `hear` is told of each step, from `TuningChild.ended`."""
        ours, theirs = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_tune_and_report, args=(folder, theirs), name=f"tune {folder.name}")
        process.start()
        theirs.close()
        return TuningChild(process, ours, hear)


class TuningChild:
    """One running child, and what it has said so far."""

    def __init__(
        self, process: ForkServerProcess, pipe: Connection, hear: Callable[[dict[str, Any]], None]
    ) -> None:
        self._process = process
        self._pipe = pipe
        self._hear = hear
        self.progress: dict[str, Any] = {}
        self.error: dict[str, Any] | None = None

    def ended(self) -> bool:
        """Read what the child has said since; True once it is gone and has been read to the end."""
        alive = self._process.is_alive()
        try:
            while self._pipe.poll():
                message = json.loads(self._pipe.recv_bytes())
                if "error" in message:
                    self.error = message
                else:
                    self.progress = message
                    self._hear(message)
        except (EOFError, OSError):
            pass  # the child closed its end, or died while it wrote
        return not alive

    async def wait(self) -> None:
        """Return once it has ended; `progress` and `error` grow meanwhile."""
        while not self.ended():  # noqa: ASYNC110 - what it waits for is a process
            await asyncio.sleep(LISTEN_SECONDS)

    def kill(self) -> None:
        """End the child at once and free what the parent holds of it."""
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def death_sentence(self) -> str | None:
        """Why the child ended without a voice, where it could not say so itself."""
        code = self._process.exitcode
        if self.error or code == 0:
            return None
        if code == -9:
            return (
                "The system ended the training, most likely for want of memory; use a smaller base or block size."
            )
        return f"The training process ended unexpectedly (exit code {code})."


def _do_nothing() -> None:
    pass


def _tune_and_report(folder: Path, pipe: Connection) -> None:
    _end_with_parent()
    os.nice(NICENESS)
    try:
        from trainer.tune import tune

        tune(folder, lambda progress: _say(pipe, progress.to_json()))
    except MynahError as error:
        _say(pipe, {"error": str(error), "retry": False})
    except Exception as error:
        sentence, retry = explain(error)
        _say(pipe, {"error": sentence, "retry": retry, "kind": repr(error)})


def explain(error: Exception) -> tuple[str, bool]:
    """A sentence for an error of the machine, and whether trying again may help."""
    text = str(error).lower()
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    # safetensors and SQLite report the system's errors in words alone.
    if full or any(words in text for words in _FULL_DISK):
        return "The disk is full; free some space, then train again.", False
    if isinstance(error, MemoryError) or "out of memory" in text or "can't allocate memory" in text:
        return "There is not enough memory for this base; use a smaller base or block size.", False
    first_line = str(error).partition("\n")[0]
    return f"The training broke off: {type(error).__name__}: {first_line}", True


def _say(pipe: Connection, message: dict[str, Any]) -> None:
    pipe.send_bytes(json.dumps(message).encode())


def _end_with_parent() -> None:
    """A trainer that was killed must not leave a child computing: another trainer will start the run again.

    Nor must the process that it was forked from: without it the trainer takes the child for dead.
    """
    trainer = multiprocessing.parent_process()
    assert trainer is not None
    forked_from = os.getppid()

    def watch() -> None:
        while trainer.is_alive() and os.getppid() == forked_from:
            trainer.join(ORPHAN_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="watch parent").start()
