"""Doing something on a platform until it goes well, without ever hurrying and without ever giving up."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

import structlog

from bot.fronts.social.pace import seconds_to_next_day
from bot.platforms import NotDoneError, TurnedDownError
from bot.supervise import Patience
from data.errors import MynahError, RefusedError

TURNED_DOWN_SECONDS = 900.0  # what a person has to mend, such as wrong keys, is not mended any sooner

Result = TypeVar("Result")

log = structlog.get_logger()


async def persistently(what: str, work: Callable[[], Awaitable[Result]]) -> Result:
    """The result of `work`, which is tried until it gives one. Each new reason why it does not is logged once."""
    patience, loop, told = Patience(), asyncio.get_running_loop(), ""
    while True:
        began = loop.time()
        try:
            return await work()
        except Exception as error:  # the edge of what may break here: one platform must not end the others
            wait = max(_seconds_told(error), patience.after(loop.time() - began))
            if repr(error) == told:
                log.info(f"{what}: trying again", why=repr(error), wait=round(wait))
            elif isinstance(error, MynahError):
                log.warning(f"{what}: trying again", why=str(error), wait=round(wait))
            else:
                log.error(f"{what}: trying again", wait=wait, exc_info=error)
            told = repr(error)
        await asyncio.sleep(wait)


def _seconds_told(error: Exception) -> float:
    """How long to wait at least after such a failure."""
    match error:
        case NotDoneError():
            return error.seconds
        case TurnedDownError():
            return TURNED_DOWN_SECONDS
        case RefusedError():  # the budget of the day is gone, or of the month
            return seconds_to_next_day(datetime.now(UTC))
    return 0.0
