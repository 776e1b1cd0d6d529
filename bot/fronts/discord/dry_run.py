"""The dry run: nothing is sent to Discord, whichever way it would go.

discord.py has one HTTP session, through which everything passes: messages, edits, typing, uploads, webhooks,
answers to interactions, commands. The guard stands there, below all of them, so that nothing can go around it.
What only reads goes through, and so does the gateway.
"""

from types import SimpleNamespace

import aiohttp
import structlog
import yarl
from discord.http import Route

from bot.governor import DryRunError
from data.settings import Settings

READING = ("GET", "HEAD")

log = structlog.get_logger()


def guard(settings: Settings) -> aiohttp.TraceConfig:
    """A client's `http_trace`: in a dry run every request that could change anything raises DryRunError."""
    trace = aiohttp.TraceConfig()
    if settings.dry_run:
        trace.on_request_start.append(_refuse_writing)
    return trace


async def _refuse_writing(
    session: aiohttp.ClientSession, context: SimpleNamespace, request: aiohttp.TraceRequestStartParams
) -> None:
    if request.method in READING:
        return
    # No more of the path than "channels", "interactions": further on there may be tokens.
    resource = request.url.path.removeprefix(yarl.URL(Route.BASE).path).split("/")[1]
    log.info("dry run: not sent", what=f"{request.method} {resource}")
    raise DryRunError(
        "This is a dry run (MYNAH_DRY_RUN), so nothing was sent to Discord; turn it off and try again."
    )
