"""What people decided about their handles, what refuses them everywhere, and how they are forgotten."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    Integer,
    String,
    Text,
    create_engine,
    insert,
    select,
)

from bot.erasing import is_here, opt_out
from bot.imitator import Imitator, Occasion
from bot.shelf import VoiceShelf
from data.collect import collect
from data.errors import RefusedError
from data.posts import Post, Provenance, voice_name
from data.samples import SAMPLES
from data.settings import Settings
from data.store import ChannelVoice, Right, RunWish, Store, open_store
from data.store.consent import MOST_OPT_OUTS, OPERATOR
from data.store.tables import UtcTime, metadata
from tests.discord_fronts import BabblingEngine, store_voice
from tests.posts import bring, posts
from tests.tiny_voices import full_voice
from trainer.child import Nursery
from trainer.job import Job
from trainer.recipe import Recipe
from trainer.wish import load_corpora
from trainer.worker import Trainer

ADA, BO, HERE, THERE = "discord:1", "discord:2", "discord:10", "discord:20"
PROVENANCE = Provenance("json-lines", "x", "0" * 64, datetime(2026, 11, 21, tzinfo=UTC), "a test")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, base="builtin", offline=True, _env_file=None)


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[Store]:
    async with open_store(settings.database) as opened:
        yield opened


class TestRights:
    async def test_the_owner_says_who_may_use_a_voice(self, store: Store) -> None:
        used: dict[str, list[bool]] = {}
        for audience in ("owner", "place", "everyone"):
            await store.consent.claim(Right("ada", ADA, HERE, audience))  # type: ignore[arg-type]  # one of them
            asking = [(ADA, THERE), (BO, HERE), (BO, THERE)]
            used[audience] = ["ada" in await store.consent.usable(["ada"], *who) for who in asking]
        assert used == {
            "owner": [True, False, False],
            "place": [True, True, False],
            "everyone": [True, True, True],
        }

    async def test_what_the_operator_brought_is_everybodys(self, store: Store) -> None:
        assert await store.consent.right("keeper") is None
        assert await store.consent.usable(["keeper"], BO, THERE) == {"keeper"}

    async def test_a_right_is_its_owners(self, store: Store) -> None:
        await store.consent.claim(Right("ada", ADA, HERE))
        with pytest.raises(RefusedError, match="brought by another account"):
            await store.consent.claim(Right("ada", BO, HERE, "everyone"))
        with pytest.raises(RefusedError, match="opt out of it here"):
            await store.consent.refuse_stranger("ada", BO)
        await store.consent.refuse_stranger("ada", ADA)
        await store.consent.refuse_stranger("nobody", BO)
        await store.consent.claim(Right("ada", ADA, HERE, "owner", game=True))
        assert await store.consent.owned_by(ADA) == [Right("ada", ADA, HERE, "owner", game=True)]
        assert await store.consent.owned_by(BO) == []

    async def test_posts_and_right_come_together_or_not_at_all(self, store: Store) -> None:
        await store.consent.claim(Right("ada", BO, HERE))
        with pytest.raises(RefusedError, match="another account"):
            await store.posts.add("ada", posts("ada", 3), PROVENANCE, Right("ada", ADA, HERE))
        assert await store.posts.handles() == []
        await store.posts.add("bo", posts("bo", 3), PROVENANCE, Right("bo", BO, HERE))
        assert [right.handle for right in await store.consent.owned_by(BO)] == ["ada", "bo"]


class TestOptOuts:
    async def test_an_opted_out_voice_is_nobodys_to_use(self, store: Store) -> None:
        await store.consent.claim(Right("ada", ADA, HERE, "everyone"))
        await store.consent.opt_out("ada", BO)
        assert await store.consent.usable(["ada", "bo"], ADA, HERE) == {"bo"}
        with pytest.raises(RefusedError, match="@ada has opted out"):
            await store.consent.refuse_opted_out(["bo", "ada"])

    async def test_one_person_silences_few_handles_but_always_their_own(self, store: Store) -> None:
        for number in range(MOST_OPT_OUTS):
            await store.consent.opt_out(f"handle{number}", ADA)
        await store.consent.opt_out("handle0", ADA)
        with pytest.raises(RefusedError, match="ask the operator"):
            await store.consent.opt_out("another", ADA)
        await store.consent.claim(Right("ada", ADA, HERE))
        await store.consent.opt_out("ada", ADA)
        await store.consent.opt_out("another", BO)
        assert len(await store.consent.all_opt_outs()) == MOST_OPT_OUTS + 2

    async def test_only_who_asked_or_the_operator_lifts_it(self, store: Store) -> None:
        await store.consent.opt_out("ada", ADA)
        with pytest.raises(RefusedError, match="Another account"):
            await store.consent.opt_in("ada", BO)
        assert await store.consent.opt_in("ada", ADA)
        assert not await store.consent.opt_in("ada", ADA)
        await store.consent.opt_out("ada", ADA)
        assert await store.consent.opt_in("ada")

    async def test_the_owners_word_counts_more_than_the_first_and_the_operators_most(self, store: Store) -> None:
        async def entered() -> str:
            return (await store.consent.all_opt_outs())[0].person

        await store.consent.claim(Right("ada", ADA, HERE))
        await store.consent.opt_out("ada", BO)
        assert await entered() == BO
        await store.consent.opt_out("ada", "discord:3")
        with pytest.raises(RefusedError):  # nobody can tell whose the handle is, so neither lifts it for the other
            await store.consent.opt_in("ada", BO)
        await store.consent.opt_out("ada", ADA)
        assert await entered() == ADA
        await store.consent.opt_out("ada", BO)
        assert await entered() == ADA
        await store.consent.opt_out("ada", None)
        await store.consent.opt_out("ada", ADA)
        assert await entered() == OPERATOR
        with pytest.raises(RefusedError):
            await store.consent.opt_in("ada", ADA)

    async def test_a_wish_for_erasure_stays_until_the_operator_saw_to_it(self, store: Store) -> None:
        async def waits() -> bool:
            return (await store.consent.all_opt_outs())[0].wants_erasure

        await store.consent.opt_out("ada", BO, wants_erasure=True)
        await store.consent.opt_out("ada", ADA)
        assert await waits()
        await store.consent.erased("ada")
        assert not await waits()
        assert await store.consent.opted_out(["ada"]) == {"ada"}


class TestRefusedEverywhere:
    """An opted-out handle can't be imported, trained or spoken."""

    async def test_importing(self, store: Store, settings: Settings) -> None:
        [(handle, archive), *_] = SAMPLES.items()
        await store.consent.opt_out(handle, ADA)
        with pytest.raises(RefusedError, match="opted out"):
            await collect(store, archive, bounds=settings.imports, consent="a test")
        assert await store.posts.handles() == []

    async def test_importing_where_the_opt_out_comes_while_it_is_read(
        self, store: Store, settings: Settings
    ) -> None:
        def opting_out() -> Iterator[Post]:
            yield from posts("ada", 3)
            # Another process, as the store is in the middle of an import.
            engine = create_engine(f"sqlite:///{settings.home / 'mynah.db'}")
            with engine.begin() as connection:
                row = {"handle": "ada", "person": BO, "wants_erasure": False, "since": datetime.now(UTC)}
                connection.execute(insert(metadata.tables["opt_outs"]), row)
            engine.dispose()

        with pytest.raises(RefusedError, match="opted out"):
            await store.posts.add("ada", opting_out(), PROVENANCE)
        assert await store.posts.handles() == []

    async def test_asking_for_a_voice(self, store: Store) -> None:
        await bring(store, "keeper")
        await store.consent.opt_out("keeper", ADA)
        with pytest.raises(RefusedError, match="opted out"):
            await load_corpora(store, ["keeper"], "default")

    async def test_a_queued_run_ends_and_one_that_is_claimed_all_the_same_fails(
        self, store: Store, settings: Settings
    ) -> None:
        await bring(store, "keeper")
        wishes = [RunWish(f"voice{number}", ("keeper",), "builtin", {}, ADA) for number in range(2)]
        first, _ = await store.runs.enqueue(wishes[0])
        assert await opt_out(store, "keeper", BO) == 1
        ended = await store.runs.get(first.id)
        assert ended is not None
        assert ended.state == "cancelled"
        second, _ = await store.runs.enqueue(wishes[1])
        trainer = Trainer(settings, store, Nursery())
        assert await trainer._turn()  # without its warm-up, which loads torch
        failed = await store.runs.get(second.id)
        assert failed is not None
        assert (failed.state, "opted out" in (failed.error or "")) == ("failed", True)
        assert not settings.runs.exists() or list(settings.runs.iterdir()) == []

    async def test_a_voice_that_is_done_is_not_published(
        self, store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The opt-out comes while the last step is taken."""
        run, _ = await store.runs.enqueue(RunWish("voice", ("keeper",), "builtin", {}, ADA))

        class Done:
            """A child that has just ended well."""

            error, progress = None, {}  # type: ignore[var-annotated]  # as trainer.child.Child has them

            async def wait(self) -> None:
                await store.consent.opt_out("keeper", BO)

            def kill(self) -> None:
                pass

            def death_sentence(self) -> None:
                return None

        async def prepared(_run: object) -> None:
            folder = settings.runs / str(run.id)
            Job("voice", "builtin", "", Recipe(), ()).write(folder)
            full_voice(folder / "voice")

        nursery = Nursery()
        trainer = Trainer(settings, store, nursery)
        monkeypatch.setattr(nursery, "start", lambda folder, hear: Done())
        monkeypatch.setattr(trainer, "_prepare", prepared)
        assert await trainer._turn()
        failed = await store.runs.get(run.id)
        assert failed is not None
        assert (failed.state, "opted out" in (failed.error or "")) == ("failed", True)
        assert not settings.voices.exists()
        assert list(settings.runs.iterdir()) == []

    async def test_speaking(self, store: Store, settings: Settings) -> None:
        voice = await store_voice(store, settings, "ada", "bo")
        async with VoiceShelf(BabblingEngine(), 10) as shelf:
            imitator = Imitator(shelf, store, settings)
            await imitator.answer(voice, "fog?", occasion=Occasion("test"))
            await store.consent.opt_out("bo", BO)
            with pytest.raises(RefusedError, match="@bo has opted out"):
                await imitator.answer(voice, "fog?", occasion=Occasion("test"))
            with pytest.raises(RefusedError, match="@bo has opted out"):
                await imitator.continue_opening(voice, "Fog", 1, occasion=Occasion("test"))

    async def test_speaking_where_the_opt_out_comes_while_it_thinks(
        self, store: Store, settings: Settings
    ) -> None:
        voice = await store_voice(store, settings, "ada")

        class Betrayed(VoiceShelf):
            async def speak(self, *arguments: Any) -> Any:
                await store.consent.opt_out("ada", BO)
                return await super().speak(*arguments)

        async with Betrayed(BabblingEngine(), 10) as shelf:
            with pytest.raises(RefusedError, match="@ada has opted out"):
                await Imitator(shelf, store, settings).answer(voice, "fog?", occasion=Occasion("test"))
        assert await store.replies.recent() == []


class TestForgetting:
    async def test_a_handle_goes_with_all_that_refers_to_it_and_nothing_else(
        self, store: Store, settings: Settings
    ) -> None:
        for handles in (("ada",), ("ada", "bo"), ("bo",)):
            await self._live(store, settings, handles)
        await store.consent.opt_out("ada", ADA)
        forgotten = await store.forget("ada")
        counts = forgotten.counts
        assert {kind: counts[kind] for kind in ("posts", "imports", "rights")} == {
            "posts": 3,
            "imports": 1,
            "rights": 1,
        }
        of_both_voices = (
            "runs",
            "voices",
            "cards",
            "channels",
            "replies",
            "reports",
            "rounds",
            "votes",
            "rejections",
        )
        assert {kind: counts[kind] for kind in of_both_voices} == dict.fromkeys(of_both_voices, 2)
        assert set(forgotten.voice_keys) == {"key-ada", "key-ada-bo"}
        assert not await is_here(store, "ada")
        assert await store.consent.opted_out(["ada"]) == {"ada"}
        assert [voice.name for voice in await store.voices.all()] == ["bo"]
        assert [card.run_id for card in await store.cards.open()] == [3]
        assert len(await store.replies.reports()) == 1
        assert await store.game.blind_test("key-bo") == (1, 1)
        assert await store.game.blind_test("key-ada") == (0, 0)
        assert [score.votes for score in await store.game.leaderboard(HERE)] == [1]
        assert await store.places.voice_of("discord:channel-of-bo") is not None
        assert await store.places.voice_of("discord:channel-of-ada-bo") is None
        assert (await store.forget("ada")).counts == dict.fromkeys(counts, 0)

    async def _live(self, store: Store, settings: Settings, handles: tuple[str, ...]) -> None:
        """A voice with a corpus, a run and its card, a channel, a reported reply and a round of the game."""
        name = voice_name(handles)
        key = (await store_voice(store, settings, *handles)).record.key
        if len(handles) == 1:
            await store.posts.add(name, posts(name, 3), PROVENANCE, Right(name, f"discord:{name}", HERE))
        run, _ = await store.runs.enqueue(RunWish(key, handles, "builtin", {}, BO))
        await store.cards.add(run.id, place=HERE, channel="discord:5", message="7", person=BO)
        await store.places.set_voice(ChannelVoice(f"discord:channel-of-{name}", HERE, name, BO))
        reply = await store.replies.add(key, "fog?", "Fog.", 1, "discord", BO, HERE)
        await store.replies.report(reply, BO, "rude")
        await store.replies.count_rejections(key, {"empty": 1})
        rounds = await store.game.begin(key, place=HERE, real="Fog.", made="Gulls.", real_first=True)
        await store.game.vote(rounds.id, BO, right=True)

    async def test_what_is_shown_of_a_person_is_all_that_names_them_and_all_of_it_goes(
        self, store: Store, settings: Settings
    ) -> None:
        """Over every table with a column for a person, so that a later table can't be left out."""
        columns = [
            column
            for table in metadata.sorted_tables
            for column in table.columns
            if column.name in ("person", "owner", "requested_by")
        ]
        assert len(columns) >= 9
        engine = create_engine(f"sqlite:///{settings.home / 'mynah.db'}")
        with engine.begin() as connection:
            for column in columns:
                for person in (ADA, BO):
                    row = {other.name: _value(other, person) for other in column.table.columns}
                    connection.execute(insert(column.table).values({**row, column.name: person}))

        shown = await store.records_of(ADA)
        assert set(shown) == {column.table.name for column in columns}
        assert BO not in str(shown)
        await store.forget_person(ADA)
        left = await store.records_of(ADA)
        # What keeps a handle away, what goes with its corpus, and what keeps the bot away.
        assert set(left) == {"opt_outs", "rights", "silences"}
        assert {kind: len(rows) for kind, rows in (await store.records_of(BO)).items()} == {
            kind: len(rows) for kind, rows in shown.items()
        }
        with engine.connect() as connection:
            for column in columns:
                if column.table.name not in left:
                    assert ADA not in str(connection.execute(select(column.table)).all())
        engine.dispose()

    async def test_reports_of_what_a_person_was_told_go_with_it(self, store: Store) -> None:
        reply = await store.replies.add("key", "fog?", "Fog.", 1, "discord", ADA, HERE)
        await store.replies.report(reply, BO, "rude")
        assert (await store.forget_person(ADA))["reports"] == 1
        assert await store.replies.reports() == []

    async def test_who_was_reported_does_not_learn_by_whom(self, store: Store) -> None:
        reply = await store.replies.add("key", "fog?", "Fog.", 1, "discord", ADA, HERE)
        await store.replies.report(reply, BO, "rude")
        assert set(await store.records_of(ADA)) == {"replies"}
        [report] = (await store.records_of(BO))["reports"]
        assert report["reason"] == "rude"

    async def test_records_are_plain_values(self, store: Store) -> None:
        await store.consent.claim(Right("ada", ADA, HERE))
        [right] = (await store.records_of(ADA))["rights"]
        assert right.pop("since").tzinfo is not None
        assert right == asdict(Right("ada", ADA, HERE))


def _value(column: Column[Any], person: str) -> object:
    """Something for a column, different for each person where rows are told apart by it."""
    number = int(person.removeprefix("discord:"))
    if column.name in ("person", "owner"):
        return person
    kinds: list[tuple[Any, object]] = [
        (UtcTime, datetime.now(UTC)),
        (Boolean, False),
        (BigInteger, 1),
        (Integer, number),
        (Double, 1.0),
        (JSON, []),
        (Text, "text"),
        (String, f"some {column.name} {number}"),
    ]
    return next(value for kind, value in kinds if isinstance(column.type, kind))
