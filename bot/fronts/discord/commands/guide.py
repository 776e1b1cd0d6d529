"""`/help`: what the bot is and how one starts."""

from typing import Any

from discord import app_commands

from bot.fronts.discord.backend import Interaction, backend_of
from bot.fronts.discord.failures import answer, deferred
from bot.fronts.discord.names import person_of, place_of


@app_commands.command(name="help", description="What I am and how to start")
async def show_help(interaction: Interaction) -> None:
    async with deferred(interaction, ephemeral=True):
        entries = await backend_of(interaction.client).catalogue.entries(
            person_of(interaction.user), place_of(interaction)
        )
        await answer(interaction, f"There are {len(entries)} voices.")


COMMANDS: tuple[app_commands.Command[Any, Any, Any] | app_commands.Group, ...] = (show_help,)
