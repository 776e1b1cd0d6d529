"""What a run card shows in the end: the finished voice with its first words, or why there is none."""

from contextlib import suppress
from dataclasses import dataclass

import discord

from bot.fronts.discord import card_text
from bot.fronts.discord.backend import Backend
from bot.fronts.discord.names import number_of
from bot.fronts.discord.permits import refuse_channel
from bot.fronts.discord.speech import invitation
from bot.gates.filters import answers, block_lists
from bot.imitator import Occasion, Reply
from data.errors import MynahError, NotFoundError, NothingToSayError
from data.store import Card, PlaceSettings, Run
from trainer.voice import Voice

SAMPLES = 3


@dataclass(frozen=True)
class End:
    """The last text of a card."""

    text: str
    plot: bytes = b""  # a PNG
    voice: str = ""  # by name, where it is to become the channel's


async def end_of(backend: Backend, client: discord.Client, card: Card, run: Run | None) -> End:
    """The end of a run that has one; None stands for a run that was erased.

    What the voice says is put on record, and is the same for every card of the run and every time it is asked for.
    """
    if run is None:
        return End(card_text.erased(card.run_id))
    if run.state != "done":
        return End(card_text.ended_without_voice(run))
    try:
        voice = Voice.from_folder(backend.settings.voices / run.voice_key)
    except NotFoundError:
        return End(card_text.voice_gone(run))
    from bot.plot import loss_plot  # no start waits for Pillow

    record = voice.record
    plot = loss_plot(record.held_out_loss_before, record.history)
    counts = [summary for handle in run.handles if (summary := await backend.store.posts.summary(handle))]
    settings = await backend.store.places.settings(card.place)
    number = number_of(card.channel)
    channel = client.get_channel(number)
    try:
        await backend.catalogue.refuse_kept_back(record.handles, card.person, card.place)
        refuse_channel(settings, channel or client.get_partial_messageable(number))
        samples, answer, notes = await _speak(backend, voice, card, settings)
    except MynahError as error:  # its owner decided otherwise meanwhile, or the server did
        return End(card_text.finished(run, record, counts, [], notes=[card_text.safe(str(error))]), plot)
    on_server = getattr(channel, "guild", None) is not None
    # Where it is not everybody's, mentions of the others would get no answer.
    speaks_here = not on_server or await backend.catalogue.everybody_may_use(record.handles, card.place)
    if speaks_here:
        notes.append(invitation(record.handles, on_server=on_server))
    text = card_text.finished(run, record, counts, samples, answer, notes)
    return End(text, plot, record.name if speaks_here else "")


async def _speak(
    backend: Backend, voice: Voice, card: Card, settings: PlaceSettings
) -> tuple[list[Reply], Reply | None, list[str]]:
    """Samples, the answer to what the card holds, and sentences on what could not be said."""
    occasion = Occasion("discord", card.person, card.place, block_lists(settings))
    samples: list[Reply] = []
    answer: Reply | None = None
    notes = []
    with backend.metrics.generate_seconds.time():
        try:
            samples = await backend.imitator.continue_opening(
                voice, voice.record.opening, SAMPLES, occasion=occasion, seed=card.run_id
            )
        except NothingToSayError:
            begun = f"no end to “{voice.record.opening}”" if voice.record.opening else "nothing to say"
            notes.append(f"It found {begun} that was its own.")
    if card.say and not answers(settings, card.say):
        notes.append("What you asked holds a word that is blocked on this server; ask in other words.")
    elif card.say:
        with suppress(NothingToSayError), backend.metrics.generate_seconds.time():
            answer = await backend.imitator.answer(voice, card.say, occasion=occasion, seed=card.run_id)
        if answer is None:
            notes.append("To what you asked it found nothing to say that was its own; ask again.")
    backend.metrics.replies.labels("discord").inc(len(samples) + (answer is not None))
    return samples, answer, notes
