"""`python -m quality`: tune voices on several corpora and seeds, measure them, and say which goals are met."""

import argparse
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from bench import corpora, machine, workload
from bot.cli.present import print_json
from bot.quality.evaluation import evaluate_together
from quality import report
from quality.work import CorpusWork, StepFailedError, Terms
from trainer.bases import BUILTIN, resolve_base

CANDIDATES, QUICK_CANDIDATES = 200, 40


def arguments_of(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m quality", description=__doc__)
    parser.add_argument(
        "--corpora",
        type=Path,
        default=os.environ.get("QUALITY_CORPORA") or None,
        help="A folder of JSONL files with posts (or QUALITY_CORPORA); the bundled samples if left out.",
    )
    parser.add_argument("--seeds", type=int, help="How often each voice is tuned; 3, or 1 where quick.")
    parser.add_argument(
        "--candidates", type=int, help=f"Texts drawn of each voice; {CANDIDATES}, or fewer where quick."
    )
    parser.add_argument("--quick", action="store_true", help="The same, small: to see that it works.")
    parser.add_argument("--json", action="store_true", help="Print what latest.json holds instead of tables.")
    parser.add_argument("--threads", type=int, help="Processor threads; at most 2 if left out.")
    parser.add_argument("--scratch", type=Path, help="Keep voices and measurements there: a later run goes on.")
    arguments = parser.parse_args(words)
    for name in ("seeds", "candidates", "threads"):
        if getattr(arguments, name) is not None and getattr(arguments, name) < 1:
            parser.error(f"--{name} must be at least 1.")
    if arguments.corpora is not None and not arguments.corpora.is_dir():
        print(f"{arguments.corpora} is not here; the bundled samples take its place.", file=sys.stderr)
        arguments.corpora = None
    return arguments


def measure(arguments: argparse.Namespace, scratch: Path) -> None:
    started, clock = datetime.now(UTC), time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - clock:6.0f} s  {line}", file=sys.stderr, flush=True)

    quick = arguments.quick
    threads = arguments.threads or min(2, os.cpu_count() or 1)
    terms = Terms(
        scratch=scratch.resolve(),
        base=resolve_base(BUILTIN),
        candidates=arguments.candidates or (QUICK_CANDIDATES if quick else CANDIDATES),
        threads=threads,
        quick=quick,
    )
    files = corpora.files(workload.Terms(terms.scratch, quick, threads, arguments.corpora, None))
    works = [CorpusWork.read(file) for file in files]
    seeds = range(arguments.seeds or (1 if quick else 3))
    setting = report.Setting(
        started,
        quick,
        len(seeds),
        [work.person.handle for work in works],
        machine.machine(threads),
        machine.versions({}),
        machine.commit(),
    )
    evaluations = []
    for seed in seeds:
        voices = [work.measured(terms, seed, say) for work in works]
        evaluations.append(evaluate_together(voices, [work.person for work in works]))
        figures = report.read_figures(evaluations)
        values = report.to_json(setting, figures, evaluations)
        place = report.write(values, report.picture(evaluations))  # after each seed: a run may take hours
    if arguments.json:
        print_json(values)
    else:
        report.show(setting, figures, evaluations)
    say(f"Written to {place}")


def main() -> None:
    arguments = arguments_of()
    try:
        if arguments.scratch is not None:
            arguments.scratch.mkdir(parents=True, exist_ok=True)
            measure(arguments, arguments.scratch)
            return
        with tempfile.TemporaryDirectory(prefix="quality-") as scratch:
            measure(arguments, Path(scratch))
    except StepFailedError as reason:
        print(reason, file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
