"""Sending what the bot says, however badly the line behaves, and being seen typing until then.

A send that failed is tried again under the same nonce, by which Discord knows it: what had arrived is not doubled.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

import aiohttp
import discord
import stamina

from bot.governor import DryRunError

PATIENCE_SECONDS = 90.0  # after so long without success an answer comes too late to be one
GONE = (discord.NotFound, discord.Forbidden)  # nobody is left to be told, or the bot may not

Result = TypeVar("Result")


def passes(error: Exception) -> bool:
    """Whether time mends it: a lost line, a storm of errors at Discord's, a rate limit in a form of its own."""
    if isinstance(error, discord.HTTPException):
        return error.status == 429 or error.status >= 500
    if isinstance(error, KeyError):
        return error.args == ("retry_after",)  # discord.py, of a 429 that lacks it
    return isinstance(error, aiohttp.ClientError | OSError)


async def persistently(call: Callable[[], Awaitable[Result]], *, pause: float = 0.5) -> Result:
    """The result of `call`, which is made again while what it raises `passes`; the last error when time is up.

    `pause` is the least number of seconds before the second attempt.
    """
    caller = stamina.AsyncRetryingCaller(
        attempts=None, timeout=PATIENCE_SECONDS, wait_initial=pause, wait_max=10.0
    )
    return await caller(passes, call)


async def reply(message: discord.Message, content: str) -> discord.Message:
    """Answer a message once, whatever happens; where it was deleted meanwhile, without quoting it.

    Raises discord.NotFound or discord.Forbidden where nothing can be said in that channel any more, and the last
    error where Discord stayed out of reach.
    """
    return await persistently(
        lambda: message.channel.send(
            content,
            reference=message.to_reference(fail_if_not_exists=False),
            mention_author=False,
            nonce=message.id,
        )
    )


class TypingSigns:
    """In every channel where somebody waits for an answer the bot is seen typing."""

    def __init__(self) -> None:
        self._waiting: dict[int, set[int]] = {}  # messages by channel
        self._signs: dict[int, asyncio.Task[None]] = {}  # by channel

    def show(self, message: discord.Message) -> None:
        """From now on, until `hide` was called for every message of its channel."""
        channel = message.channel
        self._waiting.setdefault(channel.id, set()).add(message.id)
        if channel.id not in self._signs:
            self._signs[channel.id] = asyncio.create_task(_type(channel), name=f"type in {channel.id}")

    def hide(self, message: discord.Message) -> None:
        """Also for a message that was never shown to be waited for."""
        waiting = self._waiting.get(message.channel.id, set())
        waiting.discard(message.id)
        if not waiting:
            self._waiting.pop(message.channel.id, None)
            if sign := self._signs.pop(message.channel.id, None):
                sign.cancel()


async def _type(channel: discord.abc.Messageable) -> None:
    # A sign that can't be shown is no reason to say nothing.
    with suppress(discord.HTTPException, aiohttp.ClientError, OSError, KeyError, DryRunError):
        async with channel.typing():
            await asyncio.Event().wait()  # until it is cancelled
