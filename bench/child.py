"""`python -m bench.child GROUP SIDE PART TERMS ANSWER`: one part of one side, in this fresh process.

PART is `prepare` or `work`. What was measured is written to the file ANSWER as JSON, since libraries print.
"""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from bench.process import cpu_seconds, peak_rss_mb
from bench.rows import GROUPS
from bench.workload import CannotRunError, Terms


def main() -> None:
    group, side_name, part, terms_text, answer = sys.argv[1:]
    terms = Terms.from_json(terms_text)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: terms.threads])
    side = next(side for side in GROUPS[group].sides if side.name == side_name)
    work = side.prepare if part == "prepare" else side.work
    assert work is not None
    try:
        measurement = work(terms)
    except CannotRunError as reason:
        Path(answer).write_text(json.dumps({"cannot": str(reason)}), encoding="utf-8")
        return
    measurement = measurement.with_process(peak_rss_mb(), cpu_seconds())
    Path(answer).write_text(json.dumps(asdict(measurement)), encoding="utf-8")


if __name__ == "__main__":
    main()
