"""The line to Discord, which may break: kept up as long as the process lives, one client after the other.

discord.py mends what a gateway usually does: cuts, reconnects, resumes, sessions that end. What it can't mend ends
its client, as does an event that it can't read. A new one then starts as it would after a restart, and takes up
what the old one left in the store. So there is one way of recovering, and it is always the same.
"""

import asyncio
import logging
import math
from collections.abc import Callable

import aiohttp
import discord
import structlog
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot.faults import new_reference
from bot.fronts.discord.backend import Backend
from bot.fronts.discord.client import FrontClient, make_client
from bot.metrics import Metrics
from bot.supervise import Patience
from data.errors import InputError
from data.settings import DiscordSettings

BAD_CREDENTIALS = (
    "Discord does not accept the bot's token; in the developer portal choose Bot, Reset Token, "
    "and put the new one into MYNAH_DISCORD__TOKEN."
)
# Close codes after which Discord wants no further attempt, and what a person can do about each.
FINAL_CLOSE_CODES = {
    4004: BAD_CREDENTIALS,
    4010: "Discord refuses this way of sharding; set MYNAH_DISCORD__SHARDS=true and start again.",
    4011: "The bot is on too many servers for one connection; set MYNAH_DISCORD__SHARDS=true and start again.",
    4012: "Discord no longer speaks the version that this Mynah speaks; update Mynah.",
    4013: "Discord does not know an intent that this Mynah asks for; update Mynah.",
    4014: (
        "Discord refuses an intent that the bot asked for; Mynah needs none of the Privileged Gateway Intents, so "
        "update it, or switch them on under Bot in the developer portal."
    ),
}
# Trouble that time mends: no network, no name service, a storm of errors at Discord's.
OUT_OF_REACH = (OSError, aiohttp.ClientError, discord.HTTPException, discord.GatewayNotFound)

log = structlog.get_logger()


class Connection:
    """The connection as health checks and metrics see it, whichever client stands behind it at the moment."""

    def __init__(self) -> None:
        self._client: FrontClient | None = None

    def carried_by(self, client: FrontClient) -> None:
        self._client = client

    @property
    def connected(self) -> bool:
        """Whether every shard has its servers and an open gateway."""
        shards = self._shards()
        return bool(shards) and all(up for up, _ in shards.values())

    def measure(self, metrics: Metrics) -> None:
        """Set Discord's gauges to what is true now."""
        metrics.connected.clear()
        metrics.latency.clear()
        for shard, (up, latency) in (self._shards() or {0: (False, math.nan)}).items():
            metrics.connected.labels(str(shard)).set(up)
            if math.isfinite(latency):  # there is none before the first heartbeat
                metrics.latency.labels(str(shard)).set(latency)
        client = self._client
        if client is not None:
            metrics.guilds.set(len(client.guilds))
            metrics.channels.set(sum(1 for _ in client.get_all_channels()))
            metrics.users.set(len(client.users))
            metrics.commands.set(
                sum(isinstance(command, discord.app_commands.Command) for command in client.tree.walk_commands())
            )

    def _shards(self) -> dict[int, tuple[bool, float]]:
        """By shard: whether it is connected, and its latency in seconds."""
        client = self._client
        if client is None:
            return {}
        if isinstance(client, discord.AutoShardedClient):
            return {
                number: (client.is_ready() and not shard.is_closed(), shard.latency)
                for number, shard in client.shards.items()
            }
        open_now = client.ws is not None and client.ws.open
        return {0: (client.is_ready() and open_now, client.latency)}


async def serve(backend: Backend, *, on_client: Callable[[FrontClient], None] = lambda client: None) -> None:
    """Keep the front connected until cancelled; `on_client` hears of each new client before it starts.

    Raises InputError where Discord turns the bot away for good, with what to do in its developer portal.
    """
    settings = backend.settings.discord
    point_discord_at(settings)
    if backend.settings.dry_run:
        log.warning("dry run: nothing is sent to Discord, where commands and buttons seem not to respond")
    patience = Patience()
    loop = asyncio.get_running_loop()
    while True:
        started = loop.time()
        client = make_client(backend)
        on_client(client)
        ended_by = await _run(client, settings.token.get_secret_value())
        if sentence := why_final(ended_by):
            raise InputError(sentence) from ended_by
        wait = patience.after(loop.time() - started)
        _report(ended_by, wait, patience)
        await asyncio.sleep(wait)


async def _run(client: FrontClient, token: str) -> BaseException | None:
    """Run a client to its end and close it; gives what ended it."""
    # In a task of its own: discord.py uses `wait_for`, in which Python 3.11 may lose the cancellation of ours.
    running = asyncio.create_task(client.start(token), name="Discord client")
    try:
        await asyncio.wait([running])
    finally:
        running.cancel()
        await _close(client)
        await asyncio.wait([running])
    return None if running.cancelled() else running.exception()


async def _close(client: FrontClient) -> None:
    """Close it to the end, although we may be cancelled meanwhile: half closed, it would keep its connections."""
    closing = asyncio.create_task(client.close())
    try:
        await asyncio.shield(closing)
    except asyncio.CancelledError:
        await asyncio.wait([closing])
        raise


def point_discord_at(settings: DiscordSettings) -> None:
    """Let discord.py, in the whole process, talk to the addresses of the settings where they name some."""
    if settings.api_base:
        Route.BASE = settings.api_base
    if settings.gateway_url:
        DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(settings.gateway_url)
    # The bot never speaks aloud, so that it need not hear what that would take.
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False


def why_final(error: BaseException | None) -> str | None:
    """What a person has to do before another attempt makes sense; None where trying on does."""
    if isinstance(error, discord.LoginFailure):
        return BAD_CREDENTIALS
    if isinstance(error, discord.PrivilegedIntentsRequired):
        return FINAL_CLOSE_CODES[4014]
    return FINAL_CLOSE_CODES.get(error.code) if isinstance(error, discord.ConnectionClosed) else None


def _report(error: BaseException | None, wait: float, patience: Patience) -> None:
    # discord.py trips over its own feet where the very first gateway is out of reach; the cause is what matters.
    cause = error.__context__ if isinstance(error, AttributeError) and error.__context__ else error
    if isinstance(cause, OUT_OF_REACH):
        level = logging.WARNING if patience.failures == 1 else logging.INFO
        log.log(level, "Discord can't be reached, trying on", why=repr(cause), wait=wait)
    else:
        log.error(
            "the Discord client ended, starting a new one", reference=new_reference(), wait=wait, exc_info=error
        )
