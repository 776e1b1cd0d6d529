"""The tracking process: reads from its input what the trainer tells, and hands it to a tracker.

It is a process of its own because trackers take their folders from the environment, start threads and processes
and may hang on a network; none of that may touch a training. It ends with its input.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from trainer.tracking import PlannedRun, Results, TrackedRun, Tracker
from trainer.tracking.marks import Mark
from trainer.tracking.trackio_tracker import TrackioTracker
from trainer.tracking.wandb_tracker import WandbTracker

TRACKERS: dict[str, Callable[[Path, str], Tracker]] = {"trackio": TrackioTracker, "wandb": WandbTracker}
NICENESS = 19  # it has time; the training has not


def main() -> None:
    name, folder, project = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    os.nice(NICENESS)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # trackers print to the output, where only answers belong
    try:
        serve(TRACKERS[name](folder / name, project), folder, sys.stdin, lambda answer: _say(answers, answer))
    except Exception as error:  # whatever it is, the trainer logs it and goes on without
        _say(answers, {"error": f"{type(error).__name__}: {error}"[:500]})
        sys.exit(1)


def serve(tracker: Tracker, folder: Path, lines: Iterable[str], answer: Callable[[dict[str, Any]], None]) -> None:
    """Track run after run, as `lines` tell; one that `lines` leave unfinished broke off."""
    run: TrackedRun | None = None
    for line in lines:
        told = json.loads(line)
        if "start" in told:
            planned = PlannedRun.from_json(told["start"])
            mark = Mark(planned.id, planned.name, planned.handles, where="")
            mark.write(folder)  # first, so that nothing is kept of anybody that `forget` would not find
            run = tracker.start(planned)
            Mark(planned.id, planned.name, planned.handles, run.where).write(folder)
            answer({"step": planned.step, "where": run.where})
        elif run is not None and "finish" in told:
            run.finish(Results.from_json(told["finish"]))
            run = None
        elif run is not None:
            run.log(told["step"], told["values"])
    if run is not None:
        run.finish(None)


def _say(answers: Any, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
