"""What a process took, as the system counts it."""

import resource
import sys
from pathlib import Path


def peak_rss_mb(process: int | str = "self") -> float:
    """The most memory that a process held. From /proc, because getrusage also counts what the parent held when it
    started this one.
    """
    status = Path(f"/proc/{process}/status")
    if status.exists():
        for line in status.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 1024


def cpu_seconds() -> float:
    """Of this process and those that it started and waited for."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
