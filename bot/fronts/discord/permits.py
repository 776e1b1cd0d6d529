"""Who may do what on a server, and how many runs a day."""

from datetime import timedelta

import discord

from bot.fronts.discord.backend import Backend, Interaction, backend_of
from bot.fronts.discord.names import person_of, place_of
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


async def refuse_training(interaction: Interaction, handles: list[str], *, granted: bool = False) -> None:
    """Raises RefusedError where this person may not have these handles trained here and now.

    Those who run the server may, the roles that they named, and everybody their own posts. `granted` is for a
    command that Discord itself keeps to those who may.
    """
    backend, person, place = backend_of(interaction.client), person_of(interaction.user), place_of(interaction)
    await backend.catalogue.refuse_kept_back(handles, person, place)
    rights = await backend.store.consent.rights(handles)
    own = all(handle in rights and rights[handle].owner == person for handle in handles)
    if not (granted or own or may_manage(interaction) or await _has_trainer_role(interaction)):
        raise RefusedError(
            "Only those with Manage Server, or with a role that they named in `/settings`, start trainings here; "
            "ask one of them. Your own posts you may always train."
        )
    await refuse_over_quota(backend, person, place)


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


async def _has_trainer_role(interaction: Interaction) -> bool:
    settings = await backend_of(interaction.client).store.places.settings(place_of(interaction))
    roles = interaction.user.roles if isinstance(interaction.user, discord.Member) else []
    return any(str(role.id) in settings.trainers for role in roles)
