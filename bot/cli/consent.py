"""What people decided and reported, for the operator: `optouts`, `optout`, `optin`, `reports`."""

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.markup import escape

from bot.cli.present import out, print_json, print_table, printable, short_time
from bot.cli.session import JsonOption, with_store
from bot.erasing import is_here
from bot.erasing import opt_out as silence
from data.errors import NotFoundError
from data.posts import normalise_handle
from data.settings import Settings
from data.store import OptOut, Store


def add_commands(app: typer.Typer) -> None:
    app.command("optouts")(list_opt_outs)
    app.command("optout")(opt_out)
    app.command("optin")(opt_in)
    app.command("reports")(list_reports)


def list_opt_outs(context: typer.Context, as_json: JsonOption = False) -> None:
    """Which handles may not be imitated, and which of them somebody wants erased.

    Example: mynah optouts
    """

    async def work(settings: Settings, store: Store) -> list[OptOut]:
        return await store.consent.all_opt_outs()

    rows = with_store(context, work)
    if as_json:
        print_json([asdict(row) for row in rows])
    elif not rows:
        out.print("Nobody has opted out.")
    else:
        columns = ("handle", "asked for by", "since", "to be erased")
        shown = (
            (row.handle, row.person, short_time(row.since), "yes" if row.wants_erasure else "") for row in rows
        )
        print_table("Opted out", columns, shown)
        for row in rows:
            if row.wants_erasure:
                out.print(f"  → Somebody wants @{row.handle} erased: `mynah forget {row.handle}`.")


def opt_out(
    context: typer.Context,
    handle: Annotated[str, typer.Argument(help="Who may not be imported, trained or spoken from now on.")],
) -> None:
    """Keep a handle from being imitated, by anybody, until `mynah optin`. What is there of it stays, unused.

    Example: mynah optout @some_one
    """
    name = normalise_handle(handle)

    async def work(settings: Settings, store: Store) -> tuple[int, bool]:
        return await silence(store, name, None), await is_here(store, name)

    ended, here = with_store(context, work)
    out.print(f"@{name} can't be imported, trained or spoken any more. Runs that end by that: {ended}.")
    if here:
        out.print(f"  → `mynah forget {name}` erases what is here of it.")


def opt_in(
    context: typer.Context,
    handle: Annotated[str, typer.Argument(help="Who may be imported, trained and spoken again.")],
) -> None:
    """Lift an opt-out, whoever asked for it: make sure that the person agrees.

    Example: mynah optin @some_one
    """
    name = normalise_handle(handle)

    async def work(settings: Settings, store: Store) -> bool:
        return await store.consent.opt_in(name)

    if not with_store(context, work):
        raise NotFoundError(f"@{name} has not opted out; see `mynah optouts`.")
    out.print(f"@{name} may be imported, trained and spoken again.")


def list_reports(context: typer.Context, as_json: JsonOption = False) -> None:
    """What people reported of the voices' answers, newest first.

    Example: mynah reports
    """

    async def work(settings: Settings, store: Store) -> list[dict[str, Any]]:
        names = {voice.key: voice.name for voice in await store.voices.all()}
        return [
            {
                "report": report.id,
                "voice": names.get(reply.voice_key, reply.voice_key),
                "text": reply.text,
                "reason": report.reason,
                "person": report.person,
                "since": report.since,
            }
            for report, reply in await store.replies.reports()
        ]

    rows = with_store(context, work)
    if as_json:
        print_json(rows)
    elif not rows:
        out.print("Nothing was reported.")
    else:
        for row in rows:
            reason = escape(printable(row["reason"])) or "no reason given"
            out.print(f"[bold]{escape(row['voice'])}[/], {short_time(row['since'])}: {reason}")
            out.print(f"  {printable(row['text'])}", markup=False)
