"""Voices on demand, within a memory limit, several requests in one batch, the event loop left free."""

import asyncio
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from bot.shelf import LARGEST_BATCH, VoiceShelf
from data.errors import NotFoundError
from tests.tiny_voices import full_voice
from trainer.engine import Continuation, Line, Sampling, open_engine
from trainer.voice import Voice


class CountingSpeaker:
    """Keeps to the seam, and notes what was asked of it."""

    memory_bytes = 100

    def __init__(self, name: str, log: list[tuple[str, int]], gate: threading.Event) -> None:
        self._name = name
        self._log = log
        self._gate = gate

    def speak(self, lines: Sequence[Line], sampling: Sampling) -> list[Continuation]:
        self._gate.wait(10)
        self._log.append((self._name, len(lines)))
        return [Continuation(f"{self._name} {line.opening} {line.seed}", True) for line in lines]


class CountingEngine:
    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.spoken: list[tuple[str, int]] = []
        self.gate = threading.Event()
        self.gate.set()

    def load(self, voice: Voice) -> CountingSpeaker:
        if not voice.folder.exists():
            raise NotFoundError("gone")
        self.loaded.append(voice.record.key)
        return CountingSpeaker(voice.record.key, self.spoken, self.gate)


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> list[Voice]:
    folder = tmp_path_factory.mktemp("voices")
    return [full_voice(folder / name, name) for name in ("a", "b", "c")]


async def test_the_longest_unused_voice_goes_first(voices: list[Voice]) -> None:
    engine = CountingEngine()
    async with VoiceShelf(engine, memory_bytes=250) as shelf:
        for index in (0, 1, 0, 2):
            await shelf.speak(voices[index], [Line("x")], Sampling())
        assert shelf.loaded == ["a", "c"]
        await shelf.speak(voices[0], [Line("x")], Sampling())
    assert engine.loaded == ["a", "b", "c"]


async def test_a_voice_that_many_ask_for_outlasts_those_that_one_asked_for_since(voices: list[Voice]) -> None:
    engine = CountingEngine()
    async with VoiceShelf(engine, memory_bytes=250) as shelf:
        for index in (0, 0, 1, 2, 1):
            await shelf.speak(voices[index], [Line("x")], Sampling())
        assert shelf.loaded == ["a", "b"]
    assert engine.loaded == ["a", "b", "c", "b"]


async def test_favourites_of_long_ago_make_room(voices: list[Voice], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.shelf.COUNTED_REQUESTS", 8)
    async with VoiceShelf(CountingEngine(), memory_bytes=250) as shelf:
        for index in (0, 0, 0, *[1, 2] * 6):
            await shelf.speak(voices[index], [Line("x")], Sampling())
        assert set(shelf.loaded) == {"b", "c"}


async def test_the_next_voice_is_loaded_while_one_speaks(voices: list[Voice]) -> None:
    engine = CountingEngine()
    engine.gate.clear()
    async with VoiceShelf(engine, 1000) as shelf:
        speaking = [
            asyncio.create_task(shelf.speak(voices[index], [Line("x")], Sampling())) for index in (0, 1, 2)
        ]
        async with asyncio.timeout(10):
            while shelf.loaded != ["a", "b"]:  # noqa: ASYNC110 - the shelf tells nobody
                await asyncio.sleep(0.01)
        assert engine.spoken == []
        assert engine.loaded == ["a", "b"]  # one ahead and no more, as it comes on top of the limit
        engine.gate.set()
        await asyncio.gather(*speaking)
    assert engine.spoken == [("a", 1), ("b", 1), ("c", 1)]


async def test_an_expected_voice_is_loaded_once_and_a_forgotten_one_is_not_kept(voices: list[Voice]) -> None:
    engine = CountingEngine()
    async with VoiceShelf(engine, 1000) as shelf:
        shelf.expect(voices[0])
        await shelf.speak(voices[0], [Line("x")], Sampling())
        assert engine.loaded == ["a"]
        shelf.expect(voices[1])
        shelf.forget("b")
        await shelf.speak(voices[0], [Line("x")], Sampling())
        assert shelf.loaded == ["a"]


async def test_requests_that_wait_together_share_a_batch_and_get_their_own(voices: list[Voice]) -> None:
    engine = CountingEngine()
    engine.gate.clear()
    async with VoiceShelf(engine, 1000) as shelf:
        first = asyncio.create_task(shelf.speak(voices[0], [Line("first", 1)], Sampling()))
        await asyncio.sleep(0.05)
        waiting = [
            asyncio.create_task(shelf.speak(voices[index], [Line(f"{number}", number)] * 2, Sampling()))
            for number, index in enumerate([0, 1, 0, 0])
        ]
        await asyncio.sleep(0.05)
        engine.gate.set()
        await first
        answers = await asyncio.gather(*waiting)
    assert engine.spoken == [("a", 1), ("a", 6), ("b", 2)]
    assert [[c.text for c in answer] for answer in answers] == [
        [f"{name} {number} {number}"] * 2 for number, name in enumerate(["a", "b", "a", "a"])
    ]


async def test_other_sampling_is_another_batch_and_batches_are_bounded(voices: list[Voice]) -> None:
    engine = CountingEngine()
    engine.gate.clear()
    async with VoiceShelf(engine, 1000) as shelf:
        tasks = [asyncio.create_task(shelf.speak(voices[0], [Line("x")], Sampling()))]
        await asyncio.sleep(0.05)
        tasks += [
            asyncio.create_task(shelf.speak(voices[0], [Line("x")] * LARGEST_BATCH, Sampling())),
            asyncio.create_task(shelf.speak(voices[0], [Line("x")], Sampling(temperature=0.5))),
            asyncio.create_task(shelf.speak(voices[0], [Line("x")], Sampling())),
        ]
        await asyncio.sleep(0.05)
        engine.gate.set()
        await asyncio.gather(*tasks)
    assert engine.spoken == [("a", 1), ("a", LARGEST_BATCH), ("a", 1), ("a", 1)]


async def test_whoever_asks_again_is_heard_first(voices: list[Voice]) -> None:
    engine = CountingEngine()
    engine.gate.clear()
    async with VoiceShelf(engine, 1000) as shelf:
        tasks = [asyncio.create_task(shelf.speak(voices[index], [Line("x")], Sampling())) for index in (0, 1)]
        await asyncio.sleep(0.05)
        tasks.append(asyncio.create_task(shelf.speak(voices[2], [Line("x")], Sampling(), again=True)))
        await asyncio.sleep(0.05)
        engine.gate.set()
        await asyncio.gather(*tasks)
    assert [name for name, _ in engine.spoken] == ["a", "c", "b"]


async def test_an_error_reaches_those_who_asked_and_nobody_else(voices: list[Voice], tmp_path: Path) -> None:
    gone = Voice(voices[0].record, tmp_path / "gone")
    async with VoiceShelf(CountingEngine(), 1000) as shelf:
        with pytest.raises(NotFoundError):
            await shelf.speak(gone, [Line("x")], Sampling())
        assert await shelf.speak(voices[1], [Line("x")], Sampling())


async def test_the_event_loop_stays_free_while_a_real_voice_speaks(voices: list[Voice], tmp_path: Path) -> None:
    longest = 0.0
    async with VoiceShelf(open_engine("cpu", tmp_path / "cache"), 2**30) as shelf:
        speaking = asyncio.create_task(
            shelf.speak(voices[0], [Line("The lamp", seed) for seed in range(20)], Sampling(max_tokens=40))
        )
        while not speaking.done():
            started = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - started)
        assert len(await speaking) == 20
    assert longest < 0.5


async def test_a_request_given_up_is_not_spoken(voices: list[Voice]) -> None:
    engine = CountingEngine()
    engine.gate.clear()
    async with VoiceShelf(engine, 1000) as shelf:
        first = asyncio.create_task(shelf.speak(voices[0], [Line("x")], Sampling()))
        await asyncio.sleep(0.05)
        second = asyncio.create_task(shelf.speak(voices[1], [Line("x")], Sampling()))
        await asyncio.sleep(0.05)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        engine.gate.set()
        await first
    assert engine.spoken == [("a", 1)]
