"""`python -m bench`: measure Mynah and its peers side by side, and say which goals are met."""

import argparse
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from bench import machine, report
from bench.peers import install
from bench.rounds import GroupResults, run_group
from bench.rows import GROUPS
from bench.workload import Terms
from bot.cli.present import print_json


def arguments_of(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"Only these: {', '.join(GROUPS)}.")
    parser.add_argument("--rounds", type=int, help="How often each side is measured; 3, or 1 where quick.")
    parser.add_argument("--quick", action="store_true", help="The same, small: to see that it works.")
    parser.add_argument("--json", action="store_true", help="Print what latest.json holds instead of tables.")
    parser.add_argument("--threads", type=int, help="Processor threads for every side; at most 2 if left out.")
    parser.add_argument(
        "--corpora",
        type=Path,
        default=os.environ.get("BENCH_CORPORA") or None,
        help="A folder of JSONL files with posts (or BENCH_CORPORA); the bundled samples if left out.",
    )
    parser.add_argument("--base", type=Path, help="A folder with GPT-2 124M, instead of its shape.")
    parser.add_argument("--llama", action="store_true", help="llama.cpp too: it is built from source, 7 minutes.")
    parser.add_argument("--no-install", action="store_true", help="Measure the peers that are installed already.")
    parser.add_argument("--scratch", type=Path, help="Keep models and files there for the next run.")
    arguments = parser.parse_args(words)
    if unknown := set(arguments.rows) - GROUPS.keys():
        parser.error(f"there is no row {', '.join(sorted(unknown))}; choose among {', '.join(GROUPS)}.")
    if arguments.rounds is not None and arguments.rounds < 1:
        parser.error("at least one round is needed.")
    if arguments.corpora is not None and not arguments.corpora.is_dir():
        print(f"{arguments.corpora} is not here; the bundled samples take its place.", file=sys.stderr)
        arguments.corpora = None
    return arguments


def measure(arguments: argparse.Namespace, scratch: Path) -> None:
    started, clock = datetime.now(UTC), time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - clock:6.0f} s  {line}", file=sys.stderr, flush=True)

    rounds = arguments.rounds or (1 if arguments.quick else 3)
    threads = arguments.threads or min(2, os.cpu_count() or 1)
    setting_machine = machine.machine(threads)
    peers = (
        install.installed() if arguments.no_install else install.install(arguments.llama and not arguments.quick)
    )
    terms = Terms(
        scratch=scratch.resolve(),
        quick=arguments.quick,
        threads=threads,
        corpora=arguments.corpora and arguments.corpora.resolve(),
        base=arguments.base and arguments.base.resolve(),
    )
    chosen = [group for name, group in GROUPS.items() if not arguments.rows or name in arguments.rows]
    setting = report.Setting(
        started, arguments.quick, rounds, setting_machine, machine.versions(peers), machine.commit()
    )
    groups: list[GroupResults] = []
    for group in chosen:
        groups.append(run_group(group, terms, rounds, peers, say))
        figures = report.read_figures(groups)
        values = report.to_json(setting, figures, groups)
        place = report.write(values)  # after each group: a run may take an hour, and be ended
    if arguments.json:
        print_json(values)
    else:
        report.show(setting, figures, groups)
    say(f"Written to {place}")


def main() -> None:
    arguments = arguments_of()
    if arguments.scratch is not None:
        arguments.scratch.mkdir(parents=True, exist_ok=True)
        measure(arguments, arguments.scratch)
        return
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        measure(arguments, Path(scratch))


if __name__ == "__main__":
    main()
