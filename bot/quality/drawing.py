"""Lets a voice speak for its evaluation, the way it speaks to people: same shelf, same sampling, same gates.

What is said here is said to nobody, so nothing of it is recorded in the store.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from bot.gates import BlockList, Candidate, Gates, judge, speak_mentions
from bot.gates.copies import CopyIndex
from bot.imitator import Imitator, Occasion, sampling_of
from bot.quality.people import Person, spoken
from bot.quality.relevance import AMONG
from bot.relevance import Relevance
from bot.shelf import LARGEST_BATCH, VoiceShelf
from data.errors import NothingToSayError
from data.likeness import count_words
from data.settings import Settings
from data.store import open_store
from trainer.engine import Continuation, Line
from trainer.voice import Voice

MOST_PROMPTS = 50  # each takes as many candidates as a mention does
PROMPT_WORDS = 4  # fewer are about nothing
EVALUATION = Occasion("evaluation")


@dataclass(frozen=True)
class Drawn:
    """What a voice said: posts of its own accord, and answers."""

    raw: tuple[str, ...]  # before the gates, the neutral mention still in it
    gated: tuple[str, ...]  # what passed, as it would be said
    rejected: dict[str, int]  # by reason of bot.gates.Reason
    unfinished: int  # of the raw ones, how many were stopped at the longest
    cut_in_a_word: int  # of the gated ones, how many end where the voice's word went on
    prompts: tuple[str, ...]
    answers: tuple[str | None, ...]  # to each prompt; None where none passed the gates
    own_words: tuple[str | None, ...]  # the answers without the opening that was put into the voice's mouth

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        lists = ("raw", "gated", "prompts", "answers", "own_words")
        return cls(**{**values, **{name: tuple(values[name]) for name in lists}})

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


async def draw(
    voice: Voice, people: Sequence[Person], shelf: VoiceShelf, settings: Settings, *, candidates: int, seed: int
) -> Drawn:
    """So many posts with the seeds from `seed` on, and an answer to each of up to 50 posts that were held out.

    Raises MynahError where the voice can't be loaded.
    """
    speak = settings.speak
    sampling = sampling_of(voice, speak)
    lines = [Line("", seed + number) for number in range(candidates)]
    continuations: list[Continuation] = []
    for start in range(0, candidates, LARGEST_BATCH):
        continuations += await shelf.speak(voice, lines[start : start + LARGEST_BATCH], sampling)
    drawn = [
        Candidate(continuation.text, continuation.finished, seed=line.seed)
        for line, continuation in zip(lines, continuations, strict=True)
    ]
    gates = Gates(CopyIndex(voice.training_posts()), BlockList(settings.gates.block_list))
    passed: list[Candidate] = []
    rejected: Counter[str] = Counter()
    # So many at a time as for one answer: nobody minds that the voice says the same to another.
    for start in range(0, candidates, speak.candidates):
        some, others = judge(drawn[start : start + speak.candidates], gates)
        passed += some
        rejected.update(str(other.reason) for other in others)
    whole = {candidate.seed: speak_mentions(candidate.text).strip() for candidate in drawn}
    prompts = choose_prompts(people, seed)
    answers = await _answers(voice, prompts, shelf, settings, seed)
    topics = Relevance(voice.training_posts())
    return Drawn(
        raw=tuple(candidate.text for candidate in drawn),
        gated=tuple(candidate.text for candidate in passed),
        rejected=dict(rejected),
        unfinished=sum(not candidate.finished for candidate in drawn),
        cut_in_a_word=sum(ends_in_a_word(candidate.text, whole[candidate.seed]) for candidate in passed),
        prompts=prompts,
        answers=answers,
        own_words=tuple(
            answer and without_opening(answer, topics.openings(topics.subject(prompt)))
            for prompt, answer in zip(prompts, answers, strict=True)
        ),
    )


def choose_prompts(people: Sequence[Person], seed: int) -> tuple[str, ...]:
    """Posts that were held out, as others would say them: things that the person talks about, in tens.

    None where there are fewer than ten.
    """
    every = dict.fromkeys(
        text for person in people for text in spoken(person.held_out) if count_words(text) >= PROMPT_WORDS
    )
    chosen = random.Random(seed).sample(list(every), min(len(every), MOST_PROMPTS))  # noqa: S311 - no secret
    return tuple(chosen[: len(chosen) // AMONG * AMONG])


def without_opening(answer: str, openings: Sequence[str]) -> str:
    """What the voice added to the longest of the openings that it may have been given: "The fog is" -> " is"."""
    return answer[max(len(opening) for opening in ("", *openings) if answer.startswith(opening)) :]


def ends_in_a_word(text: str, whole: str) -> bool:
    """Whether `text`, the beginning of what a voice wrote, breaks off inside a word of it."""
    following = whole[len(text) :][:1]
    return whole.startswith(text) and text[-1:].isalnum() and following.isalnum()


async def _answers(
    voice: Voice, prompts: Sequence[str], shelf: VoiceShelf, settings: Settings, seed: int
) -> tuple[str | None, ...]:
    answers: list[str | None] = []
    with TemporaryDirectory(prefix="mynah-") as folder:
        apart = settings.model_copy(update={"home": Path(folder), "database_url": ""})
        async with open_store(apart.database) as store:
            imitator = Imitator(shelf, store, settings)
            for number, prompt in enumerate(prompts):
                # Far enough apart that no two answers draw with the same seeds, tries included.
                own_seed = seed + 1000 * (number + 1)
                try:
                    reply = await imitator.answer(voice, prompt, occasion=EVALUATION, seed=own_seed)
                    answers.append(reply.text)
                except NothingToSayError:
                    answers.append(None)
    return tuple(answers)
