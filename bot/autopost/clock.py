"""The clock of the schedules: enters what is due when its time has come.

The table is the truth. APScheduler holds one job for the next time of each schedule, and one that reads the table
anew every few seconds, as another process may change it.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from bot.autopost.timing import Timing
from bot.catalogue import Catalogue
from bot.faults import new_reference
from data.errors import MynahError
from data.settings import Settings
from data.store import NewDraft, Schedule, Store

REREAD_SECONDS = 5.0

log = structlog.get_logger()


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Clock:
    """`async with Clock(...)`: runs while the block does. `on_due` is called for each draft that was entered."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        catalogue: Catalogue,
        *,
        on_due: Callable[[], None] = lambda: None,
        now: Callable[[], datetime] = _utc_now,
        reread_seconds: float = REREAD_SECONDS,
    ) -> None:
        self._store = store
        self._settings = settings.autopost
        self._catalogue = catalogue
        self._on_due = on_due
        self._now = now
        self._reread_seconds = reread_seconds
        self._turn = asyncio.Lock()
        # However late a job starts, it has to: what is too late is decided here.
        self._jobs = AsyncIOScheduler(timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True})

    async def __aenter__(self) -> Self:
        often = IntervalTrigger(seconds=self._reread_seconds, timezone=UTC)
        self._jobs.add_job(self._read, often, id="read", next_run_time=datetime.now(UTC))
        self._jobs.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._jobs.pause()
        await asyncio.sleep(0)  # a job that was about to begin stands in line now
        async with self._turn:  # so none is at work, which would be cancelled with a traceback in the log
            self._jobs.shutdown(wait=False)
            await asyncio.sleep(0)  # it does so when the loop comes round

    async def fire_due(self) -> list[Schedule]:
        """Enter what is due by now and move those schedules on; gives all that are active, as they then stand."""
        for schedule in await self._active():
            if schedule.next_at is not None and schedule.next_at <= self._now():
                await self._fire(schedule, schedule.next_at)
        return await self._active()

    async def _active(self) -> list[Schedule]:
        return [schedule for schedule in await self._store.schedules.all() if not schedule.paused]

    async def _read(self) -> None:
        try:
            async with self._turn:
                self._plan(await self.fire_due())
        except Exception as error:  # the next reading may go better, as when the database was busy
            log.error("the schedules could not be read", reference=new_reference(), exc_info=error)

    def _plan(self, active: list[Schedule]) -> None:
        """One job for the next time of each."""
        times = {f"schedule {schedule.id}": schedule.next_at for schedule in active if schedule.next_at}
        for job in self._jobs.get_jobs():
            if job.id != "read" and job.id not in times:
                job.remove()
        for name, time in times.items():
            job = self._jobs.get_job(name)
            if job is None or job.next_run_time != time:
                self._jobs.add_job(self._read, DateTrigger(time), id=name, replace_existing=True)

    async def _fire(self, schedule: Schedule, time: datetime) -> None:
        nominal_at = schedule.nominal_at or time
        try:
            await self._catalogue.voice(schedule.voice, "", "")
            timing = Timing.from_json(schedule.timing)
        except MynahError as error:  # its voice is gone or was withdrawn
            log.warning("a schedule paused itself", schedule=schedule.id, why=str(error))
            await self._store.schedules.pause(schedule.id)
            return
        now = self._now()
        due: NewDraft | None = None
        waiting = len(await self._store.drafts.of_schedule(schedule.id, "due", "draft"))
        late = now - time > timedelta(minutes=self._settings.late_minutes)
        if late and self._settings.missed == "skip":
            log.warning("a time was missed and is skipped", schedule=schedule.id, time=str(nominal_at))
        elif waiting >= self._settings.most_drafts:
            log.warning("a time is skipped, as drafts wait", schedule=schedule.id, drafts=waiting)
        else:
            due = _due(schedule, nominal_at)
        # However many times were missed, the next one is ahead.
        nominal = timing.next_after(nominal_at)
        if nominal <= now:
            nominal = timing.next_after(now)
        if await self._store.schedules.fire(schedule, due, nominal, timing.moved(nominal)) is not None:
            self._on_due()


def _due(schedule: Schedule, nominal_at: datetime) -> NewDraft:
    return NewDraft(
        key=f"schedule {schedule.id} {nominal_at.isoformat()}",
        platform=schedule.platform,
        voice=schedule.voice,
        prompt=schedule.prompt,
        approve=schedule.approve,
        schedule_id=schedule.id,
        person=schedule.person,
        channel=schedule.channel,
    )
