"""The database underneath the store: its connections, its two kinds of transaction, and its migrations."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Table, event, inspect, make_url, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry

from data.errors import InputError

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_SECONDS = 10.0  # how long a statement waits for another process's write
CONNECTIONS = 40  # to SQLite, each opened when first needed: those who read together need not stand in line
_MIGRATION_LOCK = 0x6D796E6168  # "mynah": PostgreSQL's advisory locks are named by a number


class Writer:
    """Begins transactions that lock before their first read.

    A SQLite transaction that reads, and only then writes, fails at once when another process wrote in between; one
    that starts with BEGIN IMMEDIATE waits for its turn. It does so by trying again after longer and longer sleeps,
    in which the writers of one process would starve each other: those stand in line here first.
    """

    def __init__(self, engine: AsyncEngine, line: AbstractAsyncContextManager[Any]) -> None:
        self.engine = engine
        self._line = line

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """One transaction, undone where the block raises."""
        async with self._line, self.engine.begin() as connection:
            yield connection


@dataclass(frozen=True)
class Database:
    """One pool, two ways in: whatever reads in order to write uses `writer`, all else `engine`."""

    engine: AsyncEngine
    writer: Writer


def upsert_into(connection: AsyncConnection, table: Table) -> "sqlite.Insert | postgresql.Insert":
    """An INSERT that has ON CONFLICT, in the connection's dialect."""
    if connection.dialect.name != "postgresql":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table)


@asynccontextmanager
async def open_database(address: str) -> AsyncIterator[Database]:
    """Connect and migrate. Raises InputError for a URL or a file that can't be used."""
    try:
        url = make_url(address)
        is_sqlite = url.get_backend_name() == "sqlite"
        of_sqlite: dict[str, Any] = {
            "connect_args": {"timeout": BUSY_SECONDS},
            "poolclass": AsyncAdaptedQueuePool,
            "pool_size": CONNECTIONS,
        }
        engine = create_async_engine(url, **(of_sqlite if is_sqlite else {}))
    except (ImportError, SQLAlchemyError) as error:
        raise InputError(
            f"The database URL can't be used ({error}); give one like sqlite+aiosqlite:///folder/mynah.db."
        ) from error
    if is_sqlite:
        await asyncio.to_thread(_prepare_file, url)
        event.listen(engine.sync_engine, "connect", _on_connect)
        event.listen(engine.sync_engine, "begin", _on_begin)
    line: AbstractAsyncContextManager[Any] = asyncio.Lock() if is_sqlite else nullcontext()
    database = Database(engine, Writer(engine.execution_options(writes=True), line))
    try:
        await _migrate(database)
        yield database
    finally:
        await engine.dispose()


def _prepare_file(url: URL) -> None:
    """Make the folder and the file, in write-ahead mode (which stays with the file): readers never wait."""
    if not url.database or url.database == ":memory:":
        raise InputError(
            "The database must be a file, as several processes share it; name one in the database URL."
        )
    path = Path(url.database)
    give_up_at = time.monotonic() + BUSY_SECONDS
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
            # The switch itself does not wait for a process that makes it at the same moment, so ask again.
            while True:
                try:
                    connection.execute("PRAGMA journal_mode = WAL")
                    break
                except sqlite3.OperationalError as error:
                    if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up_at:
                        raise
                    time.sleep(0.02)
    except (OSError, sqlite3.Error) as error:
        raise InputError(
            f"The database {path} can't be used ({error}); check the file and its folder, or name another one."
        ) from error


def _on_connect(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself; _on_begin does
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA secure_delete = ON")  # who is forgotten leaves no text in free pages either
    cursor.close()


def _on_begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


async def _migrate(database: Database) -> None:
    try:
        async with database.writer.begin() as connection:
            if connection.dialect.name == "postgresql":
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            if not await connection.run_sync(_is_current):
                await connection.run_sync(upgrade_schema)
    except (OSError, SQLAlchemyError) as error:
        cause = getattr(error, "orig", error)
        raise InputError(
            f"The database can't be opened ({cause}); check that its URL is right and it answers."
        ) from error


def _is_current(connection: Connection) -> bool:
    """Whether the newest migration is applied. Asked without alembic, whose import takes 0.1 seconds of CPU."""
    newest = max(file.name for file in MIGRATIONS.glob("[0-9]*.py")).split("_")[0]
    applied = text("SELECT version_num FROM alembic_version")
    return inspect(connection).has_table("alembic_version") and connection.scalar(applied) == newest


def upgrade_schema(connection: Connection, revision: str = "head", folder: Path = MIGRATIONS) -> None:
    """Apply what is missing, within the caller's transaction: all of it or nothing, one process at a time.

    Raises InputError for a database that holds migrations unknown here.
    """
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    script = ScriptDirectory(folder, version_locations=[folder])
    context = MigrationContext.configure(
        connection, opts={"fn": lambda current, _context: script._upgrade_revs(revision, current)}
    )
    try:
        with Operations.context(context):
            context.run_migrations()
    except CommandError:
        raise InputError(
            "The database was made by a newer Mynah; update this one, or name another database."
        ) from None
