"""`python -m quality`: tune voices on several corpora and seeds, measure them, and say which goals are met."""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench import command, corpora, machine, workload
from bot.cli.present import print_json
from bot.quality.evaluation import Evaluation, evaluate_together
from data.errors import InputError, MynahError
from quality import report
from quality.work import Say, StepFailedError, Terms, VoiceWork
from trainer.bases import BUILTIN, resolve_base

CANDIDATES, QUICK_CANDIDATES = 200, 40
CYBORGS = (2, 3)  # people in each


def arguments_of(words: list[str] | None = None) -> argparse.Namespace:
    parser = command.parser_of("quality", __doc__)
    parser.add_argument("--seeds", type=int, help="How often each voice is tuned; 3, or 1 where quick.")
    parser.add_argument(
        "--candidates", type=int, help=f"Texts drawn of each voice; {CANDIDATES}, or fewer where quick."
    )
    arguments = command.parsed(parser, words)
    for name in ("seeds", "candidates", "threads"):
        if getattr(arguments, name) is not None and getattr(arguments, name) < 1:
            parser.error(f"--{name} must be at least 1.")
    return arguments


def measure(arguments: argparse.Namespace, scratch: Path) -> None:
    started, say = datetime.now(UTC), command.clocked()
    quick = arguments.quick
    threads = command.threads_of(arguments)
    terms = Terms(
        scratch=scratch.resolve(),
        base=resolve_base(BUILTIN),
        candidates=arguments.candidates or (QUICK_CANDIDATES if quick else CANDIDATES),
        threads=threads,
        quick=quick,
    )
    files = corpora.files(workload.Terms(terms.scratch, quick, threads, arguments.corpora, None))
    works = [VoiceWork.read(file) for file in files]
    if not works:
        raise InputError(
            f"{arguments.corpora} holds no JSONL files; give a folder with --corpora, or none at all."
        )
    if len({work.name for work in works}) < len(works):
        raise InputError(
            f"Two files of {arguments.corpora} hold posts of the same account; leave one of them out."
        )
    seeds = range(arguments.seeds or (1 if quick else 3))
    setting = report.Setting(
        started,
        quick,
        len(seeds),
        [work.name for work in works],
        machine.machine(threads),
        machine.versions({}),
        machine.commit(),
    )
    cyborgs = [VoiceWork.cyborg(works[:count]) for count in CYBORGS if count <= len(works)]
    evaluations, blends = [], []
    for seed in seeds:
        evaluations.append(_measured(works, terms, seed, say))
        blends.append([_measured([cyborg], terms, seed, say) for cyborg in cyborgs])
        figures = report.read_figures(evaluations, blends)
        values = report.to_json(setting, figures, evaluations, blends)
        place = report.write(values, report.picture(evaluations))  # after each seed: a run may take hours
    if arguments.json:
        print_json(values)
    else:
        report.show(setting, figures, evaluations)
    say(f"Written to {place}")


def _measured(works: Sequence[VoiceWork], terms: Terms, seed: int, say: Say) -> Evaluation:
    voices = [work.measured(terms, seed, say) for work in works]
    return evaluate_together(voices, [person for work in works for person in work.people])


def main(words: list[str] | None = None) -> None:
    arguments = arguments_of(words)
    try:
        with command.scratch_of(arguments) as scratch:
            measure(arguments, scratch)
    except (StepFailedError, MynahError) as reason:
        print(reason, file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
