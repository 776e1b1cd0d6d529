"""From a mention to a reply: candidates, gates, ranking, record. The engine is scripted where the words matter."""

import json
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from bot.imitator import FIRST_CANDIDATES, Imitator, Occasion
from bot.shelf import VoiceShelf
from data.errors import NothingToSayError
from data.settings import Settings
from data.store import Store, open_store
from tests.tiny_voices import full_voice
from trainer.engine import Continuation, Line, Sampling
from trainer.voice import Voice

POSTS = ["The fog came in at noon and the gull had opinions about it.", "Soup again tonight, four stars."]


class ScriptedEngine:
    """Keeps to the seam; says the next thing on its list for every line."""

    memory_bytes = 1

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = iter(texts)
        self.lines: list[Line] = []
        self.sampling = Sampling()

    def load(self, voice: Voice) -> "ScriptedEngine":
        return self

    def speak(self, lines: Sequence[Line], sampling: Sampling) -> list[Continuation]:
        self.lines += lines
        self.sampling = sampling
        return [Continuation(next(self._texts), finished=True) for _ in lines]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, speak={"candidates": 4}, _env_file=None)


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[Store]:
    async with open_store(settings.database) as opened:
        yield opened


@pytest.fixture
def voice(tmp_path: Path) -> Voice:
    made = full_voice(tmp_path / "voice")
    (made.folder / "posts.json").write_text(json.dumps(POSTS))
    return made


async def test_the_answer_is_the_candidate_that_fits(store: Store, settings: Settings, voice: Voice) -> None:
    engine = ScriptedEngine(
        [" fog is late.", " boat is late.", "My fog is thick.", "Nothing much to report."] + ["x"] * 4
    )
    async with VoiceShelf(engine, 10) as shelf:
        imitator = Imitator(shelf, store, settings)
        reply = await imitator.answer(voice, "what about the fog?", occasion=Occasion("test"), seed=5)
    assert "fog" in reply.text.lower()
    assert reply.voice == "keeper"
    assert reply.prompt == "what about the fog?"
    assert reply.seed in range(5, 9)
    logged = await store.replies.recent()
    assert [(entry.text, entry.seed, entry.front) for entry in logged] == [(reply.text, reply.seed, "test")]


@pytest.mark.parametrize(("takes_topics", "topics"), [(True, ("Gull", "fog")), (False, ())])
async def test_a_voice_that_knows_topics_is_told_them(
    store: Store, settings: Settings, voice: Voice, takes_topics: bool, topics: tuple[str, ...]
) -> None:
    record = replace(voice.record, takes_topics=takes_topics)
    engine = ScriptedEngine([" is late."] * 8)
    async with VoiceShelf(engine, 10) as shelf:
        imitator = Imitator(shelf, store, settings)
        told = replace(voice, record=record)
        await imitator.answer(told, "What does your Gull think of fog?", occasion=Occasion("test"), seed=5)
        assert {tuple(sorted(line.topics)) for line in engine.lines} == {topics}
        engine.lines.clear()
        await imitator.continue_opening(told, "The gull", 1, occasion=Occasion("test"))
    assert {line.topics for line in engine.lines} == {()}


async def test_a_topic_that_became_another_word_is_no_answer(
    store: Store, settings: Settings, voice: Voice
) -> None:
    texts = ["gy days are over at the lamp.", "horn is late tonight.", "", "Nothing much to report."]
    async with VoiceShelf(ScriptedEngine(texts), 10) as shelf:
        imitator = Imitator(shelf, store, settings)
        reply = await imitator.answer(voice, "what about the fog?", occasion=Occasion("test"))
    assert reply.text == "Nothing much to report."


async def test_where_no_spaces_are_set_a_topic_goes_on_as_it_likes(
    store: Store, settings: Settings, voice: Voice
) -> None:
    posts = ["駅の猫は今日も眠そうだ。", "駅の猫は黒い鞄を隠した。"]
    (voice.folder / "posts.json").write_text(json.dumps(posts))
    engine = ScriptedEngine(["静かに待っている。", "何もありません。"] * 4)
    async with VoiceShelf(engine, 10) as shelf:
        reply = await Imitator(shelf, store, settings).answer(voice, "駅の猫は?", occasion=Occasion("test"))
    assert reply.text == "駅の猫は静かに待っている。"


@pytest.mark.parametrize(("spelled", "longest"), [(0.0, 80), (0.27, 80), (0.45, 120), (3.0, 160)])
async def test_what_is_spelled_in_pieces_may_be_as_long_as_english(
    store: Store, settings: Settings, voice: Voice, spelled: float, longest: int
) -> None:
    voice = replace(voice, record=replace(voice.record, tokens_per_character=spelled))
    engine = ScriptedEngine(["Nothing much to report."] * 8)
    async with VoiceShelf(engine, 10) as shelf:
        await Imitator(shelf, store, settings).continue_opening(voice, "", 1, occasion=Occasion("test"))
    assert engine.sampling.max_tokens == longest


async def test_copies_and_live_mentions_are_never_said_and_are_counted(
    store: Store, settings: Settings, voice: Voice
) -> None:
    bad = [POSTS[0], "Ask @somebody about it.", "See https://example.com now.", ""]
    async with VoiceShelf(ScriptedEngine(bad * 2), 10) as shelf:
        imitator = Imitator(shelf, store, settings)
        with pytest.raises(NothingToSayError, match="ask again"):
            await imitator.answer(voice, "?", occasion=Occasion("test"))
    assert imitator.rejected == {"copy_exact": 2, "live_mention": 2, "link": 2, "empty": 2}
    assert await store.replies.rejections(voice.record.key) == {
        "copy_exact": 2,
        "live_mention": 2,
        "link": 2,
        "empty": 2,
    }
    assert await store.replies.recent() == []


async def test_a_second_try_is_made_with_other_seeds(store: Store, settings: Settings, voice: Voice) -> None:
    engine = ScriptedEngine([""] * 4 + ["All is well at the lamp tonight."] * 4)
    async with VoiceShelf(engine, 10) as shelf:
        imitator = Imitator(shelf, store, settings)
        reply = await imitator.answer(voice, "?", occasion=Occasion("test"), seed=100)
    assert reply.text == "All is well at the lamp tonight."
    assert [line.seed for line in engine.lines] == list(range(100, 108))


@pytest.fixture
def ten_candidates(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, speak={"candidates": 10}, _env_file=None)


async def test_an_answer_is_chosen_among_a_few_on_topic(
    store: Store, ten_candidates: Settings, voice: Voice
) -> None:
    engine = ScriptedEngine(f" of {number} lamps is lit tonight." for number in range(100))
    async with VoiceShelf(engine, 10) as shelf:
        imitator = Imitator(shelf, store, ten_candidates)
        await imitator.answer(voice, "what about the fog?", occasion=Occasion("test"))
    assert len(engine.lines) == FIRST_CANDIDATES
    assert all("fog" in line.opening.lower() for line in engine.lines)


class EndingEngine(ScriptedEngine):
    """Its lines end in the order of their texts' lengths, and it stops where its listener has heard enough."""

    def speak(self, lines: Sequence[Line], sampling: Sampling) -> list[Continuation]:
        said = dict(zip(lines, super().speak(lines, sampling), strict=True))
        for place, line in enumerate(ended := sorted(lines, key=lambda line: len(said[line].text))):
            if line.listener is not None and line.listener.enough(line, said[line]):
                said |= {other: Continuation("and", False, called_off=True) for other in ended[place + 1 :]}
                break
        return list(said.values())


@pytest.mark.parametrize("seed", range(40))
async def test_calling_off_does_not_change_the_answer(
    store: Store, ten_candidates: Settings, voice: Voice, seed: int
) -> None:
    chance = Random(seed)
    words = ["fog", "gull", "noon", "https://example.com", "is late", "was there", "again", "tonight"]
    texts = [
        " " + " ".join(chance.choices(words, k=chance.randint(1, 9))) + chance.choice([".", "", " and"])
        for _ in range(20)
    ]
    question = chance.choice(["what about the fog?", "why?", "is the fog a gull?"])
    answers, called_off = [], []
    for engine in (ScriptedEngine(texts), EndingEngine(texts)):
        async with VoiceShelf(engine, 10) as shelf:
            imitator = Imitator(shelf, store, ten_candidates)
            answers.append(await imitator.answer(voice, question, occasion=Occasion("test"), seed=100))
            called_off.append(imitator.rejected.total())
    assert answers[0].text == answers[1].text
    assert answers[0].seed == answers[1].seed
    assert called_off[1] <= called_off[0]  # what was called off counts as nothing


async def test_a_certain_answer_ends_the_drawing(store: Store, ten_candidates: Settings, voice: Voice) -> None:
    heard: list[bool] = []

    class Listened(ScriptedEngine):
        def speak(self, lines: Sequence[Line], sampling: Sampling) -> list[Continuation]:
            said = super().speak(lines, sampling)
            for place in (1, 2, 0):  # the first in order ends last
                listener = lines[place].listener
                assert listener is not None
                heard.append(listener.enough(lines[place], said[place]))
            return said

    engine = Listened([" is late and long, too.", " of lamps is lit tonight.", " is a"])
    async with VoiceShelf(engine, 10) as shelf:
        imitator = Imitator(shelf, store, ten_candidates)
        await imitator.answer(voice, "what about the fog?", occasion=Occasion("test"))
    assert heard == [False, False, True]


async def test_where_none_of_the_few_passes_all_others_are_drawn(
    store: Store, ten_candidates: Settings, voice: Voice
) -> None:
    few = [" https://example.com"] * FIRST_CANDIDATES
    engine = ScriptedEngine([*few, *(f" of {number} lamps is lit tonight." for number in range(100))])
    async with VoiceShelf(engine, 10) as shelf:
        imitator = Imitator(shelf, store, ten_candidates)
        await imitator.answer(voice, "what about the fog?", occasion=Occasion("test"), seed=100)
    assert sorted(line.seed for line in engine.lines) == list(range(100, 110))
    assert {bool(line.opening) for line in engine.lines} == {True, False}


async def test_nothing_is_said_after_twice_the_candidates(
    store: Store, ten_candidates: Settings, voice: Voice
) -> None:
    engine = ScriptedEngine(["https://example.com"] * 100)
    async with VoiceShelf(engine, 10) as shelf:
        imitator = Imitator(shelf, store, ten_candidates)
        with pytest.raises(NothingToSayError):
            await imitator.answer(voice, "what about the fog?", occasion=Occasion("test"))
    assert len(engine.lines) == 20


async def test_say_gives_so_many_distinct_texts_with_the_opening(
    store: Store, settings: Settings, voice: Voice
) -> None:
    texts = [f" number {word} is lit." for word in ("one", "two", "two", "three", "four", "five", "six", "seven")]
    async with VoiceShelf(ScriptedEngine(texts), 10) as shelf:
        imitator = Imitator(shelf, store, settings)
        replies = await imitator.continue_opening(voice, "Lamp", 3, occasion=Occasion("test"), seed=0)
    assert [reply.text for reply in replies] == [f"Lamp{texts[place]}" for place in (0, 1, 3)]
    assert [reply.seed for reply in replies] == [0, 1, 3]
