"""The Discord client: which events are heard and who hears them. It holds no state that a restart would lose."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import discord
import structlog
from discord import app_commands

from bot.fronts.discord.backend import Backend, Interaction, backend_of
from bot.fronts.discord.commands import DYNAMIC_ITEMS, add_commands
from bot.fronts.discord.draft_cards import DraftCards
from bot.fronts.discord.dry_run import guard
from bot.fronts.discord.failures import explain
from bot.fronts.discord.housekeeping import keep_house
from bot.fronts.discord.mentions import Mentions
from bot.fronts.discord.names import place_of
from bot.fronts.discord.run_cards import RunCards
from bot.fronts.discord.speech import QUIET

# None of them privileged: mentions and direct messages come with their content all the same.
INTENTS = discord.Intents(guilds=True, guild_messages=True, dm_messages=True)

HANG_UP_SECONDS = 1.0  # a gateway that is gone would not answer the goodbye
ANSWER_SECONDS = 2.0  # how long the end of a client waits for answers that are being made

log = structlog.get_logger()


class FrontTree(app_commands.CommandTree[discord.Client]):
    """The commands, installable to servers and to people, and what is done about their failures."""

    def __init__(self, client: discord.Client) -> None:
        super().__init__(
            client,
            allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True),
            allowed_installs=app_commands.AppInstallationType(guild=True, user=True),
        )
        add_commands(self)

    async def interaction_check(self, interaction: Interaction, /) -> bool:
        """In a dry run nobody can be answered, so nothing is begun for them either."""
        return not backend_of(interaction.client).settings.dry_run

    async def on_error(self, interaction: Interaction, error: app_commands.AppCommandError, /) -> None:
        await explain(interaction, error)


class FrontClient(discord.Client):
    """One connection to Discord."""

    def __init__(self, backend: Backend, **options: Any) -> None:
        super().__init__(intents=INTENTS, allowed_mentions=QUIET, http_trace=guard(backend.settings), **options)
        self.backend = backend
        self.tree = FrontTree(self)
        self.mentions = Mentions(self, backend)
        self.run_cards = RunCards(self, backend)
        self.draft_cards = DraftCards(self, backend)
        self._tasks: set[asyncio.Task[None]] = set()

    async def setup_hook(self) -> None:
        self.add_dynamic_items(*DYNAMIC_ITEMS)
        self._start(keep_house(self, self.backend), "keep house")
        self._start(self.mentions.recover(), "recover mentions")
        if not self.backend.settings.dry_run:  # what cards show waits in the store until they may be edited
            self._start(self.run_cards.watch(), "watch runs")
            self._start(self.draft_cards.watch(), "watch drafts")

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("background work ended", work=task.get_name(), exc_info=task.exception())

    async def close(self) -> None:
        """Hang up first, so that nothing new comes in; then let go of what runs, and of the HTTP session last."""
        with suppress(TimeoutError):
            async with asyncio.timeout(HANG_UP_SECONDS):
                await self._hang_up()
        # Mentions and cards are in the store, where the next client finds them.
        await _end(*self._tasks, *self.mentions.tasks)
        answers = self.backend.in_flight - {asyncio.current_task()}
        if answers:
            await asyncio.wait(answers, timeout=ANSWER_SECONDS)
        await _end(*answers)
        await super().close()

    async def _hang_up(self) -> None:
        if self.ws is not None:
            await self.ws.close(1000)

    async def on_message(self, message: discord.Message) -> None:
        await self.mentions.hear(message)

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        await self.backend.store.places.leave(f"discord:{guild.id}")

    async def on_interaction(self, interaction: Interaction) -> None:
        command = interaction.command.qualified_name if interaction.command else ""
        shard = interaction.guild.shard_id if interaction.guild else 0
        self.backend.metrics.interactions.labels(str(shard), interaction.type.name, command).inc()
        log.info("interaction", interaction=interaction.id, command=command, place=place_of(interaction))


class ShardedFrontClient(FrontClient, discord.AutoShardedClient):
    """As many connections as Discord advises."""

    async def _hang_up(self) -> None:
        await asyncio.gather(*(shard.disconnect() for shard in self.shards.values()))


async def _end(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def make_client(backend: Backend, **options: Any) -> FrontClient:
    """Sharded or not, as the settings say."""
    return (ShardedFrontClient if backend.settings.discord.shards else FrontClient)(backend, **options)
