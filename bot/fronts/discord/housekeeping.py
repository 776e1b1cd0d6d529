"""What the front tidies up: at its start what an earlier process left, then once in a while what grew old."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import count

import aiohttp
import discord
import structlog

from bot.fronts.discord.backend import Backend
from bot.fronts.discord.sending import persistently
from bot.fronts.discord.speech import QUIET
from bot.governor import DryRunError
from bot.importing import sweep
from data.store import Store, WaitingInteraction

ROUND_SECONDS = 60.0
ROUNDS_AN_HOUR = 60
TOKEN_LIFE = timedelta(minutes=15)  # Discord's: so long an interaction can be answered
RESTARTED = "I was restarted before I could answer; please ask again."
ORIGINAL: int = "@original"  # type: ignore[assignment]  # Discord's name for a number that isn't known

log = structlog.get_logger()


async def keep_house(client: discord.Client, backend: Backend) -> None:
    """Until cancelled."""
    began = datetime.now(UTC)  # no interaction has reached this client yet
    left = [waiting for waiting in await backend.store.inbox.unanswered() if waiting.since < began]
    await client.wait_until_ready()
    await asyncio.gather(*(_tell_restart(client, backend.store, waiting) for waiting in left))
    for number in count():
        try:
            await let_go(backend)
            if number % ROUNDS_AN_HOUR == 0:
                await tidy(backend)
        except Exception:  # a database that is locked now must not keep records for ever
            log.exception("tidying failed")
        await asyncio.sleep(ROUND_SECONDS)


async def let_go(backend: Backend) -> None:
    """Drop voices from memory that were erased, maybe by another process."""
    known = backend.imitator.known
    backend.imitator.forget(known - await backend.store.voices.there(known))


async def tidy(backend: Backend) -> None:
    """Delete who asked what, once it is older than the settings say."""
    store, age = backend.store, timedelta(days=backend.settings.discord.keep_days)
    counts = {
        "mentions": await store.inbox.tidy(age),
        "replies": await store.replies.tidy(age),
        "cards": await store.cards.tidy(age),
        "runs": await store.runs.tidy(age),
    }
    backend.cooldowns.tidy()
    await asyncio.to_thread(sweep, backend.settings)
    log.info("tidied up", **counts)


async def _tell_restart(client: discord.Client, store: Store, waiting: WaitingInteraction) -> None:
    """Nobody is left looking at "is thinking"; an answer that came through all the same stays."""
    try:
        if datetime.now(UTC) - waiting.since < TOKEN_LIFE:
            await persistently(lambda: _fill(client, waiting.token))
    except (discord.HTTPException, aiohttp.ClientError, OSError, KeyError, DryRunError) as error:
        log.info("could not tell of the restart", interaction=waiting.interaction, why=str(error))
    await store.inbox.answered(waiting.interaction)


async def _fill(client: discord.Client, token: str) -> None:
    assert client.application_id is not None
    webhook = discord.Webhook.partial(client.application_id, token, client=client)
    if (await webhook.fetch_message(ORIGINAL)).flags.loading:
        await webhook.edit_message(ORIGINAL, content=RESTARTED, allowed_mentions=QUIET)
