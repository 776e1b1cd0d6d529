"""How the command line shows things: tables and bars for people, JSON for programs."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)
"""Progress and warnings go to stderr, so that what a command prints can be piped on."""


def print_json(values: object) -> None:
    """Plain JSON on stdout, for programs."""
    print(json.dumps(values, ensure_ascii=False, indent=2, default=str))


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Figures to the right, words to the left."""
    rows = [list(row) for row in rows]
    table = Table(title=title, title_justify="left", header_style="bold", box=SIMPLE_HEAD)
    for index, column in enumerate(columns):
        numeric = all(isinstance(row[index], int | float) for row in rows)
        last = index == len(columns) - 1  # the only one that may need more than one line
        table.add_column(column, justify="right" if numeric else "left", overflow="fold", no_wrap=not last)
    for row in rows:
        table.add_row(*(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row))
    out.print(table)


def reading_bar() -> Progress:
    """A bar over bytes read."""
    return Progress(TextColumn("{task.description}"), BarColumn(), DownloadColumn(), console=err, transient=True)


class _Losses(ProgressColumn):
    def render(self, task: Task) -> Text:
        loss, held_out = task.fields.get("loss"), task.fields.get("held_out_loss")
        parts = [f"loss {loss:.2f}" if loss else "", f"held-out {held_out:.2f}" if held_out else ""]
        return Text("  ".join(part for part in parts if part), style="cyan")


def tuning_bar() -> Progress:
    """A bar over training steps with loss and the time left."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TextColumn("{task.percentage:>3.0f}%"),
        _Losses(),
        TimeRemainingColumn(compact=True),
        console=err,
    )
