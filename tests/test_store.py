"""The store on a real SQLite file: posts and their edits, imports as one transaction, forgetting, migrations."""

import asyncio
import itertools
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs
from sqlalchemy import create_engine

from data.errors import InputError
from data.posts import Post, Provenance, voice_name
from data.store import Added, CorpusSummary, RunWish, Store, open_store
from data.store.database import upgrade_schema
from data.store.tables import metadata

NOON = datetime(2024, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
PROVENANCE = Provenance("x-archive", "keeper.zip", "ab" * 32, NOON, "owner of the archive", may_publish=True)
INSERT_POST = "INSERT INTO posts (handle, first_id, id, text, kind) VALUES ('keeper', '1', '1', '{text}', 'post')"
SUMMARY = CorpusSummary("keeper", "default", 500, 20, 30, 450, 44_000, "cd" * 32, NOON)


def url_of(file: Path) -> str:
    return f"sqlite+aiosqlite:///{file}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "home" / "mynah.db"


@pytest.fixture
async def store(file: Path) -> AsyncIterator[Store]:
    async with open_store(url_of(file)) as store:
        yield store


async def add_to(file: Path) -> Added:
    async with open_store(url_of(file)) as store:
        return await store.posts.add("keeper", [post(1)], PROVENANCE)


def post(number: int, text: str = "", edit_of: int | None = None) -> Post:
    return Post(
        str(number), "keeper", text or f"text {number}", edit_of_id=None if edit_of is None else str(edit_of)
    )


class TestPosts:
    async def test_a_post_comes_back_as_it_went_in(self, store: Store) -> None:
        paris = timezone(timedelta(hours=2))
        full = Post(
            "12", "keeper", "Fog \N{FOGGY} &amp; rain\n\N{ZERO WIDTH JOINER}", NOON, "reply", "7", "en", "3"
        )
        await store.posts.add("keeper", [full, Post("9", "keeper", "bare")], PROVENANCE)
        await store.posts.add("other", [structs.replace(full, created_at=NOON.astimezone(paris))], PROVENANCE)
        assert await store.posts.posts("keeper") == [Post("9", "keeper", "bare"), full]
        [other] = await store.posts.posts("other")
        assert (other.handle, other.created_at) == ("other", NOON)
        assert other.created_at is not None
        assert other.created_at.utcoffset() == timedelta(0)

    async def test_posts_are_ordered_by_number_not_by_letter(self, store: Store) -> None:
        await store.posts.add("keeper", [post(100), post(9), post(20)], PROVENANCE)
        assert [found.id for found in await store.posts.posts("keeper")] == ["9", "20", "100"]

    async def test_a_second_import_adds_only_what_is_new(self, store: Store) -> None:
        first = await store.posts.add("keeper", [post(1), post(2)], PROVENANCE)
        second = await store.posts.add("keeper", [post(1), post(2), post(3)], PROVENANCE)
        assert (first, second) == (Added(2, 0, 0), Added(1, 0, 2))
        assert len(await store.posts.posts("keeper")) == 3

    async def test_the_last_edit_is_kept_and_an_older_version_never_returns(self, store: Store) -> None:
        edited = post(10, "edited", edit_of=9)
        await store.posts.add("keeper", [post(9, "first")], PROVENANCE)
        assert await store.posts.add("keeper", [edited], PROVENANCE) == Added(0, 1, 0)
        assert await store.posts.add("keeper", [post(9, "first")], PROVENANCE) == Added(0, 0, 1)
        assert await store.posts.posts("keeper") == [edited]

    async def test_of_one_version_the_newest_import_counts(self, store: Store) -> None:
        await store.posts.add("keeper", [post(9, "cut of…")], PROVENANCE)
        assert await store.posts.add("keeper", [post(9, "cut off no more")], PROVENANCE) == Added(0, 1, 0)
        assert [found.text for found in await store.posts.posts("keeper")] == ["cut off no more"]

    async def test_more_posts_than_one_batch(self, store: Store) -> None:
        count = 5_001
        twice = itertools.chain(map(post, range(count)), map(post, range(count)))
        assert await store.posts.add("keeper", twice, PROVENANCE) == Added(count, 0, 0)
        assert len(await store.posts.posts("keeper")) == count

    async def test_what_raises_while_iterating_leaves_the_store_unchanged(self, store: Store) -> None:
        def broken() -> Iterator[Post]:
            yield from map(post, range(3_000))
            raise InputError("The file ends too early.")

        await store.posts.add("keeper", [post(1, "as it was")], PROVENANCE)
        with pytest.raises(InputError, match="too early"):
            await store.posts.add("keeper", broken(), PROVENANCE)
        assert await store.posts.posts("keeper") == [post(1, "as it was")]
        assert len(await store.posts.imports("keeper")) == 1
        assert await store.posts.add("keeper", [post(2)], PROVENANCE) == Added(1, 0, 0)

    async def test_provenance_is_asked_for_after_the_last_post(self, store: Store) -> None:
        read: list[int] = []

        def reading() -> Iterator[Post]:
            for number in (1, 2):
                read.append(number)
                yield post(number)

        await store.posts.add("keeper", reading(), lambda: replace(PROVENANCE, file_digest=f"after {read}"))
        await store.posts.add("keeper", [], PROVENANCE)
        digests = [found.file_digest for found in await store.posts.imports("keeper")]
        assert digests == ["after [1, 2]", PROVENANCE.file_digest]

    async def test_other_processes_write_while_an_import_reads(self, store: Store, file: Path) -> None:
        def reading() -> Iterator[Post]:
            yield from map(post, range(2_500))  # more than a batch, so that the import has begun to write
            with closing(sqlite3.connect(file, timeout=0)) as other, other:
                other.execute("INSERT INTO trainers VALUES ('other', 1, 1.0)")
                other.execute(INSERT_POST.format(text="from elsewhere"))
            yield post(9_999)

        assert await store.posts.add("keeper", reading(), PROVENANCE) == Added(2_500, 1, 0)

    async def test_handles_and_summaries(self, store: Store) -> None:
        for handle in ("vacuum", "keeper"):
            await store.posts.add(handle, [post(1)], PROVENANCE)
        assert await store.posts.handles() == ["keeper", "vacuum"]
        assert await store.posts.summary("keeper") is None
        await store.posts.save_summary(SUMMARY)
        await store.posts.save_summary(replace(SUMMARY, handle="artist"))
        await store.posts.save_summary(replace(SUMMARY, kept=451))
        assert await store.posts.summary("keeper") == replace(SUMMARY, kept=451)
        assert [summary.handle for summary in await store.posts.summaries()] == ["artist", "keeper"]

    _handles = itertools.count()

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        groups=st.dictionaries(st.integers(1, 2_000), st.integers(0, 3), min_size=1, max_size=14),
        shuffle=st.randoms(use_true_random=False),
        imports=st.integers(1, 4),
    )
    async def test_edits_in_any_order_and_any_imports_end_the_same(
        self, store: Store, groups: dict[int, int], shuffle: Random, imports: int
    ) -> None:
        """Ids of one to four digits; each of up to four posts has any number of versions."""
        handle = f"h{next(self._handles)}"
        first: dict[int, int] = {}
        last: dict[int, int] = {}
        for number, group in sorted(groups.items()):
            first.setdefault(group, number)
            last[group] = number
        versions = [
            post(number, edit_of=None if first[group] == number else first[group])
            for number, group in groups.items()
        ]
        shuffle.shuffle(versions)
        added = [await store.posts.add(handle, versions[part::imports], PROVENANCE) for part in range(imports)]
        assert [int(found.id) for found in await store.posts.posts(handle)] == sorted(last.values())
        assert sum(part.new for part in added) == len(last)


class TestVoicesAndReplies:
    async def test_voices(self, store: Store) -> None:
        for key, loss in (("k1", 3.5), ("k2", 3.25), ("k1", 3.0)):
            await store.voices.add(key, "keeper-vacuum", ("keeper", "vacuum"), "builtin", 5.5, loss, {"posts": 7})
        found = await store.voices.get("k1")
        assert found is not None
        assert (found.handles, found.held_out_loss, found.record) == (("keeper", "vacuum"), 3.0, {"posts": 7})
        assert await store.voices.newest("keeper-vacuum") == found
        assert [voice.key for voice in await store.voices.all()] == ["k1", "k2"]
        assert await store.voices.remove("k1")
        assert not await store.voices.remove("k1")
        assert await store.voices.get("k1") is None
        assert await store.voices.newest("nobody") is None

    async def test_replies_and_rejections(self, store: Store) -> None:
        for seed in (1, 2**40):
            await store.replies.add("k1", "How is the fog?", "Thick.", seed, "terminal")
        await store.replies.add("k2", "", "Dust!", 3, "terminal")
        assert [reply.seed for reply in await store.replies.recent("k1")] == [2**40, 1]
        assert [reply.text for reply in await store.replies.recent(limit=2)] == ["Dust!", "Thick."]
        await store.replies.count_rejections("k1", Counter(link=2, copy=1))
        await store.replies.count_rejections("k1", Counter(link=3))
        await store.replies.count_rejections("k2", Counter(copy=5))
        await store.replies.count_rejections("k2", Counter())
        assert await store.replies.rejections("k1") == {"link": 5, "copy": 1}
        assert await store.replies.rejections() == {"link": 5, "copy": 6}


class TestForget:
    async def test_everything_that_involves_the_handle_goes_and_nothing_else(self, store: Store) -> None:
        for handle in ("keeper", "vacuum"):
            await store.posts.add(handle, [post(1), post(2)], PROVENANCE)
            await store.posts.save_summary(replace(SUMMARY, handle=handle))
        for key, handles in (("k1", ("keeper",)), ("k2", ("keeper", "vacuum")), ("k3", ("vacuum",))):
            await store.voices.add(key, voice_name(handles), handles, "builtin", 5.0, 4.0, {})
            await store.runs.enqueue(RunWish(key, handles, "builtin", {}, "ann"))
            await store.replies.add(key, "", "Hello.", 0, "terminal")
            await store.replies.count_rejections(key, Counter(link=1))
        at_work = await store.runs.claim("trainer", 60, 3)
        assert at_work is not None

        forgotten = await store.forget("keeper")

        assert {table: count for table, count in forgotten.counts.items() if count} == {
            "posts": 2, "imports": 1, "summaries": 1, "runs": 2, "voices": 2, "replies": 2, "rejections": 2
        }  # fmt: skip
        assert (forgotten.voice_keys, forgotten.run_ids) == (("k1", "k2"), (1, 2))
        assert await store.runs.heartbeat(at_work, 60, {}) == "cancel"
        assert not await store.runs.finish(at_work)
        assert await store.posts.handles() == ["vacuum"]
        assert [voice.key for voice in await store.voices.all()] == ["k3"]
        assert [run.voice_key for run in await store.runs.active()] == ["k3"]
        assert [reply.voice_key for reply in await store.replies.recent()] == ["k3"]
        assert await store.replies.rejections() == {"link": 1}
        assert sum((await store.forget("keeper")).counts.values()) == 0


class TestOpening:
    @pytest.mark.parametrize("revision", ["0001", "0002"])
    async def test_an_old_database_is_brought_up_to_date_with_its_posts(
        self, tmp_path: Path, revision: str
    ) -> None:
        file = tmp_path / "mynah.db"
        engine = create_engine(f"sqlite:///{file}")
        with engine.begin() as connection:
            upgrade_schema(connection, revision)
            connection.exec_driver_sql(INSERT_POST.format(text="text 1"))
        engine.dispose()
        for _ in range(2):
            async with open_store(url_of(file)) as store:
                assert await store.posts.posts("keeper") == [post(1)]
                assert await store.voices.all() == []
                assert await store.runs.active() == []

    async def test_migrations_and_tables_agree(self, store: Store, file: Path, tmp_path: Path) -> None:
        engine = create_engine(f"sqlite:///{tmp_path / 'tables.db'}")
        metadata.create_all(engine)
        engine.dispose()

        def schema(path: Path) -> dict[str, str]:
            with closing(sqlite3.connect(path)) as connection:
                rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
                return {name: " ".join(sql.split()) for name, sql in rows if name != "alembic_version"}

        assert schema(file) == schema(tmp_path / "tables.db")

    async def test_connections_are_set_up_for_several_processes(self, store: Store) -> None:
        async with store._database.engine.connect() as first, store._database.writer.engine.connect() as second:
            for connection in (first, second):
                for pragma, value in (("journal_mode", "wal"), ("foreign_keys", 1), ("busy_timeout", 10_000)):
                    assert (await connection.exec_driver_sql(f"PRAGMA {pragma}")).scalar() == value

    async def test_the_switch_to_write_ahead_mode_waits_for_a_writer(self, tmp_path: Path) -> None:
        """SQLite itself refuses it at once, whatever the busy timeout; two first openers can meet there."""
        file = tmp_path / "mynah.db"
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("CREATE TABLE notes (note)")
            other.execute("BEGIN IMMEDIATE")
            opening = asyncio.create_task(add_to(file))
            await asyncio.sleep(0.2)
            assert not opening.done()
            other.execute("COMMIT")
            assert await opening == Added(1, 0, 0)

    async def test_a_database_of_a_newer_version_is_refused(self, store: Store, file: Path) -> None:
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(InputError, match="newer Mynah"):
            async with open_store(url_of(file)):
                pass

    async def test_what_can_not_be_a_database_is_refused_in_words(self, tmp_path: Path) -> None:
        (tmp_path / "letter.txt").write_text("Dear diary, " * 100)
        refused = {
            "postgres": "URL",
            "sqlite:///x.db": "URL",
            "sqlite+aiosqlite://": "must be a file",
            url_of(tmp_path / "letter.txt"): "not a database",
            url_of(tmp_path / "letter.txt" / "mynah.db"): "check the file and its folder",
            url_of(tmp_path): "unable to open",
        }
        for url, words in refused.items():
            with pytest.raises(InputError, match=words):
                async with open_store(url):
                    pass
