"""What every measuring command is told alike: how large, on which posts and threads, where to keep things."""

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

MOST_THREADS = 2  # of a run that is told nothing else


def parser_of(program: str, description: str | None) -> argparse.ArgumentParser:
    """A parser of `python -m program` with the options that all have."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=description)
    variable = f"{program.upper()}_CORPORA"
    parser.add_argument("--quick", action="store_true", help="The same, small: to see that it works.")
    parser.add_argument("--json", action="store_true", help="Print what latest.json holds instead of tables.")
    parser.add_argument(
        "--threads", type=int, help=f"Processor threads for everything; at most {MOST_THREADS} if left out."
    )
    parser.add_argument(
        "--corpora",
        type=Path,
        default=os.environ.get(variable) or None,
        help=f"A folder of JSONL files with posts (or {variable}); the bundled samples if left out.",
    )
    parser.add_argument("--scratch", type=Path, help="Keep what is made there for the next run.")
    return parser


def parsed(parser: argparse.ArgumentParser, words: list[str] | None) -> argparse.Namespace:
    """The arguments; `corpora` is None where there is no such folder, which is said."""
    arguments = parser.parse_args(words)
    if arguments.corpora is not None and not arguments.corpora.is_dir():
        print(f"{arguments.corpora} is not here; the bundled samples take its place.", file=sys.stderr)
        arguments.corpora = None
    return arguments


def threads_of(arguments: argparse.Namespace) -> int:
    return arguments.threads or min(MOST_THREADS, os.cpu_count() or 1)


@contextlib.contextmanager
def scratch_of(arguments: argparse.Namespace) -> Iterator[Path]:
    """The folder that was named, or one that goes with the run."""
    if arguments.scratch is None:
        with tempfile.TemporaryDirectory(prefix="measuring-") as folder:
            yield Path(folder)
    else:
        arguments.scratch.mkdir(parents=True, exist_ok=True)
        yield arguments.scratch


def clocked() -> Callable[[str], None]:
    """Says lines on stderr, each with the seconds since now."""
    clock = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - clock:6.0f} s  {line}", file=sys.stderr, flush=True)

    return say
