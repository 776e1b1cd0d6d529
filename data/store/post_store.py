"""Posts, their imports and their corpora's summaries.

A file's import is one transaction: all of it or nothing. What is read from a platform page by page is kept page by
page, each with the mark of how far that went.
"""

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    MetaData,
    Table,
    and_,
    case,
    cast,
    func,
    insert,
    or_,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.schema import CreateTable, DropTable
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from data.cleaning import Profile
from data.errors import RefusedError
from data.posts import Post, PostKind, Provenance
from data.store.consent import Right, enter_right, refuse_opted_out
from data.store.database import Database, upsert_into
from data.store.standing import move_cursor
from data.store.tables import UtcTime, cursors, imports, post_columns, posts, summaries

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

_BATCH = 2_000  # posts held in memory at once, about 1 MB

# An import gathers here first: a connection's temporary table locks nobody out, however long the reading takes.
_incoming = Table("incoming_posts", MetaData(), *post_columns(), prefixes=["TEMPORARY"])


@dataclass(frozen=True)
class Added:
    """What an import did, in posts (an edited post counts once): `same` were there already, as new or newer."""

    new: int
    changed: int
    same: int


@dataclass(frozen=True)
class CorpusSummary:
    """What the last import of a handle came to: downloaded = retweets + short + kept + what the profile drops."""

    handle: str
    profile: Profile
    downloaded: int
    retweets: int
    short: int
    kept: int
    characters: int
    digest: str
    updated_at: datetime  # aware, UTC


class PostStore:
    """Reached as `store.posts`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self,
        handle: str,
        incoming: Iterable[Post],
        provenance: Provenance | Callable[[], Provenance],
        right: Right | None = None,
    ) -> Added:
        """Take over what is new or edited later; what raises while iterating leaves the store as it was.

        Posts are read in batches, on the caller's thread, and may be any number. A callable `provenance` is asked
        after the last post, when the digest of what was read is known. `right` is entered with the posts. Raises
        RefusedError where the handle has opted out or become another's while it was read.
        """
        arriving = iter(incoming)
        async with self._database.engine.begin() as connection:
            await connection.execute(CreateTable(_incoming))
            while batch := list(islice(arriving, _BATCH)):
                await _gather(connection, handle, batch)
            origin = provenance() if callable(provenance) else provenance
            # From here on others wait. The write comes first: reading first could not be turned into writing.
            await connection.execute(insert(imports).values(handle=handle, **asdict(origin)))
            await refuse_opted_out(connection, [handle])
            if right is not None:
                await enter_right(connection, right)
            return await _merge(connection)

    async def add_page(
        self, handle: str, page: Sequence[Post], origin: Provenance, *, cursor: str, was: Any, now: Any
    ) -> Added:
        """Take over one page of an import and move the cursor that marks how far it went, together.

        The import's row is entered with its first page, so that no post is ever here without its provenance, and
        its digest follows each page; `origin.imported_at` says which row. A page without posts moves the cursor
        only. Raises RefusedError, and keeps nothing, where the handle has opted out or the cursor is no longer at
        `was`: somebody else reads the same account, or forgot it.
        """
        added = Added(0, 0, 0)
        async with self._database.writer.begin() as connection:
            standing = select(cursors.c.value).where(cursors.c.name == cursor).with_for_update()
            if await connection.scalar(standing) != was:
                raise RefusedError(
                    f"The posts of @{handle} were forgotten, or are read by another process, at this moment; "
                    "wait for its end, then begin again."
                )
            await refuse_opted_out(connection, [handle])
            if page:
                row = and_(
                    imports.c.handle == handle,
                    imports.c.source == origin.source,
                    imports.c.imported_at == origin.imported_at,
                )
                digest = update(imports).where(row).values(file_digest=origin.file_digest)
                if not (await connection.execute(digest)).rowcount:
                    await connection.execute(insert(imports).values(handle=handle, **asdict(origin)))
                await connection.execute(CreateTable(_incoming))
                await _gather(connection, handle, page)
                added = await _merge(connection)
            await move_cursor(connection, cursor, now)
        return added

    async def posts(self, handle: str) -> list[Post]:
        """All of a handle's posts, oldest first: by number of the id, which also grows with time."""
        async with self._database.engine.connect() as connection:
            order = select(posts).where(posts.c.handle == handle).order_by(*_by_age(connection))
            return [
                Post(
                    id=row.id,
                    handle=row.handle,
                    text=row.text,
                    created_at=row.created_at,
                    kind=row.kind,
                    reply_to_id=row.reply_to_id,
                    lang=row.lang,
                    edit_of_id=row.edit_of_id,
                )
                for row in await connection.execute(order)
            ]

    @asynccontextmanager
    async def texts(self, handle: str) -> AsyncIterator[AsyncIterator[Sequence[tuple[PostKind, str]]]]:
        """The kinds and raw texts of a handle's posts, oldest first, some thousands at a time.

        For what looks at all posts once, of which a list would take memory in proportion.
        """
        async with self._database.engine.connect() as connection:
            query = select(posts.c.kind, posts.c.text).where(posts.c.handle == handle)
            rows = await connection.stream(query.order_by(*_by_age(connection)))
            yield rows.partitions(_BATCH)

    async def handles(self) -> list[str]:
        """The handles that have posts, sorted."""
        # From each handle straight to the next one: DISTINCT would read every post there is.
        found = select(func.min(posts.c.handle).label("handle")).cte("found", recursive=True)
        following = select(func.min(posts.c.handle)).where(posts.c.handle > found.c.handle).scalar_subquery()
        found = found.union_all(select(following).where(found.c.handle.is_not(None)))
        query = select(found.c.handle).where(found.c.handle.is_not(None)).order_by(found.c.handle)
        async with self._database.engine.connect() as connection:
            return list(await connection.scalars(query))

    async def imports(self, handle: str) -> list[Provenance]:
        """Every import of the handle, oldest first."""
        columns = [column for column in imports.c if column.name not in ("id", "handle")]
        query = select(*columns).where(imports.c.handle == handle).order_by(imports.c.id)
        async with self._database.engine.connect() as connection:
            return [Provenance(**row._mapping) for row in await connection.execute(query)]

    async def publishable(self, handles: Collection[str]) -> set[str]:
        """Of `handles`, those that were imported and whose every import may be published."""
        query = (
            select(imports.c.handle)
            .where(imports.c.handle.in_(handles))
            .group_by(imports.c.handle)
            .having(func.min(cast(imports.c.may_publish, Integer)) == 1)
        )
        async with self._database.engine.connect() as connection:
            return set(await connection.scalars(query))

    async def save_summary(self, summary: CorpusSummary) -> None:
        """Replaces the handle's earlier one."""
        values = asdict(summary)
        async with self._database.writer.begin() as connection:
            statement = upsert_into(connection, summaries).values(values)
            await connection.execute(
                statement.on_conflict_do_update(index_elements=[summaries.c.handle], set_=values)
            )

    async def summaries(self) -> list[CorpusSummary]:
        """One for each imported handle, by handle."""
        async with self._database.engine.connect() as connection:
            rows = await connection.execute(select(summaries).order_by(summaries.c.handle))
            return [CorpusSummary(**row._mapping) for row in rows]

    async def summary(self, handle: str) -> CorpusSummary | None:
        """None for a handle that was never imported."""
        async with self._database.engine.connect() as connection:
            row = (await connection.execute(select(summaries).where(summaries.c.handle == handle))).first()
            return CorpusSummary(**row._mapping) if row else None


async def _gather(connection: AsyncConnection, handle: str, batch: Sequence[Post]) -> None:
    """Add posts to those that are merged later. The driver gets the rows as they are: by a dictionary for each,
    which is SQLAlchemy's way, a post took 14 us and not 11.
    """
    dialect = connection.dialect
    statement = _keep_latest(upsert_into(connection, _incoming), _incoming).compile(dialect=dialect)
    to_stored = UtcTime().dialect_impl(dialect).bind_processor(dialect)
    assert to_stored is not None
    rows = [
        (
            handle,
            post.edit_of_id or post.id,
            post.id,
            post.text,
            to_stored(post.created_at),
            post.kind,
            post.reply_to_id,
            post.lang,
            post.edit_of_id,
        )
        for post in batch
    ]
    await connection.exec_driver_sql(str(statement), rows)


async def _merge(connection: AsyncConnection) -> Added:
    """Move what was gathered to the posts."""
    total = await connection.scalar(select(func.count()).select_from(_incoming))
    same_post = and_(_incoming.c.handle == posts.c.handle, _incoming.c.first_id == posts.c.first_id)
    superseding = func.sum(case((_supersedes(_incoming.c, posts.c), 1), else_=0))
    known = (
        await connection.execute(select(func.count(), superseding).join_from(_incoming, posts, same_post))
    ).one()
    # WHERE true: without it SQLite takes ON CONFLICT for the ON of a join.
    merge = upsert_into(connection, posts).from_select(list(posts.c.keys()), select(_incoming).where(true()))
    await connection.execute(_keep_latest(merge, posts))
    await connection.execute(DropTable(_incoming))
    there, changed = known[0], known[1] or 0
    return Added(new=(total or 0) - there, changed=changed, same=there - changed)


def _by_age(connection: AsyncConnection) -> tuple[ColumnElement[Any], ...]:
    """By id, as numbers where they are numbers; letters in the order of their codes, whatever language the
    database speaks: a corpus's digest hangs on it.
    """
    by_code = posts.c.id.collate("C") if connection.dialect.name == "postgresql" else posts.c.id
    return func.length(posts.c.id), by_code


_Columns = ReadOnlyColumnCollection[str, ColumnElement[Any]]


def _supersedes(candidate: _Columns, present: _Columns) -> ColumnElement[bool]:
    """A later version, or the same one with another text. Length before text compares decimal ids as numbers."""
    return or_(
        tuple_(func.length(candidate["id"]), candidate["id"]) > tuple_(func.length(present["id"]), present["id"]),
        and_(candidate["id"] == present["id"], candidate["text"] != present["text"]),
    )


def _keep_latest(
    statement: "sqlite.Insert | postgresql.Insert", table: Table
) -> "sqlite.Insert | postgresql.Insert":
    excluded = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=[table.c.handle, table.c.first_id],
        set_={column.name: excluded[column.name] for column in table.c if not column.primary_key},
        where=_supersedes(excluded, table.c),
    )
