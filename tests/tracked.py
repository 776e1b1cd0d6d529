"""What was tracked, read back as the trackers' own tools would read it."""

import json
import sqlite3
from collections import defaultdict
from contextlib import closing
from pathlib import Path
from typing import Any

from wandb.proto.wandb_internal_pb2 import Record

_BLOCK, _HEADER = 32_768, 7  # bytes; the log format of LevelDB, in which Weights & Biases writes


def trackio_rows(home: Path) -> dict[str, list[tuple[int, dict[str, Any]]]]:
    """(step, values) of every row of a run's curves, by the run's name, in the order they were written."""
    rows = defaultdict(list)
    with closing(sqlite3.connect(home / "tracking" / "trackio" / "huggingtweets.db")) as database:
        for name, step, values in database.execute("SELECT run_name, step, metrics FROM metrics ORDER BY id"):
            rows[name].append((step, json.loads(values)))
    return dict(rows)


def trackio_configs(home: Path) -> dict[str, dict[str, Any]]:
    with closing(sqlite3.connect(home / "tracking" / "trackio" / "huggingtweets.db")) as database:
        return {
            name: json.loads(config) for name, config in database.execute("SELECT run_name, config FROM configs")
        }


def trackio_artifacts(home: Path) -> dict[str, dict[str, Any]]:
    """Metadata and manifest of every artifact's versions, by name."""
    with closing(sqlite3.connect(home / "tracking" / "trackio" / "huggingtweets.db")) as database:
        found = database.execute(
            "SELECT name, metadata, manifest FROM artifacts JOIN artifact_versions ON artifact_id = artifacts.id"
        )
        return {name: {"metadata": json.loads(of), "manifest": json.loads(what)} for name, of, what in found}


def wandb_records(folder: Path) -> list[Record]:
    """What the one offline run under `folder` would send."""
    (file,) = folder.glob("wandb/offline-run-*/*.wandb")
    data, place, parts, records = file.read_bytes(), _HEADER, b"", []
    while place + _HEADER <= len(data):
        if _BLOCK - place % _BLOCK < _HEADER:  # no header begins here
            place += _BLOCK - place % _BLOCK
            continue
        length, kind = int.from_bytes(data[place + 4 : place + 6], "little"), data[place + 6]
        parts += data[place + _HEADER : place + _HEADER + length]
        place += _HEADER + length
        if kind in (1, 4):  # whole, or the last part
            records.append(Record.FromString(parts))
            parts = b""
    return records


def wandb_points(records: list[Record]) -> list[dict[str, Any]]:
    """The rows of the curves."""
    return [
        {(item.key or item.nested_key[0]): json.loads(item.value_json) for item in record.history.item}
        for record in records
        if record.WhichOneof("record_type") == "history"
    ]


def everything_under(folder: Path) -> bytes:
    """All that is there, names of files included."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return b"\n".join(str(path.relative_to(folder)).encode() + b"\n" + path.read_bytes() for path in files)
