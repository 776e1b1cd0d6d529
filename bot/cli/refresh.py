"""Voices keep up with their people: `refresh`."""

from typing import Annotated, Any

import typer
from rich.markup import escape

from bot.cli.present import err, out, print_json
from bot.cli.session import JsonOption, with_store
from bot.cli.timelines import ask_to_spend, posts_bar, quoted, refuse_unasked
from bot.cli.voices import finished_voice
from bot.governor import Governor
from bot.refreshing import Refreshed, Refresher, Renewal, Timeline, timelines_here
from bot.timelines import open_sources
from data.posts import PLATFORMS, normalise_handle
from data.settings import Settings
from data.store import Store
from trainer.wish import Asked


def add_commands(app: typer.Typer) -> None:
    app.command("refresh")(refresh)


def refresh(
    context: typer.Context,
    handles: Annotated[
        list[str] | None, typer.Argument(help="Only these; without any, all that are here.")
    ] = None,
    least: Annotated[
        int | None, typer.Option(min=1, help="New posts from which on a voice is trained anew.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before money is spent.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Follow each run until its voice is there.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Fetch what people posted since their timelines were read, and train voices anew that have gained enough.

    Example: mynah refresh @some_one --least 100
    """
    names = [normalise_handle(name) for name in handles or ()]
    timelines = _look(context, names, yes=yes)

    async def work(settings: Settings, store: Store) -> Refreshed:
        prospects = [timeline.prospect for timeline in timelines if timeline.prospect]
        sources = {prospect.platform for prospect in prospects}
        async with open_sources(sources, settings, Governor(store, settings)) as platforms:
            refresher = Refresher(store, settings, platforms)
            with posts_bar("Reading timelines", sum(prospect.quote.posts for prospect in prospects)) as came:
                fetched = await refresher.fetch(timelines, came)
            return Refreshed(fetched, await refresher.renew(names, least=least))

    refreshed = with_store(context, work)
    if as_json:
        print_json(_to_json(refreshed))
    else:
        _show(refreshed)
    if wait:
        _wait(context, refreshed.voices)
    if any(one.said for one in refreshed.timelines) or any(one.said for one in refreshed.voices):
        raise typer.Exit(1)


def _look(context: typer.Context, names: list[str], *, yes: bool) -> list[Timeline]:
    """Every timeline there is to fetch, quoted, and confirmed where that costs money."""

    async def look(settings: Settings, store: Store) -> tuple[list[Timeline], float]:
        governor = Governor(store, settings)
        here = [
            (platform, handle) for platform, handle in await timelines_here(store) if handle in names or not names
        ]
        paid = [handle for platform, handle in here if platform == "x"]
        if paid and settings.x.training_permitted and settings.x.ready:
            refuse_unasked(costs=True, yes=yes)
            price = governor.prices.dollars["x"]["user read"]
            accounts = ", ".join(f"@{handle}" for handle in paid)
            err.print(f"Looking {accounts} up on X costs ${len(paid) * price:.3f}.")
        async with open_sources({platform for platform, _ in here}, settings, governor) as sources:
            return await Refresher(store, settings, sources).look(names), await governor.left()

    timelines, left = with_store(context, look)
    prospects = [timeline.prospect for timeline in timelines if timeline.prospect]
    for prospect in prospects:
        err.print(quoted(prospect))
    if any(prospect.platform == "x" for prospect in prospects):
        dollars = sum(prospect.quote.dollars for prospect in prospects)
        err.print(f"All together: ${dollars:.2f}.")
        ask_to_spend(dollars, left, yes=yes)
    return timelines


def _show(refreshed: Refreshed) -> None:
    if not refreshed.timelines:
        out.print("No timeline to fetch; bring one with `mynah import @some_one --from bluesky`.")
    for fetched in refreshed.timelines:
        out.print(f"[bold]@{fetched.handle}[/] on {PLATFORMS[fetched.platform]}: {fetched.new:,} new posts")
        if fetched.said:
            err.print(f"[yellow]![/] {escape(fetched.said)}")
    for renewal in refreshed.voices:
        if renewal.said:
            err.print(f"[yellow]![/] {renewal.voice}: {escape(renewal.said)}")
        else:
            out.print(
                f"The voice [bold]{renewal.voice}[/] has gained {renewal.gained:,} posts: {_outcome(renewal)}"
            )


def _outcome(renewal: Renewal) -> str:
    if renewal.run is None:
        return "left as it is."
    return (
        f"run {renewal.run.id} {'is queued' if renewal.created else 'was queued already'}; a trainer works on it."
    )


def _to_json(refreshed: Refreshed) -> dict[str, Any]:
    return {
        "timelines": [
            {"handle": one.handle, "platform": one.platform, "new": one.new, "error": one.said or None}
            for one in refreshed.timelines
        ],
        "voices": [
            {
                "voice": one.voice,
                "gained": one.gained,
                "run": one.run.id if one.run else None,
                "created": one.created,
                "error": one.said or None,
            }
            for one in refreshed.voices
        ],
    }


def _wait(context: typer.Context, renewals: list[Renewal]) -> None:
    async def work(settings: Settings, store: Store) -> None:
        for renewal in renewals:
            if renewal.run is not None:
                voice = await finished_voice(store, settings, Asked(None, renewal.run, renewal.created))
                err.print(f"[green]✓[/] The voice {voice.record.name} is ready.")

    with_store(context, work)
