"""Mentions are answered in the channel's voice: in order, each once, restarts included."""

import asyncio

import discord

from bot.fronts.discord.backend import Backend


class Mentions:
    """Hears messages and answers those meant for the bot."""

    def __init__(self, client: discord.Client, backend: Backend) -> None:
        self._client = client
        self._backend = backend
        self.tasks: set[asyncio.Task[None]] = set()

    async def hear(self, message: discord.Message) -> None:
        """Answer, if the message is for the bot."""

    async def recover(self) -> None:
        """Answer what an earlier process left unanswered."""
