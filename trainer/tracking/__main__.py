"""The tracking process: reads from its input what the trainer tells, and hands it to a tracker.

It is a process of its own because trackers take their folders from the environment, start threads and processes
and may hang on a network; none of that may touch a training. It ends with its input.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from trainer.tracking import PlannedRun, Results, TrackedRun, Tracker
from trainer.tracking.machine import machine
from trainer.tracking.marks import Mark, erase_here
from trainer.tracking.trackio_tracker import TrackioTracker
from trainer.tracking.wandb_tracker import WandbTracker

TRACKERS: dict[str, Callable[[Path, str], Tracker]] = {"trackio": TrackioTracker, "wandb": WandbTracker}
NICENESS = 19  # it has time; the training has not

Answer = Callable[[dict[str, Any]], None]


def main() -> None:
    name, folder, project = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    os.nice(NICENESS)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # trackers print to the output, where only answers belong

    def answer(what: dict[str, Any]) -> None:
        answers.write(json.dumps(what) + "\n")

    try:
        serve(TRACKERS[name](folder / name, project), folder, project, sys.stdin, answer)
    except ModuleNotFoundError as error:
        answer({"error": f"{error.name} is not installed; install it with `pip install 'mynah[{name}]'`"})
        sys.exit(1)
    except Exception as error:  # whatever it is, the trainer logs it and goes on without
        answer({"error": f"{type(error).__name__}: {error}"[:500]})
        sys.exit(1)


def serve(tracker: Tracker, folder: Path, project: str, lines: Iterable[str], answer: Answer) -> None:
    """Track run after run, as `lines` tell; one that `lines` leave unfinished broke off.

    A run whose mark disappears has been forgotten meanwhile: the tracking ends, and what it still wrote goes too.
    """
    run: TrackedRun | None = None
    marks: list[Mark] = []
    try:
        for line in lines:
            if any(Mark.read(folder, mark.id) is None for mark in marks):
                break
            told = json.loads(line)
            if "start" in told:
                planned = PlannedRun.from_json(told["start"])
                marks.append(_mark(planned, folder, project))
                run = _start(tracker, planned, marks[-1], folder)
                answer({"where": {planned.step: run.where}})
            elif run is not None and "finish" in told:
                run.finish(Results.from_json(told["finish"]))
                run = None
            elif run is not None:
                run.log(told["step"], told["values"])
        if run is not None:
            run.finish(None)
    finally:
        for mark in marks:
            if Mark.read(folder, mark.id) is None:
                erase_here(folder, mark.id)


def _mark(planned: PlannedRun, folder: Path, project: str) -> Mark:
    """Written first, so that nothing is kept of anybody that `forget` would not find. An earlier attempt's stays:
    it may know of a place at a server that this one doesn't reach.
    """
    mark = Mark.read(folder, planned.id) or Mark(planned.id, planned.name, planned.handles, project)
    mark.write(folder)
    return mark


def _start(tracker: Tracker, planned: PlannedRun, mark: Mark, folder: Path) -> TrackedRun:
    if planned.step == "train":
        planned = replace(planned, config={**planned.config, "machine": machine()})
    run = tracker.start(planned)
    at_a_server = run.where.startswith("http")  # then it must be found again, even where it was forgotten by now
    if at_a_server or (not mark.where.startswith("http") and Mark.read(folder, mark.id)):
        replace(mark, where=run.where).write(folder)
    return run


if __name__ == "__main__":
    main()
