"""`mynah evaluate` without its words: voices that are there, measured one by one and together, on record after."""

from collections.abc import Callable, Sequence

from bot.quality.evaluation import Evaluation, evaluate_together
from bot.quality.people import Person, changed_since, people_of
from bot.quality.voice_quality import VoiceQuality, measure_voice
from bot.shelf import VoiceShelf
from data.settings import Settings
from data.store import Store
from trainer.voice import Voice

Tell = Callable[[str], None]


async def evaluate_voices(
    store: Store,
    settings: Settings,
    shelf: VoiceShelf,
    voices: Sequence[Voice],
    *,
    candidates: int,
    seed: int,
    note: Tell,
    progress: Tell,
) -> Evaluation:
    """Measure different voices and write each one's figures to its record.

    `note` is told a sentence that the person should know, `progress` what is being done. Raises MynahError where
    somebody opted out, or a voice can't be measured.
    """
    everybody: list[tuple[Person, ...]] = []
    for voice in voices:
        await store.consent.refuse_opted_out(voice.record.handles)
        everybody.append(people_of(voice))
        for handle in await changed_since(store, voice):
            note(
                f"The posts of @{handle} changed since {voice.record.name} was made; it is measured on those that "
                "it was made of."
            )
    measured: list[VoiceQuality] = []
    for voice, people in zip(voices, everybody, strict=True):
        progress(f"Measuring {voice.record.name}")
        measured.append(await measure_voice(voice, people, shelf, settings, candidates=candidates, seed=seed))
    progress("Telling whose is whose")
    evaluation = evaluate_together(measured, [person for people in everybody for person in people])
    for place, voice in enumerate(voices):
        # Once more: minutes have passed, and its owner may have opted out, which deletes its folder.
        await store.consent.refuse_opted_out(voice.record.handles)
        voice.rated(evaluation.of_voice(place))
    return evaluation
