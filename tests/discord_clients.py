"""A real discord.py client pointed at the test server, for as long as a test wants it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import discord
from discord import app_commands

from tests.discord_server import DiscordServer


class Listener(discord.Client):
    """A client that remembers what it heard, answers mentions, and owns a command tree."""

    def __init__(self, *, intents: discord.Intents | None = None, heartbeat_timeout: float = 60.0) -> None:
        super().__init__(
            intents=intents or discord.Intents(guilds=True, guild_messages=True, dm_messages=True),
            allowed_mentions=discord.AllowedMentions.none(),
            guild_ready_timeout=0.1,  # seconds of silence after the last guild; the default of 2 is for big bots
            heartbeat_timeout=heartbeat_timeout,
        )
        self.tree = app_commands.CommandTree(self)
        self.heard: list[discord.Message] = []
        self.resumes = self.readies = 0
        self.running: asyncio.Task[None] | None = None

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Skips the 5 s that discord.py waits before each identify but the first."""

    async def on_ready(self) -> None:
        self.readies += 1

    async def on_resumed(self) -> None:
        self.resumes += 1

    async def on_message(self, message: discord.Message) -> None:
        if message.author != self.user:
            self.heard.append(message)
        if self.user is not None and self.user.mentioned_in(message) and not message.author.bot:
            await message.reply(f"heard: {message.clean_content}")

    @property
    def texts(self) -> list[str]:
        return [message.content for message in self.heard]


@asynccontextmanager
async def running(server: DiscordServer, client: Listener) -> AsyncIterator[Listener]:
    """Runs the client, as `client.running`, until the block ends. Raises what ended the client early."""
    async with connected(server, client) as client.running:
        yield client


@asynccontextmanager
async def connected(server: DiscordServer, client: discord.Client) -> AsyncIterator[asyncio.Task[None]]:
    """Runs any client, in the task that it gives, until the block ends. Raises what ended the client early."""
    with server.pointed():
        run = asyncio.create_task(client.start(server.token))
        try:
            ready = asyncio.create_task(client.wait_until_ready())
            await asyncio.wait([run, ready], return_when=asyncio.FIRST_COMPLETED, timeout=10)
            ready.cancel()
            if run.done():
                await run
            yield run
        finally:
            await client.close()
            run.cancel()
            with suppress(asyncio.CancelledError):
                await run


def perch(server: DiscordServer, client: discord.Client) -> discord.TextChannel:
    channel = client.get_channel(server.channel.id)
    assert isinstance(channel, discord.TextChannel)
    return channel
