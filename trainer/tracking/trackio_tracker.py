"""trackio: a database on this machine and a page that shows it.

Rows are written by trackio's own storage class rather than by `trackio.init`, which asks the hub who is logged in,
follows a dozen environment variables to other places, and starts threads that measure the processor.
"""

import contextlib
import io
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from data.errors import InputError
from trainer.tracking import Artifact, PlannedRun, Results

FLUSH_SECONDS = 1.0  # points that come faster are written together


class TrackioTracker:
    """Keeps runs in a folder. One per process: trackio takes the folder from the environment as it is imported."""

    def __init__(self, folder: Path, project: str) -> None:
        os.environ["TRACKIO_DIR"] = str(folder)
        from trackio.sqlite_storage import SQLiteStorage

        SQLiteStorage.validate_project_name(project)
        self._project = project

    def start(self, planned: PlannedRun) -> "TrackioRun":
        return TrackioRun(self._project, planned)


class TrackioRun:
    """A run in trackio's database. Each row has a name of its own there, so nothing is entered twice."""

    def __init__(self, project: str, planned: PlannedRun) -> None:
        self.where = f"mynah track (run {planned.name})"
        self._project = project
        self._planned = planned
        self._waiting: list[tuple[str, int, Mapping[str, Any]]] = []  # name of the row, step, values
        self._flushed = 0.0
        self._last_step = 0

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._last_step = step
        self._waiting.append((str(step), step, values))
        if time.monotonic() - self._flushed > FLUSH_SECONDS:
            self._flush()

    def finish(self, results: Results | None) -> None:
        if results is not None:
            from trackio import Table

            rows = [dict(zip(results.table.columns, row, strict=True)) for row in results.table.rows]
            table = {"_type": Table.TYPE, "_value": rows}
            self._waiting.append(("results", self._last_step, {**results.values, results.table.name: table}))
            self._enter(results.artifact)
        self._flush()

    def _flush(self) -> None:
        from trackio.sqlite_storage import SQLiteStorage

        names, steps, values = zip(*self._waiting, strict=True) if self._waiting else ((), (), ())
        SQLiteStorage.bulk_log(
            self._project,
            self._planned.name,
            [dict(row) for row in values],
            steps=list(steps),
            config={"job_type": self._planned.step, **self._planned.config},
            log_ids=[f"{self._planned.id} {name}" for name in names],
            run_id=self._planned.id,
        )
        self._waiting.clear()
        self._flushed = time.monotonic()

    def _enter(self, artifact: Artifact) -> None:
        """By reference: what it stands for lies on this machine already, and is not kept twice."""
        from trackio.sqlite_storage import SQLiteStorage
        from trackio.typehints import ManifestEntry, Sha256Digest

        SQLiteStorage.commit_artifact_version(
            self._project,
            artifact.name,
            artifact.type,
            None,
            [
                ManifestEntry(
                    path=content.path,
                    digest=Sha256Digest(content.digest),
                    size=content.size,
                    ref=f"mynah:{content.path}",
                )
                for content in artifact.contents
            ],
            artifact.metadata,
            None,
            run_name=self._planned.name,
            run_id=self._planned.id,
        )


@contextlib.contextmanager
def page(folder: Path, project: str, port: int) -> Iterator[str]:
    """Serve trackio's page, on this machine only, while the block lasts; gives its address.

    Raises InputError where the port is taken. One per process, as the tracker.
    """
    os.environ |= {"TRACKIO_DIR": str(folder), "HF_HUB_OFFLINE": "1"}
    import trackio

    try:
        with contextlib.redirect_stdout(
            io.StringIO()
        ):  # it prints a token that lets people change what was tracked
            server, address, *_ = trackio.show(
                project,
                open_browser=False,
                block_thread=False,
                mcp_server=False,
                host="127.0.0.1",
                share=False,
                server_port=port,
            )
    except OSError:
        raise InputError(f"Port {port} is taken; give another one with --port.") from None
    try:
        yield f"{address}?project={project}"
    finally:
        server.close()


def erase(folder: Path, run: str) -> None:
    """Delete a run's rows, whatever table they are in, and leave nothing of them in the free pages of the file.

    trackio's own `delete_run` keeps the artifacts and the free pages. Raises OSError where that fails.
    """
    for file in folder.glob("*.db"):
        try:
            with contextlib.closing(sqlite3.connect(file, timeout=30)) as database:
                _erase_rows(database, run)
        except sqlite3.Error as error:
            raise OSError(f"{file}: {error}") from error


def _erase_rows(database: sqlite3.Connection, run: str) -> None:
    tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for table in tables:
        columns = {column for _, column, *_ in database.execute(f"PRAGMA table_info({table})")}
        for column in columns & {"run_id", "producer_run_id"}:
            database.execute(f"DELETE FROM {table} WHERE {column} = ?", (run,))  # noqa: S608 - names of its own schema
    if "artifacts" in tables:
        database.execute("DELETE FROM artifacts WHERE id NOT IN (SELECT artifact_id FROM artifact_versions)")
        database.execute(
            "DELETE FROM artifact_aliases WHERE artifact_version_id NOT IN (SELECT id FROM artifact_versions)"
        )
    database.commit()
    database.execute("VACUUM")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
