"""Several voices evaluated together: whose texts are whose, and the figures that goals are set for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from bot.quality import attribution
from bot.quality.attribution import Attribution, attribute
from bot.quality.people import Person, spoken
from bot.quality.surprise import gain
from bot.quality.voice_quality import VoiceQuality

ALONE = "One person alone has no attribution; evaluate voices of at least two people together."

KEYS = (
    "attribution.share_of_ceiling",
    "copy_rate.raw",
    "copy_rate.gated",
    "bits_per_byte.gain_over_reference",
    "bits_per_byte.gain_over_markov",
    "relevance.times_chance",
    "relevance.own_times_chance",
    "base.bits_per_byte",
    "cut_in_a_word",
)
_NO_PROMPTS = "Fewer than ten posts were held out that could serve as prompts."
_WHY_NOT = {
    "attribution.share_of_ceiling": "No voice of one person was evaluated beside another person's posts.",
    "bits_per_byte.gain_over_reference": "Nothing was tuned by the reference recipe; `make quality` does that.",
    "relevance.times_chance": _NO_PROMPTS,
    "relevance.own_times_chance": _NO_PROMPTS,
}


@dataclass(frozen=True)
class Evaluation:
    """What there is to say of some voices; `attribution` is None where all imitate one and the same person."""

    voices: tuple[VoiceQuality, ...]
    attribution: Attribution | None

    @property
    def figures(self) -> dict[str, float | None]:
        """By KEYS: the mean over the voices that have the figure, None where none has. See `why_not`.

        The rates of copies and cut words are of all texts together.
        """
        told = self.attribution
        raw = sum(voice.said.candidates for voice in self.voices)
        gated = sum(len(voice.texts) for voice in self.voices)
        return {
            "attribution.share_of_ceiling": told.share_of_ceiling if told else None,
            "copy_rate.raw": sum(v.said.copy_rate_raw * v.said.candidates for v in self.voices) / raw,
            "copy_rate.gated": sum(v.said.copy_rate_gated * len(v.texts) for v in self.voices) / gated,
            "bits_per_byte.gain_over_reference": _mean(
                gain(voice.bits.voice, voice.bits.reference) for voice in self.voices if voice.bits.reference
            ),
            "bits_per_byte.gain_over_markov": _mean(gain(v.bits.voice, v.bits.markov) for v in self.voices),
            "relevance.times_chance": _mean(v.relevance.times_chance for v in self.voices if v.relevance),
            "relevance.own_times_chance": _mean(
                v.relevance_own.times_chance for v in self.voices if v.relevance_own
            ),
            "base.bits_per_byte": _mean(voice.bits.base for voice in self.voices),
            "cut_in_a_word": sum(v.said.cut_in_a_word * len(v.texts) for v in self.voices) / gated,
        }

    @property
    def why_not(self) -> dict[str, str]:
        """A sentence for every figure that is None."""
        reasons = _WHY_NOT if self.attribution else {**_WHY_NOT, "attribution.share_of_ceiling": ALONE}
        return {key: reasons[key] for key, value in self.figures.items() if value is None}

    def of_voice(self, place: int) -> dict[str, float]:
        """The figures of one of the voices, by trainer.quality's keys, for its record."""
        voice = self.voices[place]
        said = voice.said
        found = {
            "bits_per_byte": voice.bits.voice,
            "bits_per_byte.base": voice.bits.base,
            "bits_per_byte.markov": voice.bits.markov,
            "copy_rate.raw": said.copy_rate_raw,
            "copy_rate.gated": said.copy_rate_gated,
            "rejected": sum(said.rejected.values()),
            "distinct_2": said.distinct_2,
            "distinct_2.own": said.distinct_2_own,
            "self_bleu": said.self_bleu,
            "self_bleu.own": said.self_bleu_own,
            "new_words": said.new_words,
            "new_words.own": said.new_words_own,
            "manner.distance": said.distance,
            "manner.distance.own": said.distance_own,
            "candidates": float(said.candidates),
        }
        if voice.relevance:
            found["relevance.times_chance"] = voice.relevance.times_chance
        if voice.relevance_own:
            found["relevance.own_times_chance"] = voice.relevance_own.times_chance
        if self.attribution and len(voice.handles) == 1:
            found["attribution"] = self.attribution.shares[place].get(voice.handles[0], 0.0)
            found["attribution.ceiling"] = self.attribution.told(voice.handles[0])
            found["attribution.people"] = float(len(self.attribution.people))
        return {key: round(value, 6) for key, value in found.items()}


def evaluate_together(voices: Sequence[VoiceQuality], people: Iterable[Person]) -> Evaluation:
    """`people` are those of all voices; one who is in several counts with all that any of them learned."""
    learn: dict[str, dict[str, None]] = {}
    held_out: dict[str, dict[str, None]] = {}
    for person in people:
        learn.setdefault(person.handle, {}).update(dict.fromkeys(spoken(person.learn)))
        held_out.setdefault(person.handle, {}).update(dict.fromkeys(spoken(person.held_out)))
    if len(learn) < 2:
        return Evaluation(tuple(voices), None)
    unseen = {handle: list(texts) for handle, texts in held_out.items()}
    # What one voice held out another may have learned, when it was made of other posts.
    seen = {handle: [text for text in texts if text not in held_out[handle]] for handle, texts in learn.items()}
    said = [attribution.Said(voice.handles, voice.texts) for voice in voices]
    return Evaluation(tuple(voices), attribute(seen, unseen, said))


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return fmean(found) if found else None
