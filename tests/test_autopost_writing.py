"""From due to written: in the voice, within the platform's length, and never what was said before."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from bot.autopost.said import Said
from bot.autopost.writing import DraftWriter
from bot.catalogue import Catalogue
from bot.gates import Reason
from bot.imitator import Imitator
from bot.shelf import VoiceShelf
from data.settings import Settings
from data.store import Draft, NewDraft, Store, open_store
from data.store.tables import drafts
from tests.autopost_process import VOICE, prepare, settings_for
from tests.discord_fronts import BabblingEngine
from tests.social_doubles import ScriptedPlatform
from tests.x_server import XServer
from trainer.engine import Continuation, Engine, Line, Sampling
from trainer.voice import Voice


class SayingEngine:
    """Keeps to the seam; says one text after the other, the last one again and again."""

    memory_bytes = 1

    def __init__(self, *texts: str) -> None:
        self._texts = list(texts)
        self.lines: list[Line] = []

    def load(self, voice: Voice) -> "SayingEngine":
        return self

    def speak(self, lines: Sequence[Line], sampling: Sampling) -> list[Continuation]:
        self.lines += lines
        return [Continuation(self._next(), finished=True) for _ in lines]

    def _next(self) -> str:
        return self._texts.pop(0) if len(self._texts) > 1 else self._texts[0]


@pytest.fixture(name="settings")
async def _settings(tmp_path: Path) -> Settings:
    return settings_for(XServer(), tmp_path, x={"api_base": "http://127.0.0.1:9"}, autopost={"attempts": 3})


@pytest.fixture(name="store")
async def _store(settings: Settings) -> AsyncIterator[Store]:
    async with open_store(settings.database) as store:
        await prepare(store, settings, posts=("The gull had opinions about the soup again, four stars.",))
        yield store


async def write(store: Store, settings: Settings, engine: Engine) -> list[Draft]:
    """What became of all that was due."""
    due = await store.drafts.in_state("due")
    async with VoiceShelf(engine, 10) as shelf:
        imitator = Imitator(shelf, store, settings)
        writer = DraftWriter(store, settings, imitator, Catalogue(store, settings), {"x": ScriptedPlatform()})
        await writer.write_due()
    return [found for draft in due if (found := await store.drafts.get(draft.id))]


async def enter(store: Store, key: str = "a", **about: Any) -> int:
    number = await store.drafts.enter(NewDraft(**{"key": key, "platform": "x", "voice": VOICE} | about))
    assert number is not None
    return number


async def test_a_post_continues_its_prompt(store: Store, settings: Settings) -> None:
    await enter(store, prompt="The fog is")
    [draft] = await write(store, settings, SayingEngine(" thick tonight."))
    assert (draft.state, draft.text, draft.voice_key) == ("approved", "The fog is thick tonight.", "key-keeper")
    assert (draft.attempts, draft.error) == (0, "")


async def test_it_may_have_to_be_approved(store: Store, settings: Settings) -> None:
    await enter(store, approve=True)
    [draft] = await write(store, settings, BabblingEngine())
    assert draft.state == "draft"


async def test_an_answer_answers(store: Store, settings: Settings) -> None:
    await enter(store, reply_to="12", person="x:7", prompt="What does the gull think?")
    engine = BabblingEngine()
    [draft] = await write(store, settings, engine)
    assert draft.state == "approved"
    assert draft.text
    assert len(engine.lines) > 1  # chosen among several


async def test_the_label_counts(store: Store, settings: Settings) -> None:
    label = len("\n\n🤖 AI parody")
    words = ("boat", "tide", "stair", "sock", "rope", "bell", "crumb", "door", "rain", "moss", "wind")
    whole = " ".join(first + second for first in ("fog", "gull", "lamp") for second in words)[: 280 - label - 1]
    fits, too_long = whole + "." * (280 - label - len(whole)), whole + "." * (281 - label - len(whole))
    assert len(fits) == 280 - label
    for number, (text, state) in enumerate([(too_long, "failed"), (fits, "approved")]):
        await enter(store, str(number))
        [draft] = await write(store, settings, SayingEngine(text))
        assert draft.state == state, (draft, text)
    assert Reason.TOO_LONG in await store.replies.rejections()


async def test_nothing_is_said_twice_nor_nearly(store: Store, settings: Settings) -> None:
    await enter(store, "a")
    [first] = await write(store, settings, SayingEngine("The stair creaks when nobody climbs it."))
    await enter(store, "b")
    engine = SayingEngine(
        "The stair creaks when nobody climbs it!",
        "The stair creaks when nobody climbs it now.",
        "THE STAIR CREAKS when nobody climbs it",
        "Soup is a kind of weather here.",
    )
    [second] = await write(store, settings, engine)
    assert first.text != second.text
    assert second.text == "Soup is a kind of weather here."
    assert Reason.SAID_BEFORE in await store.replies.rejections()


async def test_what_failed_may_be_said_another_time(store: Store, settings: Settings) -> None:
    number = await enter(store, "a")
    await write(store, settings, SayingEngine("The stair creaks when nobody climbs it."))
    await store.drafts.move(number, "approved", "rejected")
    await enter(store, "b")
    [draft] = await write(store, settings, SayingEngine("The stair creaks when nobody climbs it."))
    assert draft.state == "approved"


async def test_two_at_once_do_not_say_the_same(store: Store, settings: Settings) -> None:
    """Both hear the same words first; the engine has others for whoever asks again."""
    for key in "ab":
        await enter(store, key)
    engine = SayingEngine(*["The lamp is lit, as it was."] * 4, "Soup is a kind of weather here.")
    written = await write(store, settings, engine)
    assert [draft.state for draft in written] == ["approved", "approved"]
    assert {draft.text for draft in written} == {"The lamp is lit, as it was.", "Soup is a kind of weather here."}


async def test_two_processes_do_not_say_the_same(store: Store, settings: Settings) -> None:
    for key in "ab":
        await enter(store, key)
    one, two = await store.drafts.in_state("due")
    text = "The lamp is lit, as it was."
    said = Said()  # of a process that has read what was said before the other one wrote
    await store.drafts.write(one, "approved", text, repeats=lambda texts: Said().repeats(text, texts))
    with pytest.raises(Exception, match="Another draft says the same"):
        await store.drafts.write(two, "approved", text, repeats=lambda texts: said.repeats(text, texts))
    again = await store.drafts.get(two.id)
    assert again is not None
    assert again.state == "due"


async def test_many_at_once_all_differ(store: Store, settings: Settings) -> None:
    """The engine knows few texts, so that those who write at once often hear the same."""

    class Forgetful(BabblingEngine):
        def speak(self, lines: Sequence[Line], sampling: Sampling) -> list[Continuation]:
            return super().speak([replace(line, seed=line.seed % 80) for line in lines], sampling)

    for number in range(25):
        await enter(store, str(number))
    written = await write(store, settings, Forgetful())
    assert {draft.state for draft in written} == {"approved"}
    assert len({draft.text for draft in written}) == 25


async def test_a_voice_with_nothing_new_to_say_fails_with_its_sentence(store: Store, settings: Settings) -> None:
    await enter(store)
    engine = SayingEngine("The gull had opinions about the soup again, four stars.")  # is a post of the person's
    [draft] = await write(store, settings, engine)
    assert draft.state == "failed"
    assert draft.attempts == settings.autopost.attempts
    assert "nothing to say" in draft.error
    assert len({line.seed for line in engine.lines}) == len(engine.lines)  # each time by another chance


async def test_who_opted_out_is_not_written(store: Store, settings: Settings) -> None:
    await enter(store)
    await store.consent.opt_out(VOICE, None)
    engine = BabblingEngine()
    [draft] = await write(store, settings, engine)
    assert draft.state == "rejected"
    assert "opted out" in draft.error
    assert not engine.lines


async def test_a_voice_that_is_gone_fails(store: Store, settings: Settings) -> None:
    await enter(store, voice="nobody")
    [draft] = await write(store, settings, BabblingEngine())
    assert draft.state == "failed"
    assert "@nobody" in draft.error


async def test_a_fault_is_tried_again_and_told_with_a_reference(store: Store, settings: Settings) -> None:
    class Faulty(BabblingEngine):
        def speak(self, lines: Sequence[Line], sampling: Sampling) -> list[Continuation]:
            raise KeyError("a fault of the program")

    number = await enter(store)
    for attempt in (1, 2, 3):
        [draft] = await write(store, settings, Faulty())
        assert draft.attempts == attempt
        assert "reference" in draft.error
        if attempt < 3:
            assert draft.state == "due"
            assert draft.not_before > datetime.now(UTC) + timedelta(seconds=30)
            await store.drafts.move(number, "due", "due", not_before=datetime.now(UTC))
    assert draft.state == "failed"


async def test_what_is_too_late_is_not_written(store: Store, settings: Settings) -> None:
    await enter(store, "a")
    await enter(store, "b", reply_to="12", person="x:7", prompt="hello?")
    async with store._database.writer.begin() as connection:
        await connection.execute(update(drafts).values(since=datetime.now(UTC) - timedelta(hours=7)))
    post, answer = await write(store, settings, BabblingEngine())
    assert (post.state, answer.state) == ("failed", "rejected")


async def test_the_blocked_stay_blocked(store: Store, settings: Settings) -> None:
    await enter(store)
    strict = settings.model_copy(update={"gates": settings.gates.model_copy(update={"block_list": ("darn",)})})
    [draft] = await write(store, strict, SayingEngine("The darn boat is late.", "The boat is late."))
    assert draft.text == "The boat is late."


def test_said_learns_what_is_new_and_forgets_what_is_gone() -> None:
    said = Said(["The stair creaks when nobody climbs it."])
    assert said.check("the stair creaks when nobody climbs it") is Reason.SAID_BEFORE
    assert said.check("Soup is a kind of weather here.") is None
    for number in range(40):
        said.learn(
            ["The stair creaks when nobody climbs it.", *(f"Bell number {n} rings." for n in range(number))]
        )
    assert said.check("Bell number 17 rings.") is Reason.SAID_BEFORE
    said.learn(["Bell number 3 rings."])
    assert said.check("The stair creaks when nobody climbs it.") is None
    assert said.repeats("Hm.", ["Hm."])
