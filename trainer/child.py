"""The tuning child: a process of its own, so that memory returns to the system, cancelling is ending it, and a
crash hurts nothing else. It is forked from a parent that has torch loaded already, so a run starts at once.
"""

import errno
import json
import multiprocessing
import multiprocessing.forkserver
import os
import threading
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from data.errors import MynahError

_PRELOADED = ["trainer.child", "trainer.tune"]


class Nursery:
    """Starts tuning children from one preloaded parent process."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(_PRELOADED)

    def preload(self) -> None:
        """Start the parent now, so that the first run need not wait for its imports."""
        multiprocessing.forkserver.ensure_running()

    def start(self, folder: Path) -> "TuningChild":
        ours, theirs = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_tune_and_report, args=(folder, theirs), name=f"tune {folder.name}")
        process.start()
        theirs.close()
        return TuningChild(process, ours)


class TuningChild:
    """One running child, and what it has said so far."""

    def __init__(self, process: ForkServerProcess, pipe: Connection) -> None:
        self._process = process
        self._pipe = pipe
        self.progress: dict[str, Any] = {}
        self.error: dict[str, Any] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid

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
        except (EOFError, OSError):
            pass  # the child closed its end, or died while it wrote
        return not alive

    def kill(self) -> None:
        """End the child at once and free what the parent holds of it."""
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def close(self) -> None:
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


def _tune_and_report(folder: Path, pipe: Connection) -> None:
    _end_with_parent()
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
    # safetensors reports the system's errors in words alone.
    if full or "no space left" in text or "disk quota" in text or "file too large" in text:
        return "The disk is full; free some space, then train again.", False
    if isinstance(error, MemoryError) or "out of memory" in text or "can't allocate memory" in text:
        return "There is not enough memory for this base; use a smaller base or block size.", False
    return f"The training broke off: {type(error).__name__}: {error}", True


def _say(pipe: Connection, message: dict[str, Any]) -> None:
    pipe.send_bytes(json.dumps(message).encode())


def _end_with_parent() -> None:
    """A trainer that was killed must not leave a child computing: another trainer will start the run again."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="watch parent").start()
