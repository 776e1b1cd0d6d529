"""Mentions on X and Bluesky: who is answered, by which voice, how often, and who is not, whatever happens."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.fronts.social.summons import SummonsDesk, asks_for_silence
from data.settings import GateSettings, Settings, XSettings
from data.store import Draft, Right, Store, open_store
from tests.discord_fronts import store_voice
from tests.social_doubles import OWN, ScriptedPlatform


@pytest.fixture(name="platform")
def _platform() -> ScriptedPlatform:
    return ScriptedPlatform()


@pytest.fixture(name="settings")
def _settings(tmp_path: Path) -> Settings:
    gates = GateSettings(block_list=("herring",))
    return Settings(home=tmp_path, x=XSettings(voice="keeper"), gates=gates, _env_file=None)


@pytest.fixture(name="store")
async def _store(settings: Settings) -> AsyncIterator[Store]:
    async with open_store(settings.database) as store:
        await store_voice(store, settings, "keeper")
        await store_voice(store, settings, "gull")
        yield store


def desk_of(platform: ScriptedPlatform, settings: Settings, store: Store) -> SummonsDesk:
    return SummonsDesk(platform, OWN, settings.x, settings, store)


@pytest.fixture(name="desk")
async def _desk(platform: ScriptedPlatform, settings: Settings, store: Store) -> SummonsDesk:
    """It has looked once, so that all that is said from now on is new to it."""
    desk = desk_of(platform, settings, store)
    await desk.look()
    return desk


async def due(store: Store) -> list[Draft]:
    return await store.drafts.in_state("due")


async def asked(store: Store) -> list[str]:
    return [draft.prompt for draft in await due(store)]


# Once each, and nothing from before


async def test_nothing_older_than_the_start_is_answered(
    platform: ScriptedPlatform, settings: Settings, store: Store
) -> None:
    platform.say("Was I first?")
    desk = desk_of(platform, settings, store)
    assert await desk.look() == 0
    platform.say("Am I new?")
    assert await desk.look() == 1
    assert await asked(store) == ["Am I new?"]


async def test_a_mention_becomes_an_answer_that_is_due(
    platform: ScriptedPlatform, desk: SummonsDesk, store: Store
) -> None:
    summons = platform.say("  How is @anna's\nfog?", author="7", thread="55")
    assert await desk.look() == 1
    (draft,) = await due(store)
    assert (draft.key, draft.platform, draft.voice) == (f"x mention {summons.id}", "x", "keeper")
    assert (draft.prompt, draft.reply_to) == ("How is anna's fog?", summons.id)
    assert (draft.person, draft.thread, draft.approve) == ("x:7", "55", False)
    assert await desk.look() == 0


async def test_a_restart_goes_on_where_the_last_process_was(
    platform: ScriptedPlatform, settings: Settings, desk: SummonsDesk, store: Store
) -> None:
    platform.say("One?")
    await desk.look()
    platform.say("Two?")
    assert await desk_of(platform, settings, store).look() == 1
    assert await asked(store) == ["One?", "Two?"]


async def test_what_is_heard_twice_is_answered_once_and_counts_once(
    platform: ScriptedPlatform, desk: SummonsDesk, store: Store
) -> None:
    for number in range(4):
        platform.say(f"Question {number}?", thread=f"t{number}")
    await desk.look()
    await store.standing.move("mentions x", "0")
    platform.say("The fifth?", thread="t4")
    assert await desk.look() == 1
    assert len(await due(store)) == 5


async def test_an_edited_mention_is_answered_once_and_under_its_newest_id(
    platform: ScriptedPlatform, desk: SummonsDesk, store: Store
) -> None:
    first = platform.say("How is teh fog?")
    assert await desk.look() == 1
    second = platform.edit(first, "How is the fog?")
    assert await desk.look() == 0
    platform.edit(second, "How is the fog today?")
    assert await desk.look() == 0
    before = platform.say("as @nobody how is the sea?")
    assert await desk.look() == 0
    after = platform.edit(before, "as @gull how is the sea?")  # one that was passed over may be put right
    assert await desk.look() == 1
    assert [(draft.key, draft.reply_to) for draft in await due(store)] == [
        (f"x mention {first.id}", first.id),
        (f"x mention {before.id}", after.id),
    ]


async def test_a_mention_edited_into_stop_is_obeyed(
    platform: ScriptedPlatform, desk: SummonsDesk, store: Store
) -> None:
    first = platform.say("How is the fog?")
    await desk.look()
    platform.edit(first, "stop")
    await desk.look()
    assert await due(store) == []
    assert set(await store.standing.silenced()) == {"x:7"}


async def test_an_old_mention_is_passed_over(platform: ScriptedPlatform, desk: SummonsDesk, store: Store) -> None:
    platform.say("Long ago?", minutes=61)
    platform.say("A while ago?", minutes=59)
    await desk.look()
    assert await asked(store) == ["A while ago?"]


async def test_the_bot_does_not_answer_itself(platform: ScriptedPlatform, desk: SummonsDesk) -> None:
    platform.say("Hello, me.", author=OWN)
    assert await desk.look() == 0


# Silence


@pytest.mark.parametrize(
    "text",
    ["stop", "STOP!!", "Stop it.", "unsubscribe", "be quiet", "Quiet, please", "@anna @bob_2 stop", "🛑 Stop"],
)
def test_whole_texts_that_ask_for_silence(text: str) -> None:
    assert asks_for_silence(text)


@pytest.mark.parametrize("text", ["", "please", "Where does the bus stop?", "stop the fog", "non-stop", "@stop"])
def test_texts_that_do_not(text: str) -> None:
    assert not asks_for_silence(text)


async def test_stop_is_obeyed_for_ever(
    platform: ScriptedPlatform, settings: Settings, desk: SummonsDesk, store: Store
) -> None:
    platform.say("First?", author="7")
    platform.say("Other?", author="8")
    await desk.look()
    platform.say("Second?", author="7")
    platform.say("Stop!", author="7")
    platform.say("as @keeper Third?", author="7")
    assert await desk.look() == 0
    assert await asked(store) == ["Other?"]
    assert [draft.prompt for draft in await store.drafts.in_state("rejected")] == ["First?"]
    platform.say("Fourth?", author="7")
    assert await desk_of(platform, settings, store).look() == 0
    assert set(await store.standing.silenced()) == {"x:7"}


async def test_an_old_stop_is_obeyed_too(platform: ScriptedPlatform, desk: SummonsDesk) -> None:
    platform.say("stop", minutes=600)
    platform.say("Still there?")
    assert await desk.look() == 0


async def test_an_answer_that_comes_back_from_sending_falls_silent(
    platform: ScriptedPlatform, desk: SummonsDesk, store: Store
) -> None:
    platform.say("First?")
    await desk.look()
    (draft,) = await due(store)
    await store.drafts.move(draft.id, "due", "approved", text="Fog.")
    await store.drafts.claim("x", 60)
    platform.say("stop")
    await desk.look()
    await store.drafts.move(draft.id, "posting", "approved")
    await desk.look()
    assert [draft.id for draft in await store.drafts.in_state("rejected")] == [draft.id]


# Limits


async def test_a_person_gets_so_many_answers_a_day(
    platform: ScriptedPlatform, desk: SummonsDesk, store: Store
) -> None:
    for number in range(4):
        platform.say(f"Question {number}?", thread=f"t{number}")
    assert await desk.look() == 4
    for number in range(4, 8):
        platform.say(f"Question {number}?", thread=f"t{number}")
    platform.say("Me too?", author="8")
    assert await desk.look() == 2
    assert await asked(store) == [*(f"Question {number}?" for number in range(5)), "Me too?"]


async def test_a_person_gets_so_many_answers_in_a_thread(
    platform: ScriptedPlatform, desk: SummonsDesk, store: Store
) -> None:
    for number in range(5):
        platform.say(f"Question {number}?", thread="t")
    platform.say("Elsewhere?", thread="u")
    assert await desk.look() == 4
    assert await asked(store) == ["Question 0?", "Question 1?", "Question 2?", "Elsewhere?"]


async def test_another_bot_that_answers_everything_gets_no_more_than_a_person(
    platform: ScriptedPlatform, desk: SummonsDesk, store: Store
) -> None:
    for _ in range(20):  # in one thread, once after each answer
        platform.say("Indeed!", author="bot", thread="t")
        await desk.look()
    assert len(await due(store)) == 3
    for number in range(20):  # and beginning a new thread each time
        platform.say("Indeed!", author="bot", thread=f"t{number}")
        await desk.look()
    assert len(await due(store)) == 5


async def test_no_limit_is_none(platform: ScriptedPlatform, settings: Settings, store: Store) -> None:
    settings = settings.model_copy(update={"x": XSettings(voice="keeper", person_answers=0, thread_answers=0)})
    desk = desk_of(platform, settings, store)
    await desk.look()
    for number in range(30):
        platform.say(f"Question {number}?")
    assert await desk.look() == 30


# What is asked, and of whom


@pytest.mark.parametrize("text", ["Do you like h e r r i n g?", "You retard."])
async def test_blocked_words_are_passed_over(platform: ScriptedPlatform, desk: SummonsDesk, text: str) -> None:
    platform.say(text)
    with capture_logs() as logs:
        assert await desk.look() == 0
    assert "blocked" in logs[0]["why"]


async def test_a_mention_names_its_voice(platform: ScriptedPlatform, desk: SummonsDesk, store: Store) -> None:
    platform.say("@anna as @GULL: how is the sea?")
    platform.say("How is the gull?")
    await desk.look()
    assert [(draft.voice, draft.prompt) for draft in await due(store)] == [
        ("gull", "how is the sea?"),
        ("keeper", "How is the gull?"),
    ]


async def test_a_voice_that_is_not_there_is_no_answer(platform: ScriptedPlatform, desk: SummonsDesk) -> None:
    platform.say("as @nobody who are you?")
    platform.say("as @a+@b+@c+@d who are you?")
    assert await desk.look() == 0


async def test_without_a_voice_nothing_is_said_which_is_said_once(
    platform: ScriptedPlatform, settings: Settings, store: Store
) -> None:
    desk = desk_of(platform, settings.model_copy(update={"x": XSettings()}), store)
    await desk.look()
    platform.say("One?")
    platform.say("Two?")
    with capture_logs() as logs:
        assert await desk.look() == 0
    warnings = [entry["event"] for entry in logs if entry["log_level"] == "warning"]
    assert len(warnings) == 1
    assert "MYNAH_X__VOICE" in warnings[0]


async def test_what_its_owner_keeps_back_is_passed_over_in_silence(
    platform: ScriptedPlatform, desk: SummonsDesk, store: Store
) -> None:
    await store.consent.claim(Right("gull", "discord:1", "discord:2", "place"))
    await store.consent.opt_out("keeper", None)
    platform.say("as @gull how is the sea?")
    platform.say("How is the fog?")
    with capture_logs() as logs:
        assert await desk.look() == 0
    assert {entry["log_level"] for entry in logs} == {"info"}
    assert not platform.published
