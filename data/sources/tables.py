"""CSV files from many tools (snscrape, twint, tweepy, Trump Twitter Archive, Vicinitas), their columns by name."""

import csv
import io
import re
from collections.abc import Iterator

from data.errors import InputError
from data.sources.columns import TEXT_COLUMNS, Row, plain
from data.sources.json_stream import MAX_ENTRY
from data.sources.reading import Reading
from data.sources.rows import read_rows
from data.sources.tree import Tree

_DELIMITERS = (",", "\t", ";")


class Tables:
    """`data.sources.reading.Source` for CSV, with commas, tabs or semicolons."""

    name = "csv"

    def recognises(self, tree: Tree) -> bool:
        name = tree.only(".csv", ".tsv")
        return name is not None and not header_of(tree.head(name)).isdisjoint(TEXT_COLUMNS)

    def read(self, tree: Tree, wanted: str | None) -> Reading:
        name = tree.only(".csv", ".tsv")
        if name is None:
            raise InputError(f"{tree.label} doesn't hold exactly one CSV file; give the file itself.")
        tree.expect(name)
        return read_rows(table_rows(tree, name), tree, name, wanted, self.name)


def header_of(head: bytes) -> set[str]:
    """The plain column names in a table's first line."""
    line = re.split(r"\r\n?|\n", head.decode("utf-8-sig", "replace"), maxsplit=1)[0]
    return set(_columns(line, _delimiter(line)))


def table_rows(tree: Tree, name: str) -> Iterator[Row]:
    """The rows by plain column name. Raises InputError for a wrong encoding, broken quoting or a cut-off file."""
    with io.TextIOWrapper(tree.open(name), encoding="utf-8-sig", newline="") as text:
        lines = _Lines(text, name)
        first = next(lines, "")
        delimiter = _delimiter(first)
        header = _columns(first, delimiter)
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        is_short = False
        try:
            for fields in reader:
                lines.characters = 0
                is_short = 0 < len(fields) < len(header)
                if len(fields) == len(header):
                    yield dict(zip(header, fields, strict=True))
                elif fields:
                    yield {}  # counted as unreadable by whoever reads the rows
        except csv.Error as error:
            raise InputError(
                f"{name} is not sound CSV near line {reader.line_num + 1:,} ({error}); export it again."
            ) from None
        if is_short:
            raise InputError(f"{name} is cut off in the middle of its last row; download or copy it again.")


class _Lines(Iterator[str]):
    """Lines, where neither one nor a whole row can fill the memory."""

    def __init__(self, text: io.TextIOWrapper, name: str) -> None:
        self.characters = 0  # since the last row ended
        self._text = text
        self._name = name

    def __next__(self) -> str:
        try:
            line = self._text.readline(MAX_ENTRY)
        except UnicodeDecodeError:
            raise InputError(f"{self._name} is not UTF-8 text, or is damaged; save it again as UTF-8.") from None
        self.characters += len(line)
        if self.characters >= MAX_ENTRY:
            raise InputError(
                f"{self._name} holds a row above {MAX_ENTRY >> 20} MB; no post is that long, so export it again."
            )
        if not line:
            raise StopIteration
        return line


def _columns(line: str, delimiter: str) -> list[str]:
    try:
        return [plain(name) for name in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:
        return []


def _delimiter(line: str) -> str:
    """The one that makes a text column; a comma where none does."""
    fitting = (mark for mark in _DELIMITERS if not set(TEXT_COLUMNS).isdisjoint(_columns(line, mark)))
    return next(fitting, _DELIMITERS[0])
