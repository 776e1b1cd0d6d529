"""`make bench`: each row measures Mynah and its plain counterpart one after the other, in processes of their own.

What other programs do on the machine moves both sides; read the ratios, not the seconds.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bot.cli.present import out, print_json, print_table
from tests.bench import burst


@dataclass(frozen=True)
class Case:
    """A question and the two workloads (functions of tests.bench.workloads) that answer it."""

    name: str
    ours: str
    plain: str
    unit: str


CASES = (
    Case("tune the built-in base", "tune_ours", "tune_reference", "tokens/s"),
    Case("one reply of 50 tokens", "speak_ours_1", "speak_transformers_1", "tokens/s"),
    Case("ten candidates of 50 tokens", "speak_ours_10", "speak_transformers_10", "tokens/s"),
    Case("from nothing to the first reply", "cold_ours", "cold_transformers", "1/s"),
    Case("copy gate over 50,000 posts", "copies_ours", "copies_scan", "queries/s"),
)


def measure(workload: str, scratch: Path) -> dict[str, float]:
    """Run one workload in a fresh process; rate in its unit and peak memory in MB."""
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.bench.workloads", workload, str(scratch)],
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise SystemExit(f"{workload} failed:\n{result.stderr[-2000:]}")
    figures: dict[str, float] = json.loads(result.stdout.strip().splitlines()[-1])
    return figures


def main() -> None:
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for case in CASES:
            ours, plain = measure(case.ours, Path(scratch)), measure(case.plain, Path(scratch))
            rows.append(
                {
                    "case": case.name,
                    "unit": case.unit,
                    "mynah": round(ours["rate"], 2),
                    "plain": round(plain["rate"], 2),
                    "times_as_fast": round(ours["rate"] / plain["rate"], 1),
                    "mynah_mb": round(ours["memory_mb"]),
                    "plain_mb": round(plain["memory_mb"]),
                    "times_the_memory": round(ours["memory_mb"] / plain["memory_mb"], 2),
                }
            )
    mentions = asyncio.run(burst.measure(trainings=0))
    if "--json" in sys.argv:
        print_json({"cases": rows, "burst": mentions})
        return
    columns = ("case", "unit", "mynah", "plain", "times_as_fast", "mynah_mb", "plain_mb", "times_the_memory")
    print_table("Mynah against plain transformers", columns, ([row[column] for column in columns] for row in rows))
    out.print(
        "Plain: transformers' Trainer and generate in fp32; for the gate, comparing with every post in turn."
    )
    out.print("Burst on Discord: " + ", ".join(f"{name} {value}" for name, value in mentions.items()))


if __name__ == "__main__":
    main()
