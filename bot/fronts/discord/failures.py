"""Answering an interaction whatever happens: acknowledged at once, and every failure ends in one sentence.

A failure that a person can act on shows its own sentence; a fault of the program shows a reference number that
stands in the log beside the traceback.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import wraps
from typing import Any, TypeVar, cast

import aiohttp
import discord
import structlog
from discord import app_commands

from bot.faults import broken, new_reference
from bot.fronts.discord.backend import Interaction, backend_of
from bot.fronts.discord.speech import LONGEST_MESSAGE, QUIET
from data.errors import MynahError

ALREADY_ACKNOWLEDGED = 40060  # Discord heard the acknowledgement, though its answer was lost on the way
UNKNOWN_INTERACTION = 10062  # more than three seconds old when it was acknowledged, or 15 minutes when answered
UNKNOWN_WEBHOOK = 10015  # how an expired token is answered on some routes

log = structlog.get_logger()


@asynccontextmanager
async def deferred(interaction: Interaction, *, ephemeral: bool = False) -> AsyncIterator[None]:
    """Acknowledge at once, so that the block may take its time; its answer goes to `answer(interaction, ...)`.

    Should the process end meanwhile, the next one tells the person so.
    """
    backend, task = backend_of(interaction.client), asyncio.current_task()
    assert task is not None
    backend.in_flight.add(task)  # first of all, so that a client that ends never overlooks it
    task.add_done_callback(backend.in_flight.discard)
    try:
        await interaction.response.defer(thinking=True, ephemeral=ephemeral)
    except discord.HTTPException as error:
        if error.code != ALREADY_ACKNOWLEDGED:
            raise
        interaction.response._response_type = discord.InteractionResponseType.deferred_channel_message
    interaction.extras["thinks_aloud"] = not ephemeral
    await backend.store.inbox.acknowledged(str(interaction.id), interaction.token)
    try:
        yield
    except Exception:
        await backend.store.inbox.answered(str(interaction.id))
        raise
    # Not where it was cancelled: the process ends, and the next one finds who waits.
    await backend.store.inbox.answered(str(interaction.id))


async def answer(
    interaction: Interaction, content: str, *, ephemeral: bool = True, **parts: Any
) -> discord.InteractionMessage | None:
    """The interaction's first answer: fills the "thinking" message where there is one, else sends a new one.

    `parts` are a message's (`view`, `embed` ...). Gives the message where Discord returned it.
    """
    if interaction.response.is_done():
        if "file" in parts:
            parts["attachments"] = [parts.pop("file")]
        return await interaction.edit_original_response(content=content, allowed_mentions=QUIET, **parts)
    callback = await interaction.response.send_message(
        content, ephemeral=ephemeral, allowed_mentions=QUIET, **parts
    )
    return callback.resource if isinstance(callback.resource, discord.InteractionMessage) else None


async def answer_privately(interaction: Interaction, content: str, **parts: Any) -> None:
    """The same, but only for the eyes of who asked, even where everybody saw the "thinking": that message goes."""
    if not interaction.extras.get("thinks_aloud"):
        await answer(interaction, content, **parts)
        return
    await interaction.edit_original_response(content="…")  # or the follow-up would fill it for all to see
    await interaction.followup.send(content, ephemeral=True, allowed_mentions=QUIET, **parts)
    await interaction.delete_original_response()


async def explain(interaction: Interaction, error: Exception) -> None:
    """Tell the person what went wrong, in one sentence that only they see where that is possible."""
    if isinstance(error, app_commands.CommandInvokeError | app_commands.TransformerError):
        error = error.__cause__ if isinstance(error.__cause__, Exception) else error
    sentence = _sentence(interaction, error)
    if sentence is None:
        return
    sentence = sentence[:LONGEST_MESSAGE]  # it may quote what they typed, which may be three times as long
    try:
        if not interaction.response.is_done():
            await answer(interaction, sentence)
        elif interaction.response.type == discord.InteractionResponseType.deferred_channel_message:
            if interaction.extras.get("thinks_aloud"):
                await answer_privately(interaction, sentence)
            else:
                await answer(interaction, sentence, view=None)
        else:  # it has shown something already, which the sentence must not replace
            await interaction.followup.send(sentence, ephemeral=True, allowed_mentions=QUIET)
    except (discord.HTTPException, aiohttp.ClientError) as unreachable:
        log.warning("could not explain", sentence=sentence, why=str(unreachable))


def _sentence(interaction: Interaction, error: Exception) -> str | None:
    """None where nobody is left to be told."""
    if isinstance(error, MynahError):
        return str(error)
    if isinstance(error, app_commands.CheckFailure):
        return str(error) or "You may not use this command here; ask those who run this server."
    if isinstance(error, discord.HTTPException) and error.code in (UNKNOWN_INTERACTION, UNKNOWN_WEBHOOK):
        log.info("interaction expired", interaction=interaction.id)
        return None
    if isinstance(error, discord.NotFound):
        return "What this was about is gone from Discord: a message or a channel was deleted."
    if isinstance(error, discord.Forbidden):
        return "I lack the permission to do that here; ask those who run this server to let me send messages."
    reference = new_reference()
    log.error("fault", reference=reference, exc_info=error)
    return broken(reference)


Callback = TypeVar("Callback", bound=Callable[..., Coroutine[Any, Any, None]])


def explained(callback: Callback) -> Callback:
    """For the callback methods of buttons, menus and modals, whose failures discord.py would only log."""

    @wraps(callback)
    async def with_explanation(owner: Any, interaction: Interaction, *rest: Any) -> None:
        if backend_of(interaction.client).settings.dry_run:  # as with commands: nothing is begun
            return
        try:
            await callback(owner, interaction, *rest)
        except Exception as error:  # the edge of what a press of a button may break
            await explain(interaction, error)

    return cast(Callback, with_explanation)
