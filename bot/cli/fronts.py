"""The bot as a service, and what Discord needs done once: `bot`, `discord sync`, `discord invite`."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import structlog
import typer

from bot.cli.present import out
from bot.cli.session import with_store
from bot.cli.speak import open_shelf
from bot.imitator import Imitator
from bot.logs import log_to_stderr
from bot.supervise import until_sigterm
from data.errors import InputError, MynahError
from data.settings import Settings
from data.store import Store

if TYPE_CHECKING:
    from bot.fronts.discord.backend import Backend
    from bot.fronts.discord.connection import Connection

NO_FRONT = (
    "No front is set up; set MYNAH_DISCORD__TOKEN, the four keys of MYNAH_X__ or handle and app password of "
    "MYNAH_BLUESKY__, as the README says."
)

DISCORD = "Discord"

log = structlog.get_logger()
discord_app = typer.Typer(name="discord", help="Bring the bot to Discord.", no_args_is_help=True)


def add_commands(app: typer.Typer) -> None:
    app.command("bot")(bot)
    app.add_typer(discord_app)


def has_front(settings: Settings) -> bool:
    return bool(_front_names(settings))


def _front_names(settings: Settings) -> list[str]:
    """Those that are set up."""
    ready = {
        DISCORD: settings.discord.token.get_secret_value(),
        "X": settings.x.ready,
        "Bluesky": settings.bluesky.ready,
    }
    return [name for name, is_ready in ready.items() if is_ready]


async def serve_fronts(settings: Settings, store: Store) -> None:
    """Run every front that is set up, until cancelled.

    Raises InputError where the only one there is turns the bot away for good.
    """
    # Each front needs much that the others and the other commands don't: what is not used is not imported.
    from bot.fronts.social.watched import WatchedPlatform
    from bot.governor import Governor
    from bot.health import Front, Health, health_server
    from bot.metrics import Metrics
    from bot.platforms.opening import open_platforms

    log_to_stderr()
    metrics, governor, names = Metrics(), Governor(store, settings), _front_names(settings)
    async with open_shelf(settings) as shelf, open_platforms(settings, governor) as opened:
        platforms = {name: WatchedPlatform(platform, metrics) for name, platform in opened.items()}
        imitator = Imitator(shelf, store, settings)
        metrics.rejected = imitator.rejected
        fronts: dict[str, Front] = {**platforms}
        if DISCORD in names:
            from bot.fronts.discord.connection import Connection

            fronts["discord"] = connection = Connection()
        async with health_server(settings.health, Health(store, shelf, metrics, fronts)) as address:
            where = f" Its health: {address}/readyz" if address else ""
            out.print(f"Connecting to {', '.join(names)}; stop the bot with Ctrl-C or SIGTERM.{where}")
            works: list[Coroutine[Any, Any, None]] = []
            if settings.refresh.every:
                from bot.refreshing import keep_fresh

                works.append(keep_fresh(store, settings, {**platforms}, governor))
            if platforms:
                from bot.fronts.social.serving import serve

                works.append(serve(platforms, settings, store, imitator, governor))
            if DISCORD in names:
                from bot.fronts.discord.backend import Backend

                backend = Backend(settings, store, imitator, metrics, {**platforms})
                works.append(_serve_discord(backend, connection, alone=not platforms))
            await _side_by_side(works)


async def _serve_discord(backend: "Backend", connection: "Connection", *, alone: bool) -> None:
    """Raises InputError where Discord turns the bot away for good, and there is nothing else it could serve."""
    from bot.fronts.discord.connection import serve

    try:
        await serve(backend, on_client=connection.carried_by)
    except InputError as error:
        if alone:
            raise
        log.error("without Discord from now on", why=str(error))


async def _side_by_side(works: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Until all have ended; one that fails ends the others."""
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except ExceptionGroup as failures:
        for failure in failures.exceptions:
            if isinstance(failure, MynahError):  # a sentence for the operator
                raise failure from None
        raise


def bot(context: typer.Context) -> None:
    """Run the fronts that are set up: Discord, X, Bluesky. A trainer runs beside it.

    Example: mynah bot
    """
    if not has_front(context.obj):
        raise InputError(NO_FRONT)

    async def work(settings: Settings, store: Store) -> None:
        async with until_sigterm():
            await serve_fronts(settings, store)

    with_store(context, work)


@discord_app.command("sync")
def sync(
    context: typer.Context,
    server: Annotated[
        int | None, typer.Option("--server", help="Only on this server, by its id: there they show at once.")
    ] = None,
) -> None:
    """Register the slash commands with Discord: once, and again after each update.

    Example: mynah discord sync
    """
    from bot.fronts.discord.portal import open_portal

    async def work(settings: Settings) -> tuple[str, list[str], bool]:
        async with open_portal(settings) as portal:
            return portal.name, await portal.sync(server), await portal.allows_user_install()

    name, commands, for_people = asyncio.run(work(context.obj))
    out.print(f"[green]✓[/] {name} has {len(commands)} commands: {', '.join(commands)}", soft_wrap=True)
    if not for_people:
        out.print(
            "[yellow]![/] People can't take the bot along; tick User Install under Installation in the "
            "developer portal if they should.",
            soft_wrap=True,
        )


@discord_app.command("invite")
def invite(
    context: typer.Context,
    personas: Annotated[
        bool, typer.Option("--personas", help="Add Manage Webhooks, which persona webhooks take.")
    ] = False,
) -> None:
    """Print the links that bring the bot to a server, with the least permissions, or to one person.

    Example: mynah discord invite
    """
    from bot.fronts.discord.portal import open_portal

    async def work(settings: Settings) -> tuple[str, str]:
        async with open_portal(settings) as portal:
            return portal.server_link(personas=personas), portal.user_link()

    server_link, user_link = asyncio.run(work(context.obj))
    print(f"To a server: {server_link}\nTo yourself: {user_link}")  # plain: a link must not be wrapped
