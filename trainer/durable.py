"""Files that are whole or not there, whatever is killed or unplugged while they are written."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path


def write_json(file: Path, values: object) -> None:
    """Write a JSON file that appears at once or not at all. Raises OSError on a full disk."""
    with appearing(file) as partial:
        partial.write_text(json.dumps(values, ensure_ascii=False, indent=1), encoding="utf-8")


@contextlib.contextmanager
def appearing(file: Path) -> Iterator[Path]:
    """A name to write to; at the end it becomes `file`, on the disk itself, and after an error nothing is left."""
    partial = file.with_suffix(f".{os.getpid()}.partial")  # a lost run may still have its old child
    try:
        yield partial
        flush_to_disk(partial)
        os.replace(partial, file)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def flush_to_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, would outlast a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
