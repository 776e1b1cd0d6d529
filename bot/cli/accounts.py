"""The accounts on X and Bluesky: which is meant, its rules (`autopost confirm`), and whom it leaves alone."""

from datetime import datetime
from typing import Annotated, Literal

import typer

from bot.autopost.checklist import CHECKLISTS, subject
from bot.autopost.label import account_settings
from bot.cli.present import out, print_json, print_table, short_time
from bot.cli.session import JsonOption, with_store
from data.errors import InputError, NotFoundError, RefusedError
from data.posts import PLATFORMS
from data.settings import Settings
from data.store import Store

OPERATOR = "operator"  # who decided, in the books

OnOption = Annotated[
    Literal["x", "bluesky"] | None, typer.Option("--on", help="Where; needed only where both are set up.")
]


def add_account_commands(app: typer.Typer) -> None:
    app.command("confirm")(confirm)
    app.command("silences")(silences)


def chosen_platform(settings: Settings, on: str | None) -> str:
    """What was asked for, or the only platform that is set up. Raises InputError where that is not clear."""
    if on:
        return on
    ready = [platform for platform in PLATFORMS if getattr(settings, platform).ready]
    if len(ready) > 1:
        raise InputError("Both X and Bluesky are set up; say where, with --on x or --on bluesky.")
    if not ready:
        for platform in PLATFORMS:
            section = getattr(settings, platform)
            if len(section.missing) < len(section.account_keys):
                account_settings(settings, platform)  # says what is missing
        raise InputError("Neither X nor Bluesky is set up; the README's part on them says how.")
    return ready[0]


def confirm(
    context: typer.Context,
    platform: Annotated[Literal["x", "bluesky"], typer.Argument(help="Whose rules.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="All of them hold; do not ask.")] = False,
    revoke: Annotated[bool, typer.Option("--revoke", help="Take it back: nothing is posted any more.")] = False,
) -> None:
    """Go through a platform's rules for bots and say that the account keeps them. Nothing is posted before.

    Example: mynah autopost confirm x
    """
    name = PLATFORMS[platform]
    if not revoke:
        _go_through(platform, yes)

    async def work(settings: Settings, store: Store) -> None:
        if revoke:
            await store.standing.revoke(subject(platform))
        else:
            await store.standing.confirm(subject(platform), OPERATOR)

    with_store(context, work)
    if revoke:
        out.print(f"Nothing is posted on {name} until `mynah autopost confirm {platform}`.")
    else:
        out.print(f"[green]✓[/] The rules of {name} are confirmed; Mynah may post there.")


def _go_through(platform: str, yes: bool) -> None:
    """Raises RefusedError at the first rule that does not hold."""
    rules = CHECKLISTS[platform]
    out.print(f"[bold]The rules of {PLATFORMS[platform]} for accounts like this one[/]\n")
    for number, rule in enumerate(rules, 1):
        out.print(f"[bold]{number}. {rule.holds}[/]")
        out.print(f"   {rule.how}", style="dim")
        if not yes and not typer.confirm("   Is it so?", err=True):
            raise RefusedError(
                f"Nothing is posted on {PLATFORMS[platform]} before that holds; see to it, then run "
                f"`mynah autopost confirm {platform}` again."
            )


def silences(
    context: typer.Context,
    lift: Annotated[
        str | None, typer.Option("--lift", help="Answer this person again, as listed: x:123. Only if they ask.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Who told the bot to stop, and is never answered again unless you lift it.

    Example: mynah autopost silences
    """

    async def work(settings: Settings, store: Store) -> dict[str, datetime]:
        if lift is not None and not await store.standing.lift_silence(lift.strip()):
            raise NotFoundError(f"'{lift}' is not silenced; `mynah autopost silences` shows who is.")
        return await store.standing.silenced()

    people = with_store(context, work)
    if as_json:
        print_json([{"person": person, "since": since} for person, since in people.items()])
    elif lift is not None:
        out.print(f"{lift.strip()} is answered again.", markup=False)
    elif not people:
        out.print("Nobody asked for silence.")
    else:
        rows = ((person, short_time(since)) for person, since in people.items())
        print_table("Silenced", ("person", "since"), rows)
