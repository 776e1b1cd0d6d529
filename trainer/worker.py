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
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import structlog

from data.corpus import split
from data.errors import MynahError, NotFoundError
from data.settings import Settings
from data.store import Run, Store, open_store
from trainer.bases import resolve_base
from trainer.child import Nursery, explain
from trainer.job import Job, JobCorpus
from trainer.learned import learned_from
from trainer.recipe import Recipe
from trainer.tracking import STEPS, run_id
from trainer.tracking.follow import Tracking, tracking
from trainer.tracking.marks import Mark, erase_tracked
from trainer.voice import Voice, VoiceRecord, publish
from trainer.wish import load_corpora

HEARTBEAT_SECONDS = 0.5  # also how soon a cancel is noticed
MOST_STUMBLES = 5  # in a row; then whoever supervises the process may know better

log = structlog.get_logger()


class _LetGoError(Exception):
    """The work on a run must end: `pulse` is the queue's word, or "stop" where the trainer itself is to end."""

    def __init__(self, pulse: str) -> None:
        super().__init__(pulse)
        self.pulse = pulse


class _BrokeOffError(Exception):
    """The child left no voice; says why, and whether trying again may help."""

    def __init__(self, sentence: str, *, retry: bool) -> None:
        super().__init__(sentence)
        self.retry = retry


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
        """Claim and work until `stop`, or until there is nothing left to do.

        A store that fails (a full disk, a lock that is never given back) is asked again; the run at hand comes
        back by its lease. Raises what it raised where it goes on failing.
        """
        await self._warm_up()
        stumbles = 0
        while not self._stopping.is_set():
            try:
                worked = await self._turn()
                if not worked and until_idle and not await self._store.runs.active():
                    break
                stumbles = 0
            except Exception:
                stumbles += 1
                log.exception("trainer stumbled", times=stumbles)
                if stumbles == MOST_STUMBLES:
                    raise
                worked = False
            if not worked:
                await self._rest(max(self._settings.trainer.poll_seconds, stumbles))
        await self._store.runs.leave(self._name)

    async def _warm_up(self) -> None:
        """Load what tuning needs before anything is claimed: it takes seconds that no cancel should wait for."""
        loading = asyncio.create_task(asyncio.to_thread(self._nursery.preload))
        while not loading.done() and not self._stopping.is_set():
            await self._store.runs.beat(self._name, os.getpid())
            await asyncio.wait({loading}, timeout=HEARTBEAT_SECONDS)
        await loading

    async def _turn(self) -> bool:
        """Tidy up, then work on the next run; False where there is none."""
        limits = self._settings.trainer
        await self._store.runs.beat(self._name, os.getpid())
        for ended in await self._store.runs.reap(limits.attempts):
            log.warning("run given up", run=ended.id, error=ended.error)
        await self._sweep()
        claimed = await self._store.runs.claim(self._name, limits.lease_seconds, limits.attempts)
        if claimed is not None:
            await self._work(claimed)
        return claimed is not None

    async def _sweep(self) -> None:
        """Delete the folders of runs that have ended: cancelled while they waited, given up, or their trainer was
        killed before it could. They hold a person's posts.
        """
        if not self._settings.runs.is_dir():
            return
        folders = [folder for folder in self._settings.runs.iterdir() if folder.name.isdigit()]
        if folders:  # listed before the store is asked, so that a new run's folder is never among them
            active = {str(run.id) for run in await self._store.runs.active()}
            for folder in folders:
                if folder.name not in active:
                    shutil.rmtree(folder, ignore_errors=True)

    async def _work(self, run: Run) -> None:
        log.info("run started", run=run.id, handles=run.handles, attempt=run.attempts)
        try:
            await self._store.consent.refuse_opted_out(run.handles)
            if not self._is_published(run):
                await self._guard(run, self._prepare(run), dict)
                await self._tune(run)
            await self._record(run)
            log.info("run done", run=run.id)
        except _LetGoError as reason:
            await self._let_go(run, reason.pulse)
        except _BrokeOffError as broke_off:
            await self._fail(run, str(broke_off), retry=broke_off.retry)
        except MynahError as error:
            await self._fail(run, str(error), retry=False)
        except Exception as error:  # whatever is wrong with one run, the next goes on
            log.exception("run broke off", run=run.id)
            sentence, retry = explain(error)
            await self._fail(run, sentence, retry=retry)

    async def _guard(
        self, run: Run, work: Coroutine[Any, Any, None], progress: Callable[[], dict[str, Any]]
    ) -> None:
        """Do `work` while the lease is renewed. Raises _LetGoError where the run must be let go."""
        task = asyncio.create_task(work)
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            while not task.done():
                await self._store.runs.beat(self._name, os.getpid())
                await self._renew(run, progress())
                if stopping.done():
                    raise _LetGoError("stop")
                await asyncio.wait(
                    {task, stopping}, timeout=HEARTBEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
            await task
        finally:
            task.cancel()
            stopping.cancel()

    async def _renew(self, run: Run, progress: dict[str, Any]) -> None:
        pulse = await self._store.runs.heartbeat(run, self._settings.trainer.lease_seconds, progress)
        if pulse != "go on":
            raise _LetGoError(pulse)

    async def _let_go(self, run: Run, pulse: str) -> None:
        """The work has been ended: say so, and clean up what is ours. A run that was lost is somebody else's."""
        log.info("run let go", run=run.id, pulse=pulse)
        if pulse == "stop":
            await self._store.runs.release(run)
        elif pulse == "cancel":
            await self._store.runs.cancelled(run)
            self._forget_folder(run)
            if await self._store.runs.get(run.id) is None:
                await self._forget_tracked(run)

    async def _prepare(self, run: Run) -> None:
        """Write the job of a fresh run; one that was interrupted keeps its own, and its checkpoint with it."""
        folder = self._settings.runs / str(run.id)
        if await asyncio.to_thread(Job.is_whole, folder):
            return
        recipe = Recipe.from_json(run.recipe)
        base = await asyncio.to_thread(resolve_base, run.base, offline=self._settings.offline)
        corpora = []
        for corpus in await load_corpora(self._store, run.handles, recipe.profile):
            learn, held_out = split(corpus.texts, seed=recipe.seed)
            learned = await learned_from(self._store, corpus)
            corpora.append(JobCorpus(corpus.handle, list(learn), list(held_out), learned))
        job = Job(
            key=run.voice_key,
            base=base.name,
            base_folder=str(base.folder),
            recipe=recipe,
            corpora=tuple(corpora),
            threads=self._settings.trainer.threads,
        )
        await asyncio.to_thread(job.write, folder)

    async def _tune(self, run: Run) -> None:
        """Watch over a child until it ends, and publish the voice that it left."""
        folder = self._settings.runs / str(run.id)
        async with tracking(self._settings, Job.read(folder), folder.name) as tracked:
            child = await asyncio.to_thread(self._nursery.start, folder, tracked.log)
            try:
                await self._guard(run, child.wait(), lambda: child.progress)
            finally:
                child.kill()
            if child.error is not None:
                log.warning("run failed", run=run.id, **child.error)
                raise _BrokeOffError(child.error["error"], retry=child.error["retry"])
            sentence = child.death_sentence()
            if sentence is not None:
                raise _BrokeOffError(sentence, retry=True)
            await self._guard(run, _note_tracked(tracked, folder / "voice"), lambda: child.progress)
        await self._renew(run, child.progress)  # it may have been cancelled while the child ended
        await self._store.consent.refuse_opted_out(run.handles)
        await asyncio.to_thread(publish, folder / "voice", self._settings.voices / run.voice_key)

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
            await self._forget_tracked(run)
        self._forget_folder(run)

    async def _fail(self, run: Run, sentence: str, *, retry: bool) -> None:
        await self._store.runs.fail(run, sentence, retry=retry)
        if not retry:
            self._forget_folder(run)

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    def _forget_folder(self, run: Run) -> None:
        shutil.rmtree(self._settings.runs / str(run.id), ignore_errors=True)

    async def _forget_tracked(self, run: Run) -> None:
        """Whoever forgot the handle has erased what was tracked until then, and its marks; the rest came after."""
        folder, project = self._settings.tracked, self._settings.tracking.project
        for step in STEPS:
            key = run_id(run.voice_key, run.id, step)
            mark = Mark.read(folder, key) or Mark(key, f"run {run.id}", tuple(run.handles), project)
            await asyncio.to_thread(erase_tracked, self._settings, [mark])


async def _note_tracked(tracked: Tracking, folder: Path) -> None:
    voice = Voice.from_folder(folder)
    where = await tracked.finish(voice)
    with contextlib.suppress(OSError):  # a disk that is full by now still holds the whole voice
        voice.noting(where)


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
    async with open_store(settings.database) as store:
        trainer = Trainer(settings, store, Nursery())
        async with _stopped_by_signals(trainer):
            await trainer.serve(until_idle=until_idle)
