"""The page in the browser: `web`."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import typer

from bot.cli.present import out
from bot.cli.session import with_store
from bot.cli.speak import open_imitator
from bot.imitator import Imitator
from bot.supervise import until_sigterm
from data.settings import Settings
from data.store import Store


def add_commands(app: typer.Typer) -> None:
    app.command("web")(web)


def web(context: typer.Context) -> None:
    """A page in the browser: bring posts, train, speak, compare, guess, and decide what is posted.

    Example: mynah web
    """

    async def work(settings: Settings, store: Store) -> None:
        out.print("Opening the page ...")
        async with (
            until_sigterm(),
            open_imitator(settings, store) as imitator,
            open_page(settings, store, imitator) as address,
        ):
            out.print(f"The page is at {address} until you press Ctrl-C.", soft_wrap=True)
            await asyncio.Event().wait()

    with_store(context, work)


def web_address(settings: Settings) -> str:
    """Where `mynah web` opens the page, unless its port is 0."""
    host = settings.web.host
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.web.port}"


@contextlib.asynccontextmanager
async def open_page(settings: Settings, store: Store, imitator: Imitator) -> AsyncIterator[str]:
    """The page, open while the block runs; gives its address. Raises InputError where it can't be opened."""
    # What the page needs is nobody else's: the other commands start faster without it.
    from bot.fronts.web.backend import WebBackend
    from bot.fronts.web.doors import Doors
    from bot.fronts.web.serving import serve_page
    from bot.governor import Governor
    from bot.platforms.opening import open_platforms

    async with open_platforms(settings, Governor(store, settings)) as platforms:
        backend = WebBackend(settings, store, imitator, platforms, Doors(settings.web))
        async with serve_page(backend) as address:
            yield address
