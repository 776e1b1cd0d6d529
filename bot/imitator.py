"""Answers in a person's voice: draw candidates, gate them, rank them, record what is said."""

import asyncio
import secrets
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from bot.first_best import FirstBest, candidate_of
from bot.gates import BlockList, Candidate, Check, Gates, Reason, Rejected, judge
from bot.gates.copies import CopyIndex
from bot.relevance import Relevance
from bot.shelf import VoiceShelf
from data.errors import NothingToSayError
from data.likeness import sets_no_spaces
from data.settings import Settings, SpeakSettings
from data.store import Store
from trainer.engine import Line, Sampling
from trainer.voice import Voice

TRIES = 2
# An answer is chosen among so many first, those that begin with its topic, and among the others only where none
# passes. Over 270 mentions the best of three on topic had a mean relevance of 0.93, the best of ten one of 0.91;
# for 8 % none of the three passed.
FIRST_CANDIDATES = 3
REMEMBERED_POSTS = 100_000  # indexed for the gates, of all voices together: about 90 MB
LARGEST_SEED = 2**31 - 1


@dataclass(frozen=True)
class Reply:
    """Text that passed every gate, and the seed that drew it."""

    text: str
    prompt: str
    seed: int
    voice: str
    id: int = 0  # in the reply log

    def to_json(self) -> dict[str, Any]:
        """For programs: the same for the same seed, and therefore without the number."""
        return {name: value for name, value in asdict(self).items() if name != "id"}


@dataclass(frozen=True)
class Proposal:
    """What came of a few candidates: the replies, and what the gates kept back."""

    replies: list[Reply]
    rejected: list[Rejected]


@dataclass(frozen=True)
class Occasion:
    """Where something is said and for whom; person and place are named with their platform, or empty."""

    front: str  # "terminal", "discord" ...
    person: str = ""
    place: str = ""
    block_lists: tuple[BlockList, ...] = ()  # besides the operator's
    check: Check | None = None  # the last of the gates: what may not be said for a reason of this place's own


@dataclass(frozen=True)
class _Knowledge:
    """What is known of a voice's training posts."""

    gates: Gates
    relevance: Relevance
    posts: int


class Imitator:
    """Speaks as any voice on the shelf whose owner has not opted out."""

    def __init__(self, shelf: VoiceShelf, store: Store, settings: Settings) -> None:
        self._shelf = shelf
        self._store = store
        self._settings = settings.speak
        self._block_list = BlockList(settings.gates.block_list)
        self._known: OrderedDict[str, _Knowledge] = OrderedDict()
        self._learning = asyncio.Lock()
        self.rejected: Counter[Reason] = Counter()  # since the process started

    async def continue_opening(
        self, voice: Voice, opening: str, count: int, *, occasion: Occasion, seed: int | None = None
    ) -> list[Reply]:
        """Up to `count` posts that start with `opening`.

        Raises NothingToSayError where none passed the gates, RefusedError where the voice's owner opted out.
        """
        knowledge = await self._knowledge(voice, occasion)
        opening = " ".join(opening.split())
        first = _seed(seed)
        passed: list[Candidate] = []
        for _ in range(TRIES):
            # Those still missing, and half as many again, as about a third falls at the gates.
            lines = [Line(opening, first + number) for number in range(-(-(count - len(passed)) * 3 // 2))]
            passed += (await self._draw(voice, knowledge, lines))[0]
            if len(passed) >= count:
                break
            first += len(lines)
        return await self._say(voice, opening, _distinct(passed)[:count], occasion)

    async def propose(self, voice: Voice, opening: str, count: int, *, occasion: Occasion) -> Proposal:
        """Draw `count` posts that start with `opening`, and no more, whatever comes of them.

        Raises RefusedError where the voice's owner opted out.
        """
        knowledge = await self._knowledge(voice, occasion)
        opening = " ".join(opening.split())
        first = _seed(None)
        lines = [Line(opening, first + number) for number in range(count)]
        passed, rejected = await self._draw(voice, knowledge, lines)
        return Proposal(await self._say(voice, opening, passed, occasion) if passed else [], rejected)

    async def answer(
        self,
        voice: Voice,
        mention: str,
        *,
        occasion: Occasion,
        context: Sequence[str] = (),
        seed: int | None = None,
    ) -> Reply:
        """The candidate that fits the mention best.

        `context` is what was said before, oldest first; it gives the topic where the mention itself has none
        ("why?"). Raises NothingToSayError where none passed the gates, RefusedError where the voice's owner opted
        out.
        """
        knowledge = await self._knowledge(voice, occasion)
        subject = knowledge.relevance.subject(mention, context)
        openings = knowledge.relevance.openings(subject)
        topics = knowledge.relevance.spelled_topics(subject) if voice.record.takes_topics else ()
        passed: list[Candidate] = []
        for attempt, lines in enumerate(_tries(openings, topics, _seed(seed), self._settings.candidates)):
            passed = await self._draw_until_best(voice, knowledge, lines, subject, again=attempt > 0)
            if passed:
                break
        best = knowledge.relevance.rank(subject, [candidate.text for candidate in passed])[:1]
        return (await self._say(voice, mention, [passed[place] for place in best], occasion))[0]

    @property
    def known(self) -> set[str]:
        """Keys of the voices that are in memory, weights or posts."""
        return {*self._known, *self._shelf.loaded}

    def forget(self, keys: Iterable[str]) -> None:
        """Let go of voices that were erased, weights and posts alike."""
        for key in keys:
            self._known.pop(key, None)
            self._shelf.forget(key)

    async def _draw_until_best(
        self, voice: Voice, knowledge: _Knowledge, lines: list[Line], subject: str, again: bool
    ) -> list[Candidate]:
        """Those that may answer, the best of all the lines among them."""
        first_best = FirstBest(
            lines,
            lambda candidate: any(
                _keeps_its_topic(passed) and knowledge.relevance.is_best(subject, passed.text)
                for passed in judge([candidate], knowledge.gates)[0]
            ),
            knowledge.relevance.may_become_best,
        )
        drawn, _ = await self._draw(voice, knowledge, first_best.lines, again)
        return [candidate for candidate in drawn if _keeps_its_topic(candidate)]

    async def _draw(
        self, voice: Voice, knowledge: _Knowledge, lines: list[Line], again: bool = False
    ) -> tuple[list[Candidate], list[Rejected]]:
        continuations = await self._shelf.speak(voice, lines, sampling_of(voice, self._settings), again)
        candidates = [
            candidate_of(line, continuation)
            for line, continuation in zip(lines, continuations, strict=True)
            if not continuation.called_off
        ]
        passed, rejected = judge(candidates, knowledge.gates)
        counts = Counter(kept_back.reason for kept_back in rejected)
        self.rejected += counts
        if counts:
            await self._store.replies.count_rejections(voice.record.key, {str(k): n for k, n in counts.items()})
        return passed, rejected

    async def _say(self, voice: Voice, prompt: str, chosen: list[Candidate], occasion: Occasion) -> list[Reply]:
        if not chosen:
            raise NothingToSayError(
                f"{voice.record.name} found nothing to say that was its own; ask again or in other words."
            )
        # Once more: its owner may have opted out while it was thinking.
        await self._store.consent.refuse_opted_out(voice.record.handles)
        said = []
        for candidate in chosen:
            number = await self._store.replies.add(
                voice.record.key,
                prompt,
                candidate.text,
                candidate.seed,
                occasion.front,
                occasion.person,
                occasion.place,
            )
            said.append(Reply(candidate.text, prompt, candidate.seed, voice.record.name, number))
        return said

    async def _knowledge(self, voice: Voice, occasion: Occasion) -> _Knowledge:
        await self._store.consent.refuse_opted_out(voice.record.handles)
        key = voice.record.key
        async with self._learning:  # fifty mentions at once of a fresh voice index its posts once
            known = self._known.get(key)
            if known is None:
                self._shelf.expect(voice)  # its weights are read beside its posts
                known = self._known[key] = await asyncio.to_thread(self._learn, voice)
            self._known.move_to_end(key)
            while len(self._known) > 1 and sum(k.posts for k in self._known.values()) > REMEMBERED_POSTS:
                self._known.popitem(last=False)
        return replace(known, gates=known.gates.and_block(*occasion.block_lists, further=occasion.check))

    def _learn(self, voice: Voice) -> _Knowledge:
        posts = voice.training_posts()
        return _Knowledge(Gates(CopyIndex(posts), self._block_list), Relevance(posts), len(posts))


def sampling_of(voice: Voice, settings: SpeakSettings) -> Sampling:
    """How what the voice says is drawn."""
    return Sampling(
        temperature=settings.temperature,
        top_p=settings.top_p,
        careful_spelling=settings.careful_spelling,
        max_tokens=voice.record.as_long_as(settings.max_tokens),
    )


def _seed(seed: int | None) -> int:
    return secrets.randbelow(LARGEST_SEED) if seed is None else seed


def _tries(openings: Sequence[str], topics: tuple[str, ...], first: int, count: int) -> Iterator[list[Line]]:
    """What is drawn until something passes: a few lines on topic, the others, and once more as many."""
    for attempt in range(TRIES):
        seeds = range(first + attempt * count, first + (attempt + 1) * count)
        lines = [Line(openings[number % len(openings)], seed, topics) for number, seed in enumerate(seeds)]
        lines.sort(key=lambda line: not line.opening)
        parts = [lines] if attempt else [lines[:FIRST_CANDIDATES], lines[FIRST_CANDIDATES:]]
        yield from filter(None, parts)


def _keeps_its_topic(candidate: Candidate) -> bool:
    """Whether the opening that was chosen for it stayed whole: "The gull" must not become "The gulling"."""
    opening, following = candidate.opening, candidate.text[len(candidate.opening) :][:1]
    ends_anywhere = sets_no_spaces(opening[-1:]) or sets_no_spaces(following)
    return not (opening and following.isalnum() and not ends_anywhere)


def _distinct(candidates: list[Candidate]) -> list[Candidate]:
    """Two tries may say the same."""
    return list({candidate.text: candidate for candidate in candidates}.values())
