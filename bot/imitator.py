"""Answers in a person's voice: draw candidates, gate them, rank them, record what is said."""

import asyncio
import secrets
from collections import Counter, OrderedDict
from dataclasses import asdict, dataclass
from typing import Any

from bot.gates import BlockList, Candidate, Gates, Reason, judge
from bot.gates.copies import CopyIndex
from bot.relevance import Relevance
from bot.shelf import VoiceShelf
from data.errors import NothingToSayError
from data.settings import Settings
from data.store import ReplyLog
from trainer.engine import Line, Sampling
from trainer.voice import Voice

TRIES = 2
REMEMBERED_VOICES = 32  # whose posts are indexed for the gates; a few MB each
LARGEST_SEED = 2**31 - 1


@dataclass(frozen=True)
class Reply:
    """Text that passed every gate, and the seed that drew it."""

    text: str
    prompt: str
    seed: int
    voice: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class _Knowledge:
    """What is known of a voice's training posts."""

    gates: Gates
    relevance: Relevance


class Imitator:
    """Speaks as any voice on the shelf."""

    def __init__(self, shelf: VoiceShelf, replies: ReplyLog, settings: Settings) -> None:
        self._shelf = shelf
        self._replies = replies
        self._settings = settings.speak
        self._block_list = BlockList(settings.gates.block_list)
        self._known: OrderedDict[str, _Knowledge] = OrderedDict()
        self.rejected: Counter[Reason] = Counter()  # since the process started

    async def continue_opening(
        self, voice: Voice, opening: str, count: int, *, front: str, seed: int | None = None
    ) -> list[Reply]:
        """Up to `count` posts that start with `opening`. Raises NothingToSayError where none passed the gates."""
        knowledge = await self._knowledge(voice)
        opening = " ".join(opening.split())
        first = _seed(seed)
        passed: list[Candidate] = []
        for _ in range(TRIES):
            # Those still missing, and half as many again, as about a third falls at the gates.
            lines = [Line(opening, first + number) for number in range(-(-(count - len(passed)) * 3 // 2))]
            passed += await self._draw(voice, knowledge, lines)
            if len(passed) >= count:
                break
            first += len(lines)
        return await self._say(voice, opening, _distinct(passed)[:count], front)

    async def answer(self, voice: Voice, mention: str, *, front: str, seed: int | None = None) -> Reply:
        """The candidate that fits the mention best. Raises NothingToSayError where none passed the gates."""
        knowledge = await self._knowledge(voice)
        first = _seed(seed)
        passed: list[Candidate] = []
        for _ in range(TRIES):
            openings = knowledge.relevance.openings(mention)
            lines = [
                Line(openings[number % len(openings)], first + number)
                for number in range(self._settings.candidates)
            ]
            passed = [
                candidate for candidate in await self._draw(voice, knowledge, lines) if _keeps_its_topic(candidate)
            ]
            if passed:
                break
            first += len(lines)
        best = knowledge.relevance.rank(mention, [candidate.text for candidate in passed])[:1]
        return (await self._say(voice, mention, [passed[place] for place in best], front))[0]

    async def _draw(self, voice: Voice, knowledge: _Knowledge, lines: list[Line]) -> list[Candidate]:
        sampling = Sampling(
            temperature=self._settings.temperature,
            top_p=self._settings.top_p,
            max_tokens=self._settings.max_tokens,
        )
        continuations = await self._shelf.speak(voice, lines, sampling)
        candidates = [
            Candidate(line.opening + continuation.text, continuation.finished, line.opening, line.seed)
            for line, continuation in zip(lines, continuations, strict=True)
        ]
        passed, rejected = judge(candidates, knowledge.gates)
        self.rejected += rejected
        if rejected:
            await self._replies.count_rejections(voice.record.key, {str(k): n for k, n in rejected.items()})
        return passed

    async def _say(self, voice: Voice, prompt: str, chosen: list[Candidate], front: str) -> list[Reply]:
        if not chosen:
            raise NothingToSayError(
                f"{voice.record.name} found nothing to say that was its own; ask again or in other words."
            )
        for candidate in chosen:
            await self._replies.add(voice.record.key, prompt, candidate.text, candidate.seed, front)
        return [Reply(candidate.text, prompt, candidate.seed, voice.record.name) for candidate in chosen]

    async def _knowledge(self, voice: Voice) -> _Knowledge:
        key = voice.record.key
        if key not in self._known:
            posts = await asyncio.to_thread(voice.training_posts)
            copies = await asyncio.to_thread(CopyIndex, posts)
            self._known[key] = _Knowledge(
                Gates(copies, self._block_list), await asyncio.to_thread(Relevance, posts)
            )
            while len(self._known) > REMEMBERED_VOICES:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return self._known[key]


def _seed(seed: int | None) -> int:
    return secrets.randbelow(LARGEST_SEED) if seed is None else seed


def _keeps_its_topic(candidate: Candidate) -> bool:
    """Whether the opening that was chosen for it stayed whole: "The gull" must not become "The gulling"."""
    return not (candidate.opening and candidate.text[len(candidate.opening) :][:1].isalnum())


def _distinct(candidates: list[Candidate]) -> list[Candidate]:
    """Two tries may say the same."""
    return list({candidate.text: candidate for candidate in candidates}.values())
