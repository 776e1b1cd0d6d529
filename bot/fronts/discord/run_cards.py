"""Run cards: one ordinary message per run that shows its place, its progress, in the end the finished voice."""

import discord

from bot.fronts.discord.backend import Backend, Interaction
from data.store import Card, Run


async def announce(interaction: Interaction, run: Run, say: str = "") -> Card:
    """Post the card of a run for whoever asked."""
    raise NotImplementedError


class RunCards:
    """Keeps every open card up to date."""

    def __init__(self, client: discord.Client, backend: Backend) -> None:
        self._client = client
        self._backend = backend

    async def watch(self) -> None:
        """Until cancelled."""
