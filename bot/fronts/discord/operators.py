"""Who may have the bot post: those who run it, as its application at Discord or the settings know them."""

import discord
from discord import app_commands

from bot.fronts.discord.backend import Interaction, backend_of

REFUSAL = "Only those who operate this bot decide what it posts; ask them."


def is_operator(interaction: Interaction) -> bool:
    """Whether somebody owns the application, works in its team, or is named by `MYNAH_DISCORD__OPERATORS`.

    Owner and team are those of the moment when the bot logged in.
    """
    client, user = interaction.client, interaction.user
    if user.id in backend_of(client).settings.discord.operators:
        return True
    application = client.application
    if application is None:
        return False
    if application.team is None:
        return bool(application.owner.id == user.id)
    return any(member.id == user.id and _works_there(member) for member in application.team.members)


def refuse_strangers(interaction: Interaction) -> bool:
    """A check for commands and completion. Raises CheckFailure, with a sentence, for who is no operator."""
    if not is_operator(interaction):
        raise app_commands.CheckFailure(REFUSAL)
    return True


def _works_there(member: discord.TeamMember) -> bool:
    """Neither only invited nor only looking on."""
    return member.membership_state is discord.TeamMembershipState.accepted and (
        member.role is not discord.TeamMemberRole.read_only or member.id == member.team.owner_id
    )
