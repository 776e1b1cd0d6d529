"""`python -m bench`: measure Mynah and its peers side by side, and say which goals are met."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from bench import command, machine, report
from bench.peers import install
from bench.rounds import GroupResults, run_group
from bench.rows import GROUPS
from bench.workload import Terms
from bot.cli.present import print_json


def arguments_of(words: list[str] | None = None) -> argparse.Namespace:
    parser = command.parser_of("bench", __doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"Only these: {', '.join(GROUPS)}.")
    parser.add_argument("--rounds", type=int, help="How often each side is measured; 3, or 1 where quick.")
    parser.add_argument("--base", type=Path, help="A folder with GPT-2 124M, instead of its shape.")
    parser.add_argument("--llama", action="store_true", help="llama.cpp too: it is built from source, 7 minutes.")
    parser.add_argument("--no-install", action="store_true", help="Measure the peers that are installed already.")
    arguments = command.parsed(parser, words)
    if unknown := set(arguments.rows) - GROUPS.keys():
        parser.error(f"there is no row {', '.join(sorted(unknown))}; choose among {', '.join(GROUPS)}.")
    if arguments.rounds is not None and arguments.rounds < 1:
        parser.error("at least one round is needed.")
    return arguments


def measure(arguments: argparse.Namespace, scratch: Path) -> None:
    started, say = datetime.now(UTC), command.clocked()
    rounds = arguments.rounds or (1 if arguments.quick else 3)
    threads = command.threads_of(arguments)
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
    with command.scratch_of(arguments) as scratch:
        measure(arguments, scratch)


if __name__ == "__main__":
    main()
