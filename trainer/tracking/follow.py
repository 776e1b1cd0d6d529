"""What the trainer holds of tracking: one object that hears of each step and of the end.

Tracking never fails a training and hardly makes it wait: what goes wrong is logged once, and the run goes on
untracked.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import asdict
from typing import Any

import structlog

from data.settings import Settings
from trainer.job import Job
from trainer.tracking import STEPS
from trainer.tracking.process import tracking_environment
from trainer.tracking.steps import planned_run, points, preprocess_results, train_results
from trainer.voice import Voice

FINISH_SECONDS = 20.0  # most that a finished voice waits for its record to be complete
STOP_SECONDS = 1.0  # most that the end of a broken run waits

log = structlog.get_logger()


class Tracking:
    """The tracking of one run of the queue; without a process it is of none."""

    def __init__(self, job: Job, process: Process | None) -> None:
        self._job = job
        self._process = process
        self._where: dict[str, str] = {}
        self._listening = asyncio.create_task(self._listen(), name="listen to the tracker")

    def log(self, progress: Mapping[str, Any]) -> None:
        """Hear of a step, as `trainer.job.Progress` tells it. Returns at once."""
        if self._process is not None:
            for step, values in points(progress).items():
                self._tell({"step": step, "values": values})

    async def finish(self, voice: Voice) -> dict[str, str]:
        """Record what came of it. Gives where its runs can be looked at: "preprocess", "train"; empty for none."""
        if self._process is not None:
            with _harmless():
                self._tell({"finish": asdict(await asyncio.to_thread(train_results, self._job, voice))})
            await self._end_input(FINISH_SECONDS)
        return dict(self._where)

    async def begin(self, number: str) -> None:
        """Record how the posts were prepared, and that the training of run `number` begins."""
        if self._process is not None:
            with _harmless():
                preparing, training = await asyncio.to_thread(
                    lambda: [planned_run(self._job, number, step) for step in STEPS]
                )
                self._tell({"start": asdict(preparing)})
                self._tell({"finish": asdict(preprocess_results(self._job))})
                self._tell({"start": asdict(training)})

    async def stop(self) -> None:
        """End the process; where the run broke off, it has a moment to write down what it knows."""
        if self._process is not None:
            await self._end_input(STOP_SECONDS)
            if not self._listening.done():
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)  # and what the tracker started
            await self._listening

    def _tell(self, message: dict[str, Any]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        if not self._process.stdin.is_closing():
            self._process.stdin.write(json.dumps(message).encode() + b"\n")

    async def _end_input(self, seconds: float) -> None:
        """Say that there is no more, and wait a while for the process to end."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        await asyncio.wait({self._listening}, timeout=seconds)

    async def _listen(self) -> None:
        """Hear what the process answers, until it ends."""
        if self._process is None:
            return
        assert self._process.stdout is not None
        error = ""
        async for line in self._process.stdout:
            try:
                answer = json.loads(line)
                error = answer.get("error", "")
                self._where |= answer.get("where", {})
            except (ValueError, AttributeError, TypeError):  # cut by a kill, or somebody else printed it
                error = line.decode(errors="replace").strip()
        code = await self._process.wait()
        if code:
            log.warning("tracking ended, the training goes on", code=code, error=error)


@contextlib.contextmanager
def _harmless() -> Iterator[None]:
    """Whatever is wrong with what there is to record, the training has nothing to do with it."""
    try:
        yield
    except Exception:
        log.exception("not tracked, the training goes on")


@contextlib.asynccontextmanager
async def tracking(settings: Settings, job: Job, number: str) -> AsyncIterator[Tracking]:
    """Track a run for as long as the block lasts; `number` is the queue's."""
    followed = Tracking(job, await _process(settings))
    try:
        await followed.begin(number)
        yield followed
    finally:
        await followed.stop()


async def _process(settings: Settings) -> Process | None:
    """The tracking process, or none where there is to be none or it can't be started."""
    tracker, folder = settings.tracking.tracker, settings.tracked
    if tracker == "none":
        return None
    try:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "trainer.tracking", tracker, str(folder), settings.tracking.project),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env=tracking_environment(settings, tracker),
            start_new_session=True,  # Ctrl-C is for the trainer, which then ends this
        )
    except OSError as error:
        log.warning("tracking can't start, the training goes on", error=str(error))
        return None
