"""What most commands need: the settings, the open store, asyncio around them, and an option."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from data.settings import Settings
from data.store import Store, open_store

Result = TypeVar("Result")
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of words.")]


def with_store(context: typer.Context, work: Callable[[Settings, Store], Awaitable[Result]]) -> Result:
    """Run `work` with the settings and the store open, and close the store whatever happens."""
    settings: Settings = context.obj

    async def session() -> Result:
        async with open_store(settings.database) as store:
            return await work(settings, store)

    return asyncio.run(session())
