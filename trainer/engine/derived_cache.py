"""What an engine derives from a model's files, kept on disk so that it is made once per model.

    cache/<key>/<name>         the model as the engine wants it; the key is a digest of what it was made from
    cache/<key>/stamps.json    that file's stamp, and what it was made with; written last

The folder is made beside its place and moved there at once. Whatever in it is missing, damaged, or made with
another version or for another processor is made again; all of it may be deleted at any time.
Weights are told apart by stamps, without being read: hashing 500 MB of weights took 0.5 seconds at every start.
"""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from data.errors import InputError
from trainer.durable import flush_to_disk
from trainer.engine.weights import CONFIG, WEIGHTS, explained

_STAMPS = "stamps.json"

Opened = TypeVar("Opened")


class DerivedCache:
    """Files of one `name` under `folder`; `made_with` changes with whatever reads them."""

    def __init__(self, folder: Path, name: str, made_with: str) -> None:
        self._folder = folder
        self._name = name
        self._made_with = made_with

    def opened(
        self, model: Path, kind: str, make: Callable[[Path], None], use: Callable[[Path], Opened]
    ) -> Opened:
        """What `use` returns for the file derived from the model in that folder; `make` writes it where there is
        none, or where `use` refuses it with an OSError, ValueError or RuntimeError.

        `kind` tells apart what is derived from one model. Raises MynahError where the model's files are missing,
        or where the cache can't be written.
        """
        with explained(model / WEIGHTS):
            made_from = _stamp(model / WEIGHTS)
        with explained(model / CONFIG):
            made_from += (model / CONFIG).read_text(encoding="utf-8")
        place = self._folder / hashlib.sha256(f"{kind} {made_from}".encode()).hexdigest()[:16]
        if self._is_whole(place):
            try:
                return use(place / self._name)
            except (OSError, ValueError, RuntimeError):
                with contextlib.suppress(OSError):
                    (place / _STAMPS).unlink()
        try:
            self._store(make, place)
        except OSError as problem:
            raise InputError(
                f"{self._folder} can't be written ({problem}); free some space, or move it with MYNAH_HOME."
            ) from problem
        return use(place / self._name)

    def _store(self, make: Callable[[Path], None], place: Path) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder, prefix="making-") as scratch:
            fresh, old = Path(scratch, "fresh"), Path(scratch, "old")
            fresh.mkdir()
            make(fresh / self._name)
            flush_to_disk(
                fresh / self._name
            )  # after a power cut a stamp alone could promise what was never written
            (fresh / _STAMPS).write_text(json.dumps(self._stamps(fresh)), encoding="utf-8")
            if self._is_whole(place):  # another process was faster, and made the same
                return
            with contextlib.suppress(FileNotFoundError):
                # Damaged or foreign; moved aside, since no folder can be put over one that isn't empty.
                os.replace(place, old)
            try:
                os.replace(fresh, place)
            except OSError:
                if not self._is_whole(place):  # else another was faster even now
                    raise

    def _is_whole(self, place: Path) -> bool:
        try:
            stamps: dict[str, str] = json.loads((place / _STAMPS).read_text(encoding="utf-8"))
            return stamps == self._stamps(place)
        except (OSError, ValueError):
            return False

    def _stamps(self, place: Path) -> dict[str, str]:
        return {self._name: _stamp(place / self._name), "made with": self._made_with}


def _stamp(file: Path) -> str:
    """The same for a file wherever it is moved or linked to; another one once somebody writes to it."""
    status = file.stat()
    return f"{status.st_ino} {status.st_size} {status.st_mtime_ns}"
