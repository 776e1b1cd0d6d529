"""Timelines on the command line: quoted, confirmed, and read with a bar."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bot.cli.present import err
from bot.cli.session import with_store
from bot.governor import Governor
from bot.timelines import Prospect, Timelines, open_sources, refuse_unpermitted
from data.collect import Collected
from data.corpus import Profile
from data.errors import RefusedError
from data.posts import PLATFORMS, normalise_handle
from data.settings import Settings
from data.store import Store

Source = Literal["x", "bluesky"]


def import_timeline(
    context: typer.Context,
    name: str,
    source: Source,
    *,
    profile: Profile,
    consent: str,
    may_publish: bool,
    yes: bool,
) -> Collected:
    """Quote an account's posts, ask where that costs money, and read them."""
    handle = normalise_handle(name)
    settings: Settings = context.obj
    refuse_unpermitted(source, settings)
    costs = source == "x"
    refuse_unasked(costs=costs, yes=yes)

    async def look(settings: Settings, store: Store) -> tuple[Prospect, float]:
        governor = Governor(store, settings)
        if costs:
            price = governor.prices.dollars[source]["user read"]
            err.print(f"Looking @{handle} up costs ${price:.3f}.")
        async with open_sources([source], settings, governor) as sources:
            return await Timelines(store, settings).look(sources[source], handle), await governor.left()

    prospect, left = with_store(context, look)
    err.print(quoted(prospect))
    if costs:
        ask_to_spend(prospect.quote.dollars, left, yes=yes)

    async def fetch(settings: Settings, store: Store) -> Collected:
        async with open_sources([source], settings, Governor(store, settings)) as sources:
            with posts_bar(f"Reading @{handle}", prospect.quote.posts) as came:
                return await Timelines(store, settings).fetch(
                    sources[source],
                    prospect,
                    consent=consent,
                    may_publish=may_publish or None,
                    profile=profile,
                    progress=came,
                )

    try:
        return with_store(context, fetch)
    except KeyboardInterrupt:
        err.print("What came so far is kept; the same command goes on from there.")
        raise


def quoted(prospect: Prospect) -> str:
    """What reading comes to, in a sentence."""
    quote = prospect.quote
    posts = f"@{prospect.handle} on {PLATFORMS[prospect.platform]}: {quote.posts:,} posts to read"
    if not quote.dollars and not quote.saved:
        return f"{posts}, free of charge." if prospect.platform != "x" else f"{posts}."
    each = f" at ${quote.dollars / quote.posts:.3f} each" if quote.posts else ""
    saved = f"; ${quote.saved:.2f} are saved, as the others are here already" if quote.saved else ""
    return f"{posts}{each} come to ${quote.dollars:.2f}{saved}."


def refuse_unasked(*, costs: bool, yes: bool) -> None:
    """Raises RefusedError where money would be spent and nobody is there to say yes: nothing is asked for then."""
    if costs and not yes and not sys.stdin.isatty():
        raise RefusedError("Reading on X costs money and nobody is here to confirm it; add --yes to allow it.")


def ask_to_spend(dollars: float, left: float, *, yes: bool) -> None:
    """Say what the budget has and ask, with no as the default. Raises typer.Abort where the answer is no."""
    enough = "" if dollars <= left else ": reading stops there, keeps what came, and goes on when there is more"
    err.print(f"The budget has ${left:.2f} left{enough}.")
    if not yes:
        typer.confirm("Read them?", default=False, abort=True, err=True)


@contextmanager
def posts_bar(description: str, posts: int) -> Iterator[Callable[[int], None]]:
    """A bar over posts, for a person who watches; what it gives is called with how many came."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(description, total=posts)
        yield lambda came: bar.advance(task, came)
