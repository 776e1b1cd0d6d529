"""Loaded voices, within a memory limit: they come on demand, and those asked for least make room.

Generation blocks for up to seconds, so it runs on one thread beside the event loop; on another one the next voice
is loaded meanwhile. Requests that wait together for one voice are spoken as one batch.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from trainer.engine import Continuation, Engine, Line, Sampling, Speaker
from trainer.voice import Voice

LARGEST_BATCH = 64  # lines; more gain nothing on a CPU and make those who wait wait longer
# Requests after which all counts are halved. Simulated with a thousand voices by a Zipf law, of which 73 fit, 42 %
# of the requests then meet a voice that is not loaded; if the longest unused one goes it is 47 %, and if nothing
# is ever forgotten 35 %, but 69 % once other voices become the favourites.
COUNTED_REQUESTS = 500


@dataclass(frozen=True, eq=False)
class _Request:
    voice: Voice
    lines: Sequence[Line]
    sampling: Sampling
    answer: "asyncio.Future[list[Continuation]]"

    @property
    def key(self) -> str:
        return self.voice.record.key

    def fits(self, other: "_Request") -> bool:
        return self.key == other.key and self.sampling == other.sampling


class VoiceShelf:
    """`async with VoiceShelf(engine, memory_bytes) as shelf: await shelf.speak(...)`."""

    def __init__(self, engine: Engine, memory_bytes: int) -> None:
        self._engine = engine
        self._memory_bytes = memory_bytes
        self._loaded: OrderedDict[str, Speaker] = OrderedDict()  # the most recently used last
        self._asked: Counter[str] = Counter()  # requests by voice, the older ones counting less
        self._coming: dict[str, asyncio.Task[Speaker]] = {}  # voices that are being loaded
        self._waiting: list[_Request] = []
        self._news = asyncio.Event()
        self._speaking = ThreadPoolExecutor(1, thread_name_prefix="speak")
        self._loading = ThreadPoolExecutor(1, thread_name_prefix="load")
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
        for task in self._coming.values():
            task.cancel()
        for request in self._waiting:
            request.answer.cancel()
        for thread in (self._speaking, self._loading):  # they may be at work still
            await asyncio.to_thread(thread.shutdown)

    @property
    def loaded(self) -> list[str]:
        """Keys of the loaded voices, the longest unused first."""
        return list(self._loaded)

    def expect(self, voice: Voice) -> None:
        """Begin to load a voice that is about to speak; one at a time, as it comes on top of the memory limit."""
        if not self._coming and voice.record.key not in self._loaded:
            # What is wrong with it is said to whoever lets it speak, as that loads it again.
            self._begin_loading(voice).add_done_callback(lambda task: task.cancelled() or task.exception())

    async def speak(
        self, voice: Voice, lines: Sequence[Line], sampling: Sampling, again: bool = False
    ) -> list[Continuation]:
        """Continue each line in that voice; `again` goes before all others, as it has waited before.

        Raises MynahError where the voice can't be loaded.
        """
        answer: asyncio.Future[list[Continuation]] = asyncio.get_running_loop().create_future()
        request = _Request(voice, lines, sampling, answer)
        self._count(request.key)
        self._waiting.insert(0 if again else len(self._waiting), request)
        self.expect(voice)
        self._news.set()
        return await request.answer

    def forget(self, key: str) -> None:
        """Drop a voice that was deleted or replaced."""
        self._loaded.pop(key, None)
        self._coming.pop(key, None)

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
        oldest = batch[0]
        lines = [line for request in batch for line in request.lines]
        loop = asyncio.get_running_loop()
        try:
            speaker = await self._speaker(oldest.voice)
            for request in self._waiting:
                self.expect(request.voice)
            spoken = await loop.run_in_executor(self._speaking, speaker.speak, lines, oldest.sampling)
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

    async def _speaker(self, voice: Voice) -> Speaker:
        """The voice, loaded."""
        key = voice.record.key
        if key in self._loaded:
            self._loaded.move_to_end(key)
            return self._loaded[key]
        return await (self._coming.get(key) or self._begin_loading(voice))

    def _begin_loading(self, voice: Voice) -> asyncio.Task[Speaker]:
        task = self._coming[voice.record.key] = asyncio.create_task(self._load(voice), name="voice loading")
        return task

    async def _load(self, voice: Voice) -> Speaker:
        key, task = voice.record.key, asyncio.current_task()
        try:
            speaker = await asyncio.get_running_loop().run_in_executor(self._loading, self._engine.load, voice)
            if self._coming.get(key) is task:  # else it was forgotten meanwhile
                self._loaded[key] = speaker
                self._make_room(key)
            return speaker
        finally:
            if self._coming.get(key) is task:
                del self._coming[key]

    def _count(self, key: str) -> None:
        self._asked[key] += 1
        if self._asked.total() > COUNTED_REQUESTS:
            self._asked = +Counter({key: count // 2 for key, count in self._asked.items()})

    def _make_room(self, newest: str) -> None:
        """That voice stays even where it is too large alone: it was asked for."""
        needed = {request.key for request in self._waiting}
        while len(self._loaded) > 1 and sum(s.memory_bytes for s in self._loaded.values()) > self._memory_bytes:
            others = (key for key in self._loaded if key != newest)
            # Of equals the longest unused.
            del self._loaded[min(others, key=lambda key: (key in needed, self._asked[key]))]
