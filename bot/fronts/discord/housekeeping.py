"""What the front tidies up: at its start what an earlier process left, then once in a while what grew old."""

import discord

from bot.fronts.discord.backend import Backend


async def keep_house(client: discord.Client, backend: Backend) -> None:
    """Until cancelled."""
