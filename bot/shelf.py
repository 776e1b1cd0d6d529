"""Loaded voices, within a memory limit: they come on demand and the longest unused one goes first.

Generation blocks for up to seconds, so it runs on one thread beside the event loop. Requests that wait together
for one voice are spoken as one batch.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from trainer.engine import Continuation, Engine, Line, Sampling, Speaker
from trainer.voice import Voice

LARGEST_BATCH = 64  # lines; more gain nothing on a CPU and make those who wait wait longer


@dataclass(frozen=True)
class _Request:
    voice: Voice
    lines: Sequence[Line]
    sampling: Sampling
    answer: "asyncio.Future[list[Continuation]]"

    def fits(self, other: "_Request") -> bool:
        return self.voice.record.key == other.voice.record.key and self.sampling == other.sampling


class VoiceShelf:
    """`async with VoiceShelf(engine, memory_bytes) as shelf: await shelf.speak(...)`."""

    def __init__(self, engine: Engine, memory_bytes: int) -> None:
        self._engine = engine
        self._memory_bytes = memory_bytes
        self._loaded: OrderedDict[str, Speaker] = OrderedDict()  # the most recently used last
        self._waiting: list[_Request] = []
        self._news = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="speak")
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._serve(), name="voice shelf")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        for request in self._waiting:
            request.answer.cancel()
        await asyncio.to_thread(self._thread.shutdown)  # it may be speaking still

    @property
    def loaded(self) -> list[str]:
        """Keys of the loaded voices, the longest unused first."""
        return list(self._loaded)

    async def speak(self, voice: Voice, lines: Sequence[Line], sampling: Sampling) -> list[Continuation]:
        """Continue each line in that voice. Raises MynahError where the voice can't be loaded."""
        request = _Request(voice, lines, sampling, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        self._news.set()
        return await request.answer

    def forget(self, key: str) -> None:
        """Drop a voice that was deleted or replaced."""
        self._loaded.pop(key, None)

    async def _serve(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while batch := self._next_batch():
                await self._speak_together(batch)

    def _next_batch(self) -> list[_Request]:
        """The oldest request and those behind it that want the same voice in the same way."""
        self._waiting = [request for request in self._waiting if not request.answer.done()]
        batch: list[_Request] = []
        size = 0
        for request in self._waiting:
            if not batch or (request.fits(batch[0]) and size + len(request.lines) <= LARGEST_BATCH):
                batch.append(request)
                size += len(request.lines)
        self._waiting = [request for request in self._waiting if request not in batch]
        return batch

    async def _speak_together(self, batch: list[_Request]) -> None:
        lines = [line for request in batch for line in request.lines]
        loop = asyncio.get_running_loop()
        try:
            spoken = await loop.run_in_executor(
                self._thread, self._speak_blocking, batch[0].voice, lines, batch[0].sampling
            )
        except asyncio.CancelledError:  # the shelf closes
            for request in batch:
                request.answer.cancel()
            raise
        except Exception as error:  # whatever it was belongs to those who asked, not to the shelf
            for request in batch:
                if not request.answer.done():
                    request.answer.set_exception(error)
            return
        for request in batch:
            own, spoken = spoken[: len(request.lines)], spoken[len(request.lines) :]
            if not request.answer.done():
                request.answer.set_result(own)

    def _speak_blocking(self, voice: Voice, lines: Sequence[Line], sampling: Sampling) -> list[Continuation]:
        key = voice.record.key
        speaker = self._loaded.get(key)
        if speaker is None:
            speaker = self._engine.load(voice)
            self._loaded[key] = speaker
            self._make_room()
        self._loaded.move_to_end(key)
        return speaker.speak(lines, sampling)

    def _make_room(self) -> None:
        """The voice just loaded stays even where it is too large alone: it was asked for."""
        while len(self._loaded) > 1 and sum(s.memory_bytes for s in self._loaded.values()) > self._memory_bytes:
            self._loaded.popitem(last=False)
