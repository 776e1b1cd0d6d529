"""Who may do what on a server, where voices may speak, and how much within a day or a few seconds."""

from datetime import timedelta
from math import ceil

import discord

from bot.fronts.discord.backend import Backend, Interaction, backend_of
from bot.fronts.discord.names import channel_of, number_of, person_of, place_of
from data.errors import RefusedError
from data.store import PlaceSettings

DAY = timedelta(days=1)


def may_manage(interaction: Interaction) -> bool:
    """Manage Server; in a direct conversation everybody manages it."""
    return interaction.guild_id is None or interaction.permissions.manage_guild


def may_speak(settings: PlaceSettings, channel: object) -> bool:
    """Whether those who run the server let the bot speak in this channel; a thread counts as its channel."""
    numbers = {getattr(channel, "id", None), getattr(channel, "parent_id", None)}
    return not settings.channels or any(f"discord:{number}" in settings.channels for number in numbers)


def refuse_hurry(interaction: Interaction) -> None:
    """Raises RefusedError where this person or channel had its answers for now; else counts one."""
    channel = channel_of(interaction.channel) if interaction.channel else ""
    wait = backend_of(interaction.client).cooldowns.wait(person_of(interaction.user), channel)
    if wait:
        raise RefusedError(hurried(wait))


def refuse_channel(settings: PlaceSettings, channel: discord.abc.Snowflake | None) -> None:
    """Raises RefusedError where those who run the server keep voices out of this channel."""
    if not may_speak(settings, channel):
        where = ", ".join(f"<#{number_of(name)}>" for name in settings.channels)
        raise RefusedError(f"On this server voices speak only in {where}.")


def hurried(wait: float) -> str:
    """The sentence for somebody who has to wait so many seconds."""
    return f"That was a lot at once; ask me again in {ceil(wait)} s."


async def refuse_training(interaction: Interaction, handles: list[str], *, granted: bool = False) -> None:
    """Raises RefusedError where this person may not have these handles trained in this channel now.

    Those who run the server may, the roles that they named, and everybody their own posts. `granted` is for a
    command that Discord itself keeps to those who may.
    """
    backend, person, place = backend_of(interaction.client), person_of(interaction.user), place_of(interaction)
    await backend.catalogue.refuse_kept_back(handles, person, place)
    settings = await backend.store.places.settings(place)
    own = (await backend.store.consent.owned(handles, person)).issuperset(handles)
    if not (granted or own or may_manage(interaction) or _has_trainer_role(interaction, settings)):
        raise RefusedError(
            "Only those with Manage Server, or with a role that they named in `/settings`, start trainings here; "
            "ask one of them. Your own posts you may always train."
        )
    await refuse_over_quota(backend, person, place)
    refuse_channel(settings, interaction.channel)  # the run's card is posted there


async def refuse_over_quota(backend: Backend, person: str, place: str) -> None:
    """Raises RefusedError where too many runs were asked for within a day."""
    limits, cards = backend.settings.discord, backend.store.cards
    if limits.person_trainings and await cards.asked_for(DAY, person=person) >= limits.person_trainings:
        raise RefusedError(
            f"You have asked for {limits.person_trainings} trainings within a day; ask again tomorrow."
        )
    if limits.place_trainings and await cards.asked_for(DAY, place=place) >= limits.place_trainings:
        raise RefusedError(
            f"This server has asked for {limits.place_trainings} trainings within a day; ask again tomorrow."
        )


def _has_trainer_role(interaction: Interaction, settings: PlaceSettings) -> bool:
    roles = interaction.user.roles if isinstance(interaction.user, discord.Member) else []
    return any(str(role.id) in settings.trainers for role in roles)
