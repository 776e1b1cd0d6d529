"""A timeline as a source: read once, in whatever pieces, by one person's right and under one row."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bot.platforms import NoAccountError, NotDoneError
from bot.timelines import Timelines
from bot.timelines.reading import UnfinishedError
from data.collect import Collected
from data.errors import InputError, MynahError, RefusedError
from data.posts import Post, timeline_cursor
from data.settings import ImportSettings, Settings
from data.store import Store, open_store
from tests.posts import bring
from tests.timeline_doubles import TimelinePlatform, permitted
from trainer.wish import load_corpora


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return permitted(tmp_path)


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[Store]:
    async with open_store(settings.database) as opened:
        yield opened


@pytest.fixture
def platform() -> TimelinePlatform:
    return TimelinePlatform()


async def read(store: Store, settings: Settings, platform: TimelinePlatform, **about: Any) -> Collected:
    """Look @keeper up and fetch: what the command does."""
    timelines = Timelines(store, settings, longest_wait=0.0)
    return await timelines.fetch(platform, await timelines.look(platform, "@Keeper"), **about)


async def cursor(store: Store, platform: str = "x", handle: str = "keeper") -> Any:
    return await store.standing.cursor(timeline_cursor(platform, handle))


async def test_a_timeline_becomes_a_corpus_with_one_import(
    store: Store, settings: Settings, platform: TimelinePlatform
) -> None:
    written = platform.write("keeper", 35)
    came: list[int] = []
    collected = await read(store, settings, platform, progress=came.append)
    assert (collected.added.new, collected.corpus.counts.downloaded, sum(came)) == (35, 35, 35)
    assert [post.id for post in await store.posts.posts("keeper")] == [post.id for post in written]
    (origin,) = await store.posts.imports("keeper")
    assert (origin.source, origin.file_name, origin.may_train, origin.may_publish) == (
        "x-api",
        "@keeper",
        True,
        False,
    )
    assert "written permission" in origin.consent
    assert collected.provenance == origin
    digest = hashlib.sha256(b"").hexdigest()
    for post in reversed(written):
        digest = hashlib.sha256(f"{digest}\n{post.id}\n{post.text}".encode()).hexdigest()
    assert origin.file_digest == digest
    summary = await store.posts.summary("keeper")
    assert summary is not None
    assert (summary.kept, summary.digest) == (collected.corpus.counts.kept, collected.corpus.digest)
    value = await cursor(store)
    assert (value["account"], value["newest"], value["complete"], value["posts"]) == (
        "id-0",
        written[-1].id,
        True,
        35,
    )


@pytest.mark.parametrize("page", range(1, 6))
async def test_interrupted_at_any_page_it_goes_on_there_and_asks_for_nothing_twice(
    store: Store, settings: Settings, platform: TimelinePlatform, page: int
) -> None:
    written = platform.write("keeper", 45)
    platform.errors = {page: NotDoneError("X's limit is used up for 300 seconds.", 300)}
    with pytest.raises(MynahError, match="limit is used up") as stopped:
        await read(store, settings, platform)
    kept = 10 * (page - 1)
    assert len(await store.posts.posts("keeper")) == kept
    if kept:
        assert isinstance(stopped.value, UnfinishedError)
        assert f"{kept} posts of @keeper are kept" in str(stopped.value)
        (unfinished,) = await store.posts.imports("keeper")
        assert (await store.posts.summary("keeper")).downloaded == kept  # type: ignore[union-attr]
    collected = await read(store, settings, platform)
    assert collected.corpus.counts.downloaded == 45
    assert sorted(platform.given) == [post.id for post in written]
    (origin,) = await store.posts.imports("keeper")
    if kept:
        assert origin.imported_at == unfinished.imported_at
        assert origin.file_digest != unfinished.file_digest


async def test_the_digest_does_not_tell_how_often_it_was_interrupted(
    store: Store, settings: Settings, platform: TimelinePlatform, tmp_path: Path
) -> None:
    platform.write("keeper", 45)
    platform.errors = {2: NotDoneError("Wait.", 300), 4: NotDoneError("Wait.", 300)}
    for _ in range(2):
        with pytest.raises(UnfinishedError):
            await read(store, settings, platform)
    piecemeal = (await read(store, settings, platform)).provenance.file_digest
    elsewhere = permitted(tmp_path / "elsewhere")
    async with open_store(elsewhere.database) as other:
        assert (await read(other, elsewhere, platform)).provenance.file_digest == piecemeal


async def test_only_what_is_newer_is_asked_for_the_next_time(
    store: Store, settings: Settings, platform: TimelinePlatform
) -> None:
    platform.write("keeper", 25)
    await read(store, settings, platform, consent="Keeper, by letter", may_publish=True)
    fresh = platform.write("keeper", 4)
    platform.given.clear()
    timelines = Timelines(store, settings)
    prospect = await timelines.look(platform, "keeper")
    assert (prospect.quote.posts, prospect.quote.dollars) == (4, pytest.approx(0.02))
    assert prospect.quote.saved == pytest.approx(25 * 0.005)
    collected = await timelines.fetch(platform, prospect)
    assert sorted(platform.given) == [post.id for post in fresh]
    assert (collected.added.new, collected.corpus.counts.downloaded) == (4, 29)
    imports = await store.posts.imports("keeper")
    assert [(row.consent, row.may_publish) for row in imports] == [("Keeper, by letter", True)] * 2
    platform.given.clear()
    collected = await read(store, settings, platform)
    assert (collected.added.new, platform.given) == (0, [])
    assert len(await store.posts.imports("keeper")) == 2  # nothing came, so there is nothing to account for


async def test_what_was_posted_during_an_interrupted_import_comes_too_and_once(
    store: Store, settings: Settings, platform: TimelinePlatform
) -> None:
    platform.write("keeper", 30)
    platform.errors = {3: NotDoneError("Wait.", 300)}
    with pytest.raises(UnfinishedError):
        await read(store, settings, platform)
    platform.write("keeper", 25)
    platform.errors = {6: NotDoneError("Wait.", 300)}  # in the midst of what is new
    with pytest.raises(UnfinishedError):
        await read(store, settings, platform)
    last = platform.write("keeper", 3)
    collected = await read(store, settings, platform)
    assert collected.corpus.counts.downloaded == 58
    assert len(platform.given) == len(set(platform.given)) == 58
    assert len(await store.posts.imports("keeper")) == 1
    value = await cursor(store)
    assert (value["newest"], value["complete"], value["posts"]) == (last[-1].id, True, 58)
    platform.given.clear()
    await read(store, settings, platform)
    assert platform.given == []


async def test_every_quote_of_an_interrupted_import_is_of_what_is_left(
    store: Store, settings: Settings, platform: TimelinePlatform
) -> None:
    platform.page = 100
    platform.write("keeper", 4_000)
    timelines = Timelines(store, settings, longest_wait=0.0)
    prospect = await timelines.look(platform, "keeper")
    assert (prospect.quote.posts, prospect.quote.dollars) == (3_200, pytest.approx(16.0))
    platform.errors = {11: NotDoneError("Wait.", 300)}
    with pytest.raises(UnfinishedError):
        await timelines.fetch(platform, prospect)
    rest = (await timelines.look(platform, "keeper")).quote
    assert (rest.posts, rest.dollars, rest.saved) == (2_200, pytest.approx(11.0), pytest.approx(5.0))
    await read(store, settings, platform)
    platform.write("keeper", 50)
    fresh = (await timelines.look(platform, "keeper")).quote
    assert (fresh.posts, fresh.saved) == (50, pytest.approx(15.75))


async def test_a_cancelled_import_keeps_its_pages_and_their_counts(
    store: Store, settings: Settings, platform: TimelinePlatform
) -> None:
    platform.write("keeper", 45)
    reached = asyncio.Event()
    task = asyncio.create_task(read(store, settings, platform, progress=lambda posts: reached.set()))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    kept = len(await store.posts.posts("keeper"))
    assert 10 <= kept < 45
    assert (await store.posts.summary("keeper")).downloaded == kept  # type: ignore[union-attr]
    assert (await read(store, settings, platform)).corpus.counts.downloaded == 45


async def test_a_short_wait_is_waited_for(
    store: Store, settings: Settings, platform: TimelinePlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("bot.timelines.reading.asyncio.sleep", sleep)
    platform.write("keeper", 45)
    platform.errors = {2: NotDoneError("Wait.", 20), 3: NotDoneError("Wait.", 20), 5: NotDoneError("Wait.", 60)}
    timelines = Timelines(store, settings)
    collected = await timelines.fetch(platform, await timelines.look(platform, "keeper"))
    assert collected.corpus.counts.downloaded == len(platform.given) == 45
    assert waits == [20, 20, 60]
    platform.write("keeper", 1)
    platform.errors = {number: NotDoneError("Wait.", 40) for number in range(1, 30)}
    with pytest.raises(UnfinishedError, match=r"45 posts of @keeper are kept.* from \d\d:\d\d on"):
        await timelines.fetch(platform, await timelines.look(platform, "keeper"))
    assert waits == [20, 20, 60, 40]  # a second wait of that length is one too long


async def test_half_an_import_can_be_learned_from_under_its_row(
    store: Store, settings: Settings, platform: TimelinePlatform
) -> None:
    platform.page = 100
    platform.write("keeper", 400)
    platform.errors = {4: RefusedError("The month's budget has $0.00 left.")}
    with pytest.raises(UnfinishedError, match="budget") as stopped:
        await read(store, settings, platform)
    assert stopped.value.exit_code == RefusedError.exit_code
    (corpus,) = await load_corpora(store, ["keeper"], "default")
    assert corpus.counts.downloaded == 300
    assert len(await store.posts.imports("keeper")) == 1


@pytest.mark.parametrize(
    ("allowed", "ready", "sentence"),
    [(False, True, "MYNAH_X__TRAINING_PERMITTED"), (True, False, "MYNAH_X__API_KEY")],
)
async def test_x_is_asked_nothing_without_permission_and_keys(
    store: Store, settings: Settings, platform: TimelinePlatform, allowed: bool, ready: bool, sentence: str
) -> None:
    platform.write("keeper", 5)
    x = settings.x.model_copy(
        update={"training_permitted": allowed} | ({} if ready else {"api_key": SecretStr("")})
    )
    with pytest.raises(RefusedError, match=sentence):
        await read(store, settings.model_copy(update={"x": x}), platform)
    assert platform.looked_up == []


async def test_bluesky_takes_no_permission(store: Store, settings: Settings) -> None:
    platform = TimelinePlatform("bluesky")
    platform.write("keeper", 5)
    barred = Settings(home=settings.home, _env_file=None)
    collected = await read(store, barred, platform)
    assert (collected.provenance.source, collected.corpus.counts.downloaded) == ("bluesky", 5)


async def test_who_opted_out_is_never_looked_up(
    store: Store, settings: Settings, platform: TimelinePlatform
) -> None:
    platform.write("keeper", 5)
    await store.consent.opt_out("keeper", None)
    with pytest.raises(RefusedError, match="opted out"):
        await read(store, settings, platform)
    assert platform.looked_up == []


async def test_who_opts_out_meanwhile_gets_no_further_page_stored(
    store: Store, settings: Settings, platform: TimelinePlatform
) -> None:
    platform.write("keeper", 45)
    timelines = Timelines(store, settings)
    prospect = await timelines.look(platform, "keeper")
    await store.consent.opt_out("keeper", None)
    with pytest.raises(RefusedError, match="opted out"):
        await timelines.fetch(platform, prospect)
    assert await store.posts.posts("keeper") == []
    assert await cursor(store) is None


async def test_who_is_forgotten_meanwhile_does_not_come_back(
    store: Store, settings: Settings, platform: TimelinePlatform
) -> None:
    platform.write("keeper", 45)
    tasks: list[asyncio.Task[Any]] = []
    timelines = Timelines(store, settings)

    def forget(posts: int) -> None:
        if not tasks:
            tasks.append(asyncio.ensure_future(store.forget("keeper")))

    original = platform.timeline

    async def slow(*arguments: Any, **about: Any) -> AsyncIterator[Any]:
        async for page in original(*arguments, **about):
            await asyncio.gather(*tasks)
            yield page

    platform.timeline = slow  # type: ignore[method-assign]
    with pytest.raises(RefusedError, match="forgotten"):
        await timelines.fetch(platform, await timelines.look(platform, "keeper"), progress=forget)
    assert await store.posts.posts("keeper") == []
    assert await store.posts.summaries() == []
    assert await cursor(store) is None


async def test_two_who_read_the_same_account_do_not_disturb_each_other(
    store: Store, settings: Settings, platform: TimelinePlatform
) -> None:
    platform.write("keeper", 45)
    timelines = Timelines(store, settings)
    prospects = [await timelines.look(platform, "keeper") for _ in range(2)]
    results = await asyncio.gather(
        *(timelines.fetch(platform, prospect) for prospect in prospects), return_exceptions=True
    )
    assert [type(result) for result in results].count(Collected) == 1
    assert any("another process" in str(result) for result in results)
    assert len(await store.posts.posts("keeper")) == 45
    assert len(await store.posts.imports("keeper")) == 1


async def test_an_account_that_can_not_be_read_leaves_nothing(
    store: Store, settings: Settings, platform: TimelinePlatform
) -> None:
    platform.write("keeper", 5)
    platform.refused["keeper"] = "@keeper is protected; only followers can read it."
    with pytest.raises(NoAccountError, match="protected"):
        await read(store, settings, platform)
    assert (await store.posts.handles(), await cursor(store)) == ([], None)


async def test_an_empty_account_is_told_before_anything_is_read(
    store: Store, settings: Settings, platform: TimelinePlatform
) -> None:
    platform.write("keeper", 0)
    with pytest.raises(InputError, match="not posted anything"):
        await read(store, settings, platform)
    assert platform.asked == []
    platform.write("keeper", 3)
    timelines = Timelines(store, settings)
    prospect = await timelines.look(platform, "keeper")
    platform.posts["id-0"].clear()  # the platform counts what it does not show
    with pytest.raises(InputError, match="shows no posts"):
        await timelines.fetch(platform, prospect)
    assert (await store.posts.handles(), await cursor(store)) == ([], None)


async def test_two_people_under_one_name_are_not_mixed(
    store: Store, settings: Settings, platform: TimelinePlatform
) -> None:
    platform.write("keeper", 15)
    await read(store, settings, platform)
    platform.accounts["keeper"] = "somebody-else"
    platform.write("keeper", 15)
    platform.given.clear()
    with pytest.raises(RefusedError, match="another account now"):
        await read(store, settings, platform)
    assert platform.given == []
    assert len(await store.posts.posts("keeper")) == 15


async def test_one_person_under_two_names_is_not_paid_for_twice(
    store: Store, settings: Settings, platform: TimelinePlatform
) -> None:
    platform.write("keeper", 15)
    await read(store, settings, platform)
    platform.accounts["warden"] = platform.accounts.pop("keeper")
    with pytest.raises(RefusedError, match=r"was called @keeper.*mynah forget keeper"):
        await Timelines(store, settings).look(platform, "warden")


async def test_what_an_archive_holds_is_not_paid_for(
    store: Store, settings: Settings, platform: TimelinePlatform
) -> None:
    written = platform.write("keeper", 30)
    await _bring_archive(store, written[:20])
    timelines = Timelines(store, settings)
    prospect = await timelines.look(platform, "keeper")
    assert (prospect.quote.posts, prospect.quote.saved) == (10, pytest.approx(0.1))
    collected = await timelines.fetch(platform, prospect)
    assert sorted(platform.given) == [post.id for post in written[20:]]
    assert (collected.added.new, collected.corpus.counts.downloaded) == (10, 30)


async def test_an_archive_that_holds_everything_leaves_nothing_to_read(
    store: Store, settings: Settings, platform: TimelinePlatform
) -> None:
    await _bring_archive(store, platform.write("keeper", 20))
    collected = await read(store, settings, platform)
    assert (collected.added.new, collected.provenance.source) == (0, "x-archive")
    assert (await cursor(store))["complete"]


async def test_a_file_that_is_no_archive_saves_nothing(
    store: Store, settings: Settings, platform: TimelinePlatform
) -> None:
    await bring(store, "keeper", count=20)
    platform.write("keeper", 30)
    assert (await Timelines(store, settings).look(platform, "keeper")).quote.posts == 30


async def test_no_more_than_the_settings_take(
    store: Store, settings: Settings, platform: TimelinePlatform
) -> None:
    written = platform.write("keeper", 45)
    few = settings.model_copy(update={"imports": ImportSettings(max_posts=25)})
    collected = await read(store, few, platform)
    assert [post.id for post in await store.posts.posts("keeper")] == [post.id for post in written[20:]]
    assert collected.skipped == {"older than MYNAH_IMPORTS__MAX_POSTS allows": 20}
    fresh = platform.write("keeper", 5)
    platform.given.clear()
    await read(store, few, platform)
    assert sorted(platform.given) == [post.id for post in fresh]


async def test_what_no_database_takes_is_left_out(
    store: Store, settings: Settings, platform: TimelinePlatform
) -> None:
    platform.write("keeper", 1)
    platform.posts["id-0"].append(Post("9999", "Keeper", "NUL \0 and half \ud83d an emoji of mine"))
    collected = await read(store, settings, platform)
    assert collected.corpus.counts.downloaded == 2
    assert (await store.posts.posts("keeper"))[-1].text == "NUL  and half  an emoji of mine"


async def _bring_archive(store: Store, posts: list[Post]) -> None:
    await bring(store, "other")
    (origin,) = await store.posts.imports("other")
    await store.posts.add("keeper", posts, replace(origin, source="x-archive"))
