"""Having a voice answer somebody where they ask, and how that answer looks there."""

from bot.fronts.discord.backend import Interaction, backend_of
from bot.fronts.discord.names import person_of, place_of
from bot.fronts.discord.permits import refuse_channel
from bot.fronts.discord.speech import LONGEST_MESSAGE, asked_of, labelled
from bot.gates.filters import answers, block_lists
from bot.imitator import Occasion, Reply
from data.errors import RefusedError
from trainer.voice import Voice

BLOCKED = "That holds a word that is blocked on this server; ask in other words."


async def speak(interaction: Interaction, voice: Voice, say: str) -> Reply:
    """A new answer; where `say` is empty, the voice speaks of what it likes.

    Raises RefusedError where the place does not allow it, NothingToSayError where nothing passed the gates.
    """
    backend, place = backend_of(interaction.client), place_of(interaction)
    settings = await backend.store.places.settings(place)
    refuse_channel(settings, interaction.channel)
    if not answers(settings, say):
        raise RefusedError(BLOCKED)
    occasion = Occasion("discord", person_of(interaction.user), place, block_lists(settings))
    with backend.metrics.generate_seconds.time():
        reply = await backend.imitator.answer(voice, say, occasion=occasion)
    backend.metrics.replies.labels("discord").inc()
    return reply


def shown(reply: Reply, handles: tuple[str, ...], hint: str = "") -> str:
    """The message: what was asked as a quote, the text, the AI label, and a hint in small print."""
    asked = asked_of(reply.prompt)
    above = f"> {asked}\n" if asked else ""
    below = f"\n-# {hint}" if hint else ""
    return above + labelled(reply.text, handles, LONGEST_MESSAGE - len(above) - len(below)) + below


def is_member(interaction: Interaction) -> bool:
    """Whether the bot is on this server, rather than brought along by the person who uses it."""
    return interaction.guild_id is not None and interaction.client.get_guild(interaction.guild_id) is not None


def hears_mentions(interaction: Interaction) -> bool:
    """Whether messages from here reach the bot: on its own servers, and in a talk with it alone."""
    return is_member(interaction) or (interaction.guild_id is None and interaction.context.dm_channel is True)
