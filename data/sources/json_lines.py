"""JSON from many tools: one object a line (snscrape, API dumps, own exports), or all of them in one list."""

import re
from collections.abc import Iterator

from data.errors import InputError
from data.sources.columns import Row, plain
from data.sources.json_stream import as_object, entries
from data.sources.reading import Reading
from data.sources.rows import read_rows
from data.sources.tree import Tree

_SUFFIXES = (".jsonl", ".ndjson", ".json")
_BEGINNING = re.compile(r"\s*(?:\[\s*)?\{")


class JsonLines:
    """`data.sources.reading.Source` for JSON lines and JSON lists of objects."""

    name = "json-lines"

    def recognises(self, tree: Tree) -> bool:
        name = tree.only(*_SUFFIXES)
        return name is not None and bool(_BEGINNING.match(tree.head(name).decode("utf-8-sig", "replace")))

    def read(self, tree: Tree, wanted: str | None) -> Reading:
        name = tree.only(*_SUFFIXES)
        if name is None:
            raise InputError(f"{tree.label} doesn't hold exactly one JSON file; give the file itself.")
        tree.expect(name)
        return read_rows(_rows(tree, name), tree, name, wanted, self.name)


def _rows(tree: Tree, name: str) -> Iterator[Row]:
    for entry in entries(tree.open(name), name):
        values = as_object(entry.get("tweet")) or entry  # an archive's element without its assignment
        yield {plain(key): value for key, value in values.items()}
