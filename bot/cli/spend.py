"""What X and Bluesky cost: `spend`."""

import calendar
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from bot.cli.present import out, print_json, print_table
from bot.cli.session import JsonOption, with_store
from bot.spending import by_day, by_kind, month_from_words, summary
from data.posts import PLATFORMS
from data.settings import Settings
from data.store import Spent, Store
from data.store.ledger import MICRO, today

BAR = 24  # characters
ROWS = 6  # of the plot
EIGHTHS = " ▁▂▃▄▅▆▇█"


def add_commands(app: typer.Typer) -> None:
    app.command("spend")(spend)


def spend(
    context: typer.Context,
    month: Annotated[str | None, typer.Option(help="Another month, as 2026-11.")] = None,
    as_json: JsonOption = False,
) -> None:
    """What calls to X and Bluesky cost, by kind and by day, and what is left of the budget.

    Example: mynah spend --month 2026-11
    """
    chosen = month_from_words(month or today()[:7])

    async def work(settings: Settings, store: Store) -> tuple[Settings, list[Spent]]:
        return settings, await store.ledger.history(chosen)

    settings, rows = with_store(context, work)
    bill = summary(settings.spending, chosen, rows, today())
    if as_json:
        print_json(bill)
    else:
        _show(chosen, rows, bill)


def _show(month: str, rows: Sequence[Spent], bill: Mapping[str, Any]) -> None:
    year, number = month.split("-")
    name = f"{calendar.month_name[int(number)]} {year}"
    days = by_day(rows)
    if rows:
        shown = (
            (PLATFORMS[platform], kind, count, f"{amount / MICRO:>9,.3f}")
            for platform, kind, count, amount in by_kind(rows)
        )
        print_table(f"Spent in {name}", ("on", "what", "count", "  dollars"), shown)
    else:
        out.print(f"[bold]Nothing was spent in {name}.[/]\n")
    for period in ("month", "today"):
        if period in bill:
            out.print(_gauge(period, **bill[period]))
    if bill["reserved"]:
        out.print(f"${bill['reserved']:.3f} of it is set aside for calls whose end is not known yet.")
    if any(days.values()):
        out.print()
        for line in _plot(days, calendar.monthrange(int(year), int(number))[1]):
            out.print(line, style="cyan", markup=False)
    prices = f"Prices of {bill['prices_as_of']} ({bill['prices_from']})"
    out.print(f"\n{prices}; days and months are those of UTC.", style="dim", markup=False)


def _gauge(period: str, dollars: float, limit: float) -> str:
    share = dollars / limit if limit else 1.0
    filled = min(BAR, round(share * BAR))
    colour = "green" if share < 0.5 else "yellow" if share < 0.8 else "red"
    bar = f"[{colour}]{'━' * filled}[/][dim]{'─' * (BAR - filled)}[/]"
    return f"{period:<6}{bar} {share:>4.0%}  ${dollars:,.3f} of ${limit:,.2f}"


def _plot(days: Mapping[int, int], length: int) -> list[str]:
    """Microdollars by day of the month as columns of blocks, with the highest at the top; 72 characters wide."""
    top = max(days.values())
    heights = [8 * ROWS * days.get(day, 0) / top for day in range(1, length + 1)]
    # What cost anything is seen, however little.
    eighths = [max(1, round(height)) if height else 0 for height in heights]
    labels = {ROWS - 1: f"{top / MICRO:,.3f}", 0: f"{0:.3f}"}
    lines = [
        f"{labels.get(row, ''):>8} │"
        + "".join(f"{EIGHTHS[min(8, max(0, height - 8 * row))]} " for height in eighths).rstrip()
        for row in reversed(range(ROWS))
    ]
    marks = "".join(f"{day:<2}" if day == 1 or day % 5 == 0 else "  " for day in range(1, length + 1))
    return ["dollars by day", *lines, f"{'':>8} └{'──' * length}", f"{'':>10}{marks}".rstrip()]
