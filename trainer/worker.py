"""The trainer process: claims runs from the store and tunes each in a child process, one at a time.

Whatever is killed, no run is lost: the claim is a lease, the child leaves checkpoints, and a voice appears by a
rename. Whoever claims the run next goes on from there.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import uuid
from collections.abc import AsyncIterator

import structlog

from data.corpus import split
from data.errors import MynahError, NotFoundError
from data.settings import Settings
from data.store import Run, Store, open_store
from trainer.bases import resolve_base
from trainer.child import Nursery, TuningChild
from trainer.job import Job, JobCorpus
from trainer.recipe import Recipe
from trainer.voice import Voice, VoiceRecord
from trainer.wish import load_corpora

HEARTBEAT_SECONDS = 0.5  # also how soon a cancel is noticed

log = structlog.get_logger()


class Trainer:
    """Works through the queue until it is stopped."""

    def __init__(self, settings: Settings, store: Store, nursery: Nursery) -> None:
        self._settings = settings
        self._store = store
        self._nursery = nursery
        self._name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Put the current run back into the queue and end."""
        self._stopping.set()

    async def serve(self, *, until_idle: bool = False) -> None:
        """Claim and work until `stop`, or until there is nothing left to do."""
        limits = self._settings.trainer
        while not self._stopping.is_set():
            await self._store.runs.beat(self._name, os.getpid())
            for ended in await self._store.runs.reap(limits.attempts):
                log.warning("run given up", run=ended.id, error=ended.error)
                self._forget_folder(ended)
            claimed = await self._store.runs.claim(self._name, limits.lease_seconds, limits.attempts)
            if claimed is not None:
                await self._work(claimed)
            elif until_idle and not await self._store.runs.active():
                break
            else:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), limits.poll_seconds)
        await self._store.runs.leave(self._name)

    async def _work(self, run: Run) -> None:
        log.info("run started", run=run.id, handles=run.handles, attempt=run.attempts)
        try:
            if not self._is_published(run):
                await self._prepare(run)
                if not await self._tune(run):
                    return
            await self._record(run)
            log.info("run done", run=run.id)
        except MynahError as error:
            await self._fail(run, str(error), retry=False)
        except OSError as error:
            await self._fail(run, f"The run's folder can't be written: {error.strerror}.", retry=True)

    async def _prepare(self, run: Run) -> None:
        """Write the job of a fresh run; one that was interrupted keeps its own, and its checkpoint with it."""
        folder = self._settings.runs / str(run.id)
        if (folder / "job.json").exists():
            return
        recipe = Recipe.from_json(run.recipe)
        base = await asyncio.to_thread(resolve_base, run.base, offline=self._settings.offline)
        corpora = []
        for corpus in await load_corpora(self._store, run.handles, recipe.profile):
            learn, held_out = split(corpus.texts, seed=recipe.seed)
            corpora.append(JobCorpus(corpus.handle, list(learn), list(held_out)))
        job = Job(
            key=run.voice_key,
            base=base.name,
            base_folder=str(base.folder),
            recipe=recipe,
            corpora=tuple(corpora),
            threads=self._settings.trainer.threads,
        )
        job.write(folder)

    async def _tune(self, run: Run) -> bool:
        """Watch over a child until it ends; True when it left a voice."""
        folder = self._settings.runs / str(run.id)
        child = self._nursery.start(folder)
        try:
            while not child.ended():
                await self._store.runs.beat(self._name, os.getpid())
                if not await self._may_go_on(run, child):
                    return False
                if self._stopping.is_set():
                    child.kill()
                    await self._store.runs.release(run)
                    return False
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), HEARTBEAT_SECONDS)
            return await self._judge(run, child)
        finally:
            child.kill()

    async def _may_go_on(self, run: Run, child: TuningChild) -> bool:
        """Renew the lease; where the run was cancelled or taken over, end the child and clean up what is ours."""
        pulse = await self._store.runs.heartbeat(run, self._settings.trainer.lease_seconds, child.progress)
        if pulse == "go on":
            return True
        child.kill()
        log.info("run let go", run=run.id, pulse=pulse)
        if pulse == "cancel":
            await self._store.runs.cancelled(run)
            self._forget_folder(run)
        return False

    async def _judge(self, run: Run, child: TuningChild) -> bool:
        """Publish what an ended child left, or fail its run."""
        if child.error is not None:
            log.warning("run failed", run=run.id, **child.error)
            await self._fail(run, child.error["error"], retry=child.error["retry"])
            return False
        sentence = child.death_sentence()
        if sentence is not None:
            await self._fail(run, sentence, retry=True)
            return False
        if not await self._may_go_on(run, child):
            return False
        self._settings.voices.mkdir(parents=True, exist_ok=True)
        os.replace(self._settings.runs / str(run.id) / "voice", self._settings.voices / run.voice_key)
        return True

    def _is_published(self, run: Run) -> bool:
        """A trainer killed between the rename and the record left the whole voice: nothing is tuned twice."""
        try:
            Voice.from_folder(self._settings.voices / run.voice_key)
        except NotFoundError:
            return False
        return True

    async def _record(self, run: Run) -> None:
        record: VoiceRecord = Voice.from_folder(self._settings.voices / run.voice_key).record
        await self._store.voices.add(
            key=record.key,
            name=record.name,
            handles=record.handles,
            base=record.base,
            held_out_loss_before=record.held_out_loss_before,
            held_out_loss=record.held_out_loss,
            record=record.to_json(),
        )
        if not await self._store.runs.finish(run) and await self._store.runs.get(run.id) is None:
            # The handle was forgotten between the rename and this moment: nothing of it may stay.
            await self._store.voices.remove(record.key)
            shutil.rmtree(self._settings.voices / record.key, ignore_errors=True)
        self._forget_folder(run)

    async def _fail(self, run: Run, sentence: str, *, retry: bool) -> None:
        await self._store.runs.fail(run, sentence, retry=retry)
        if not retry:
            self._forget_folder(run)

    def _forget_folder(self, run: Run) -> None:
        shutil.rmtree(self._settings.runs / str(run.id), ignore_errors=True)


@contextlib.asynccontextmanager
async def _stopped_by_signals(trainer: Trainer) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, trainer.stop)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def serve(settings: Settings, *, until_idle: bool = False) -> None:
    """The whole trainer process: store, nursery, trainer."""
    nursery = Nursery()
    nursery.preload()
    async with open_store(settings.database) as store:
        trainer = Trainer(settings, store, nursery)
        async with _stopped_by_signals(trainer):
            await trainer.serve(until_idle=until_idle)
