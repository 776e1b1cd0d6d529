"""How the command line shows things: tables and bars for people, JSON for programs."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

PIPE_WIDTH = 10_000  # characters: in a pipe or a log nothing is wrapped, so that a line stays a line


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    return console


out = _console(stderr=False)
err = _console(stderr=True)
"""Progress and warnings go to stderr, so that what a command prints can be piped on."""


def print_json(values: object) -> None:
    """Plain JSON on stdout, for programs; times in ISO 8601."""
    print(json.dumps(values, ensure_ascii=False, indent=2, default=_json_value))


def _json_value(value: object) -> str:
    return value.isoformat(timespec="seconds") if isinstance(value, datetime) else str(value)


def short_time(moment: datetime) -> str:
    """A time as a table shows it: to the minute, in the time zone of this machine."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")


def printable(text: str) -> str:
    """What people wrote, without what would move the cursor or change colours."""
    return "".join(character if character.isprintable() else " " for character in text)


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Figures to the right, words to the left."""
    rows = [list(row) for row in rows]
    table = Table(title=title, title_justify="left", header_style="bold", box=SIMPLE_HEAD)
    for index, column in enumerate(columns):
        numeric = all(isinstance(row[index], int | float) for row in rows)
        last = index == len(columns) - 1  # the only one that may need more than one line
        table.add_column(column, justify="right" if numeric else "left", overflow="fold", no_wrap=not last)
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    out.print(table)


def _cell(value: object) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.2f}" if isinstance(value, float) else escape(str(value))


def reading_bar() -> Progress:
    """A bar over bytes read, for a person who watches."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    return Progress(*columns, console=err, transient=True, disable=not err.is_terminal)


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
        TaskProgressColumn(),  # empty while the number of steps is unknown
        _Losses(),
        TimeRemainingColumn(compact=True),
        console=err,
    )
