"""Runs row groups: every side in a fresh process, all sides in turn, round after round.

What other programs do on the machine comes and goes within minutes, so it falls on all sides of a round alike.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from bench.peers.install import PEERS_PYTHON
from bench.workload import Group, Measurement, Side, Terms

ROOT = Path(__file__).parent.parent
SAMPLE_SECONDS = 0.05  # between two looks at the memory of a process tree
PATIENCE = 3600.0  # seconds for one side in one round

Say = Callable[[str], None]


@dataclass
class GroupResults:
    """What came of a group: the measurements of the sides that ran, and why the others did not."""

    group: Group
    measured: dict[str, list[Measurement]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


class SideFailedError(Exception):
    """A side could not be measured; its text is a sentence for the report."""


def run_group(group: Group, terms: Terms, rounds: int, available: Mapping[str, str], say: Say) -> GroupResults:
    """Measure all sides of a group, so many rounds. `available` are the peers' modules that are installed.

    A side that fails is left out from then on, and the rest goes on.
    """
    results = GroupResults(group)
    sides = []
    for side in group.sides:
        why_not = _why_not(side, terms, available)
        if not why_not and side.prepare:
            say(f"{group.name}: preparing {side.name}")
            try:
                run_side(group, side, "prepare", terms)
            except SideFailedError as reason:
                why_not = str(reason)
        if why_not:
            results.left_out[side.name] = why_not
        else:
            sides.append(side)
    for number in range(group.rounds(rounds, terms.quick)):
        # Every other round goes backwards, so that a machine that slows down favours nobody.
        for side in sides[:: -1 if number % 2 else 1]:
            if side.name in results.left_out:
                continue
            say(f"{group.name}: round {number + 1}, {side.name}")
            try:
                measurement = run_side(group, side, "work", replace(terms, round=number))
            except SideFailedError as reason:
                results.left_out[side.name] = str(reason)
                results.measured.pop(side.name, None)
                continue
            results.measured.setdefault(side.name, []).append(measurement)
    return results


def _why_not(side: Side, terms: Terms, available: Mapping[str, str]) -> str:
    if terms.quick and not side.in_quick:
        return "Left out of the quick run."
    missing = [module for module in side.needs if module not in available]
    return f"Needs {', '.join(missing)}, which could not be installed or was not asked for." if missing else ""


def run_side(group: Group, side: Side, part: str, terms: Terms) -> Measurement:
    """One part of a side in a process of its own. Raises SideFailedError with a sentence."""
    python = str(PEERS_PYTHON) if side.environment == "peers" else sys.executable
    command = (python, "-W", "ignore", "-m", "bench.child")
    with tempfile.TemporaryDirectory() as folder:
        answer, complaints = Path(folder, "answer.json"), Path(folder, "stderr")
        with complaints.open("w", encoding="utf-8") as stderr:
            process = subprocess.Popen(
                [*command, group.name, side.name, part, terms.to_json(), str(answer)],
                cwd=ROOT,
                env=environment(terms.threads),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )
            with _TreeMemory(process.pid) as memory:
                try:
                    code = process.wait(PATIENCE)
                except subprocess.TimeoutExpired:
                    _end_tree(process.pid)
                    raise SideFailedError(f"Not done after {PATIENCE:,.0f} seconds.") from None
                except BaseException:  # Ctrl-C: nothing may go on computing behind the person's back
                    _end_tree(process.pid)
                    raise
        if code or not answer.exists():
            lines = complaints.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise SideFailedError(f"Broke off: {lines[-1][:300] if lines else f'exit code {code}'}")
        values = json.loads(answer.read_text(encoding="utf-8"))
    if "cannot" in values:
        raise SideFailedError(values["cannot"])
    measurement = Measurement(**values)
    return replace(measurement, rss_mb=max(measurement.rss_mb, memory.peak_mb))


def environment(threads: int) -> dict[str, str]:
    """The same for all sides: so many threads, no hub, nothing that the person has set Mynah up with."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MYNAH_")}
    numbers = ("OMP", "MKL", "OPENBLAS", "RAYON", "NUMEXPR")
    return {
        **kept,
        **{f"{library}_NUM_THREADS": str(threads) for library in numbers},
        "PYTHONHASHSEED": "0",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }


class _TreeMemory:
    """Watches a process and all that it starts; `peak_mb` is the most that they held at once."""

    def __init__(self, pid: int) -> None:
        self.peak_mb = 0.0
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="memory of the tree")

    def __enter__(self) -> "_TreeMemory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(SAMPLE_SECONDS):
            self.peak_mb = max(self.peak_mb, sum(_rss(process) for process in _tree(self._pid)) / 2**20)


def _tree(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _rss(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:  # it ended meanwhile
        return 0


def _end_tree(pid: int) -> None:
    for process in reversed(_tree(pid)):
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
