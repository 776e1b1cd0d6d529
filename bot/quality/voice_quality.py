"""All that is measured of one voice by itself: the pure measures, put to what it foresaw and to what it said."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from tokenizers import Tokenizer

from bot.quality.copying import CopyMeasure
from bot.quality.distinctness import distinct_2, self_bleu
from bot.quality.drawing import Drawn, draw
from bot.quality.losses import Model, foresee
from bot.quality.manner import Manner, distance, manner
from bot.quality.markov import best_chain
from bot.quality.new_words import new_words
from bot.quality.people import Person, spoken
from bot.quality.relevance import RelevanceMeasured, relevance
from bot.quality.surprise import bits_per_byte
from bot.shelf import VoiceShelf
from data.errors import RunFailedError
from data.settings import Settings
from trainer.prompt import encode_posts, end_of_text_id
from trainer.voice import Voice


@dataclass(frozen=True)
class BitsPerByte:
    """On the posts held out, each by itself; of several people the mean, so that each counts the same."""

    voice: float
    base: float
    markov: float
    markov_order: int  # tokens of its n-grams; chosen on the very posts held out, in its favour
    reference: float | None = None  # None where nothing was tuned by the reference recipe


@dataclass(frozen=True)
class Said:
    """Figures on what the voice said. Rates and shares are 0 to 1; `own` is the same of as many real posts."""

    candidates: int
    copy_rate_raw: float
    copy_rate_gated: float
    rejected: dict[str, float]  # share of the candidates, by reason
    unfinished: float  # share of the candidates that were stopped at the longest
    cut_in_a_word: float  # share of what passed the gates
    distinct_2: float
    distinct_2_own: float
    self_bleu: float  # 0 to 100
    self_bleu_own: float
    new_words: float  # share of the words said that stand in no post learned
    new_words_own: float  # the same of the posts held out
    manner: Manner
    manner_own: Manner
    distance: float  # of manners, 0 to 1
    distance_own: float  # of the posts held out from those learned


@dataclass(frozen=True)
class VoiceQuality:
    """One voice in numbers, and the texts that passed the gates, of which others are yet to be told."""

    name: str
    handles: tuple[str, ...]
    bits: BitsPerByte
    said: Said
    relevance: RelevanceMeasured | None  # None where fewer than ten posts were held out
    relevance_own: RelevanceMeasured | None  # the same without the openings that are taken from the prompts
    texts: tuple[str, ...]

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        said = values["said"]
        fits, own = (values[name] and RelevanceMeasured(**values[name]) for name in ("relevance", "relevance_own"))
        return cls(
            name=values["name"],
            handles=tuple(values["handles"]),
            bits=BitsPerByte(**values["bits"]),
            said=Said(**{**said, **{name: Manner(**said[name]) for name in ("manner", "manner_own")}}),
            relevance=fits,
            relevance_own=own,
            texts=tuple(values["texts"]),
        )

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


async def measure_voice(
    voice: Voice,
    people: Sequence[Person],
    shelf: VoiceShelf,
    settings: Settings,
    *,
    candidates: int,
    seed: int,
    reference: Path | None = None,
) -> VoiceQuality:
    """Draw and measure. `reference` is the folder of the base as the reference recipe tuned it on the same posts.

    Raises MynahError where the voice can't speak, or says nothing that passes the gates.
    """
    drawn = await draw(voice, people, shelf, settings, candidates=candidates, seed=seed)
    if not drawn.gated:
        raise RunFailedError(f"Nothing that {voice.record.name} said passed the gates; train it on more posts.")
    bits = await _foreseen(voice, people, reference)
    said = await asyncio.to_thread(_described, drawn, people, seed)
    every = [post for person in people for post in spoken(person.learn)]
    fits = own = None
    if drawn.prompts:
        fits = await asyncio.to_thread(relevance, drawn.prompts, drawn.answers, every)
        own = await asyncio.to_thread(relevance, drawn.prompts, drawn.own_words, every)
    return VoiceQuality(voice.record.name, voice.record.handles, bits, said, fits, own, drawn.gated)


async def _foreseen(voice: Voice, people: Sequence[Person], reference: Path | None) -> BitsPerByte:
    held_out = [post for person in people for post in person.held_out]
    models = [Model.of_voice(voice), Model(Path(voice.record.base_folder))]
    models += [Model(reference)] if reference else []
    costs = await foresee(models, held_out)
    order, markov = await asyncio.to_thread(_markov, voice, people)
    own, base, *others = (_mean_bits(cost, people) for cost in costs)
    found = BitsPerByte(own, base, _mean_bits(markov, people), order)
    return replace(found, reference=others[0]) if others else found


def _markov(voice: Voice, people: Sequence[Person]) -> tuple[int, list[float]]:
    """The order of the chain that is best for it, and what each held-out post costs it in nats."""
    tokenizer = Tokenizer.from_file(str(voice.folder / "tokenizer.json"))
    end = end_of_text_id(tokenizer)
    learn = encode_posts(tokenizer, [post for person in people for post in person.learn])
    held_out = encode_posts(tokenizer, [post for person in people for post in person.held_out])
    chain = best_chain(learn, held_out, tokenizer.get_vocab_size(), end)
    return chain.order, [float(cost) for cost in chain.nats(held_out)]


def _mean_bits(costs: Sequence[float], people: Sequence[Person]) -> float:
    """Bits per byte, from what all held-out posts cost in nats, person after person."""
    found, start = [], 0
    for person in people:
        stop = start + len(person.held_out)
        found.append(bits_per_byte(sum(costs[start:stop]), person.held_out))
        start = stop
    return sum(found) / len(found)


def _described(drawn: Drawn, people: Sequence[Person], seed: int) -> Said:
    learned = [post for person in people for post in spoken(person.learn)]
    held_out = [post for person in people for post in spoken(person.held_out)]
    own = learned + held_out
    as_many = random.Random(seed).sample(own, min(len(own), len(drawn.gated)))  # noqa: S311 - no secret
    texts = drawn.gated[: len(as_many)]  # measures of distinctness only compare samples of one size
    fewest = min(len(drawn.gated), len(held_out))  # so do distances, which are larger by chance between fewer
    real = random.Random(seed).sample(held_out, fewest)  # noqa: S311 - no secret
    copies = CopyMeasure([post for person in people for post in person.posts])
    total = len(drawn.raw)
    return Said(
        candidates=total,
        copy_rate_raw=copies.share(drawn.raw),
        copy_rate_gated=copies.share(drawn.gated),
        rejected={reason: count / total for reason, count in sorted(drawn.rejected.items())},
        unfinished=drawn.unfinished / total,
        cut_in_a_word=drawn.cut_in_a_word / len(drawn.gated),
        distinct_2=distinct_2(texts),
        distinct_2_own=distinct_2(as_many),
        self_bleu=self_bleu(texts),
        self_bleu_own=self_bleu(as_many),
        new_words=new_words(drawn.gated, learned),
        new_words_own=new_words(held_out, learned),
        manner=manner(drawn.gated),
        manner_own=manner(own),
        distance=distance(drawn.gated[:fewest], learned),
        distance_own=distance(real, learned),
    )
