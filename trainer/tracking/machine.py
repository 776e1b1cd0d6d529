"""What a run is computed on."""

import contextlib
import os
import platform
import subprocess


def machine() -> str:
    """Kind and number of processors, and the graphics cards where there are any. Takes up to five seconds."""
    described = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    asked = ("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
    with contextlib.suppress(OSError, subprocess.SubprocessError):  # most machines have none
        cards = subprocess.run(asked, capture_output=True, text=True, timeout=5, check=True)  # noqa: S603 - fixed words
        described += "".join(f", {card}" for card in cards.stdout.splitlines())
    return described
