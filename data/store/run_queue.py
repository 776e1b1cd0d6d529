"""The queue of training runs. A run is claimed with a lease and kept by heartbeats; it is never taken out of the
table before it ended, so that no crash loses it.

A claim is named by (id, worker, attempts). Whatever a worker says of a run holds only while the run is still its
own: one that was silent too long finds its run taken over and is told so.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Row, and_, case, delete, func, literal, null, or_, select, update

from data.store.database import Database, upsert_into
from data.store.tables import ACTIVE, runs, trainers

RunState = Literal["queued", "running", "done", "failed", "cancelled"]
Pulse = Literal["go on", "cancel", "lost"]

_NO_LEASE = {"worker": None, "lease_until": None}


@dataclass(frozen=True)
class RunWish:
    """What somebody asks for; `recipe` is the recipe as JSON."""

    voice_key: str
    handles: tuple[str, ...]
    base: str
    recipe: dict[str, Any]
    requested_by: str


@dataclass(frozen=True)
class Run:
    """A run as it stood when it was read."""

    id: int
    voice_key: str
    handles: tuple[str, ...]
    base: str
    recipe: dict[str, Any]
    state: RunState
    progress: dict[str, Any]
    attempts: int  # how often it was claimed, this time included
    max_attempts: int | None  # as the trainer that claimed it last has it
    worker: str | None
    lease_until: float | None  # time.time() seconds
    cancel_requested: bool
    error: str | None
    requested_by: str
    created_at: datetime  # aware, UTC, as are the two below
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def from_row(cls, row: Row[Any]) -> "Run":
        return cls(**{**row._mapping, "handles": tuple(row.handles)})


class RunQueue:
    """Reached as `store.runs`. Every change is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # For those who want a voice.

    async def enqueue(self, wish: RunWish) -> tuple[Run, bool]:
        """The run that makes this voice, and whether it is new: False where one is queued or running already."""
        values = {
            "voice_key": wish.voice_key,
            "handles": list(wish.handles),
            "base": wish.base,
            "recipe": wish.recipe,
            "state": "queued",
            "progress": {},
            "attempts": 0,
            "cancel_requested": False,
            "requested_by": wish.requested_by,
            "created_at": datetime.now(UTC),
        }
        already = select(runs).where(runs.c.voice_key == wish.voice_key, ACTIVE)
        while True:
            async with self._database.writer.begin() as connection:
                statement = upsert_into(connection, runs).values(values)
                enter = statement.on_conflict_do_nothing(index_elements=[runs.c.voice_key], index_where=ACTIVE)
                if created := (await connection.execute(enter.returning(*runs.c))).first():
                    return Run.from_row(created), True
                # Only where writers do not queue (PostgreSQL) can it have ended since; then ask once more.
                if present := (await connection.execute(already)).first():
                    return Run.from_row(present), False

    async def cancel(self, run_id: int) -> Run | None:
        """The run after it: cancelled at once where nobody works on it, else flagged for its trainer.

        An ended run stays as it is. None where there is no such run.
        """
        idle = or_(runs.c.state == "queued", runs.c.lease_until < time.time())
        statement = (
            update(runs)
            .where(runs.c.id == run_id, ACTIVE)
            .values(
                cancel_requested=True,
                state=case((idle, "cancelled"), else_=runs.c.state),
                finished_at=case((idle, datetime.now(UTC)), else_=runs.c.finished_at),
            )
        )
        async with self._database.writer.begin() as connection:
            await connection.execute(statement)
        return await self.get(run_id)

    async def get(self, run_id: int) -> Run | None:
        async with self._database.engine.connect() as connection:
            row = (await connection.execute(select(runs).where(runs.c.id == run_id))).first()
            return Run.from_row(row) if row else None

    async def active(self) -> list[Run]:
        """Running and queued, in the order in which they are worked on."""
        async with self._database.engine.connect() as connection:
            rows = await connection.execute(
                select(runs).where(ACTIVE).order_by(runs.c.state.desc(), runs.c.id)  # "running" > "queued"
            )
            return [Run.from_row(row) for row in rows]

    async def history(self, limit: int = 50) -> list[Run]:
        """What has ended, newest first."""
        query = (
            select(runs)
            .where(runs.c.finished_at.is_not(None))
            .order_by(runs.c.finished_at.desc(), runs.c.id.desc())
        )
        async with self._database.engine.connect() as connection:
            return [Run.from_row(row) for row in await connection.execute(query.limit(limit))]

    async def place(self, run_id: int) -> int:
        """1 for the run that is next, 2 for the one after it ...; 0 for a run that is not waiting."""
        ahead = select(func.count()).where(runs.c.state == "queued", runs.c.id <= run_id)
        waits = select(runs.c.id).where(runs.c.id == run_id, runs.c.state == "queued").exists()
        async with self._database.engine.connect() as connection:
            return (await connection.execute(ahead.where(waits))).scalar_one()

    # For trainers.

    async def claim(self, worker: str, lease_seconds: float, max_attempts: int) -> Run | None:
        """Take the oldest run that waits, or whose trainer fell silent; None where there is none.

        `worker` must be this process's own name: no two trainers may share one.
        """
        now = time.time()
        left_behind = and_(
            runs.c.state == "running",
            runs.c.lease_until < now,
            runs.c.attempts < max_attempts,
            runs.c.cancel_requested.is_(False),
        )
        oldest = (
            select(runs.c.id)
            .where(or_(runs.c.state == "queued", left_behind))
            .order_by(runs.c.id)
            .limit(1)
            .with_for_update(skip_locked=True)  # of meaning to PostgreSQL only
        )
        statement = (
            update(runs)
            .where(runs.c.id == oldest.scalar_subquery())
            .values(
                state="running",
                worker=worker,
                attempts=runs.c.attempts + 1,
                max_attempts=max_attempts,
                lease_until=now + lease_seconds,
                started_at=func.coalesce(runs.c.started_at, datetime.now(UTC)),
            )
        )
        async with self._database.writer.begin() as connection:
            row = (await connection.execute(statement.returning(*runs.c))).first()
            return Run.from_row(row) if row else None

    async def heartbeat(self, run: Run, lease_seconds: float, progress: Mapping[str, Any]) -> Pulse:
        """Renew the lease and show progress.

        "cancel": end the work, clear its folder, say `cancelled` (also where the run was forgotten meanwhile).
        "lost": end the work and touch nothing; another trainer has it, or it was given up.
        """
        renew = (
            update(runs)
            .where(_held(run))
            .values(lease_until=time.time() + lease_seconds, progress=dict(progress))
            .returning(runs.c.cancel_requested)
        )
        async with self._database.writer.begin() as connection:
            cancel_requested = (await connection.execute(renew)).scalar()
            if cancel_requested is not None:
                return "cancel" if cancel_requested else "go on"
            state = (await connection.execute(select(runs.c.state).where(runs.c.id == run.id))).scalar()
            return "cancel" if state in (None, "cancelled") else "lost"

    async def finish(self, run: Run) -> bool:
        """The voice is there. False, as in the next four, where the run was no longer this worker's."""
        return await self._put_down(run, state="done", error=None, finished_at=datetime.now(UTC))

    async def fail(self, run: Run, sentence: str, retry: bool) -> bool:
        """Failed, in words. With `retry` it is queued again while attempts remain and nobody cancelled it."""
        again = and_(literal(retry), runs.c.attempts < runs.c.max_attempts, runs.c.cancel_requested.is_(False))
        return await self._put_down(
            run,
            state=case((again, "queued"), else_="failed"),
            error=sentence,
            finished_at=case((again, null()), else_=datetime.now(UTC)),
        )

    async def cancelled(self, run: Run) -> bool:
        """The trainer has ended the work as it was asked to."""
        return await self._put_down(run, state="cancelled", finished_at=datetime.now(UTC))

    async def release(self, run: Run) -> bool:
        """Back to its place in the queue, the attempt not counted: for a trainer that is told to stop."""
        return await self._put_down(run, state="queued", attempts=runs.c.attempts - 1)

    async def reap(self, max_attempts: int) -> list[Run]:
        """End what no trainer will claim again, and return it: attempts used up, or cancelled and left behind."""
        ended = {"finished_at": datetime.now(UTC), **_NO_LEASE}
        expired = and_(runs.c.state == "running", runs.c.lease_until < time.time())
        sentence = f"The trainer stopped during each of {max_attempts} attempts; see its log, then train again."
        statements = [
            update(runs).where(expired, runs.c.cancel_requested).values(state="cancelled", **ended),
            update(runs)
            .where(expired, runs.c.attempts >= max_attempts)
            .values(state="failed", error=sentence, **ended),
        ]
        async with self._database.writer.begin() as connection:
            return [
                Run.from_row(row)
                for statement in statements
                for row in await connection.execute(statement.returning(*runs.c))
            ]

    async def _put_down(self, run: Run, **values: Any) -> bool:
        async with self._database.writer.begin() as connection:
            statement = update(runs).where(_held(run)).values(**values, **_NO_LEASE)
            return (await connection.execute(statement)).rowcount > 0

    async def tidy(self, older_than: timedelta) -> int:
        """Of runs that ended longer ago nobody knows who asked for them; gives how many that were."""
        old = and_(runs.c.finished_at < datetime.now(UTC) - older_than, runs.c.requested_by != "")
        async with self._database.writer.begin() as connection:
            return (await connection.execute(update(runs).where(old).values(requested_by=""))).rowcount

    # For whoever wonders whether a trainer is there at all.

    async def beat(self, worker: str, pid: int) -> None:
        """A trainer's sign of life, between runs too."""
        values = {"worker": worker, "pid": pid, "beat_at": time.time()}
        async with self._database.writer.begin() as connection:
            statement = upsert_into(connection, trainers).values(values)
            await connection.execute(
                statement.on_conflict_do_update(index_elements=[trainers.c.worker], set_=values)
            )

    async def leave(self, worker: str) -> None:
        """An orderly end: the trainer is gone at once, not only when its beat is old."""
        async with self._database.writer.begin() as connection:
            await connection.execute(delete(trainers).where(trainers.c.worker == worker))

    async def live_trainers(self, within_seconds: float) -> int:
        """How many trainers gave a sign of life that recently."""
        query = (
            select(func.count()).select_from(trainers).where(trainers.c.beat_at >= time.time() - within_seconds)
        )
        async with self._database.engine.connect() as connection:
            return (await connection.execute(query)).scalar_one()


def _held(run: Run) -> ColumnElement[bool]:
    return and_(
        runs.c.id == run.id,
        runs.c.state == "running",
        runs.c.worker == run.worker,
        runs.c.attempts == run.attempts,
    )
