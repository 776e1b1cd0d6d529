"""The bot as a service, and what Discord needs done once: `bot`, `discord sync`, `discord invite`."""

import asyncio
from typing import Annotated

import typer

from bot.cli.present import out
from bot.cli.session import with_store
from bot.cli.speak import open_shelf
from bot.imitator import Imitator
from bot.logs import log_to_stderr
from bot.supervise import until_sigterm
from data.errors import InputError
from data.settings import Settings
from data.store import Store

NO_FRONT = "No front is set up; set MYNAH_DISCORD__TOKEN, as the README's part on Discord says."

discord_app = typer.Typer(name="discord", help="Bring the bot to Discord.", no_args_is_help=True)


def add_commands(app: typer.Typer) -> None:
    app.command("bot")(bot)
    app.add_typer(discord_app)


def has_front(settings: Settings) -> bool:
    return bool(settings.discord.token.get_secret_value())


async def serve_fronts(settings: Settings, store: Store) -> None:
    """Run every front that is set up, until cancelled. Raises InputError where one is turned away for good."""
    # discord.py is nobody else's: the other commands start faster without it.
    from bot.fronts.discord.backend import Backend
    from bot.fronts.discord.connection import Connection, serve
    from bot.health import Health, health_server
    from bot.metrics import Metrics

    log_to_stderr()
    metrics, connection = Metrics(), Connection()
    async with open_shelf(settings) as shelf:
        imitator = Imitator(shelf, store, settings)
        metrics.rejected = imitator.rejected
        health = Health(store, shelf, metrics, {"discord": connection})
        async with health_server(settings.health, health) as address:
            where = f" Its health: {address}/readyz" if address else ""
            out.print(f"Connecting to Discord; stop the bot with Ctrl-C or SIGTERM.{where}")
            await serve(Backend(settings, store, imitator, metrics), on_client=connection.carried_by)


def bot(context: typer.Context) -> None:
    """Run the fronts that are set up: Discord, where MYNAH_DISCORD__TOKEN is set. A trainer runs beside it.

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
