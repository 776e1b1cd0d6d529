"""On what was measured: the machine, the versions, the commit."""

import os
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parent.parent
PACKAGES = ("torch", "transformers", "peft", "openvino", "numpy", "tokenizers", "accelerate")


def machine(threads: int) -> dict[str, Any]:
    """What decides how fast things are; nothing that names the machine or its owner."""
    cores = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    return {
        "processor": _processor(),
        "cores": cores,
        "threads_used": threads,
        "instructions": sorted(
            _flags() & {"avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "amx_int8"}
        ),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "load_before": round(os.getloadavg()[0], 2),  # other work that was going on
    }


def versions(peers: Mapping[str, str]) -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found | {f"peer {module}": number for module, number in peers.items()}


def commit() -> str:
    """The commit that was measured, with "+" where the files differ from it; empty outside a clone."""
    try:
        name = _git("rev-parse", "--short", "HEAD")
        return f"{name}+" if _git("status", "--porcelain", "--untracked-files=no") else name
    except (OSError, subprocess.CalledProcessError):
        return ""


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def _processor() -> str:
    return next((value for name, value in _cpu_lines() if name == "model name"), platform.processor())


def _flags() -> set[str]:
    return {flag for name, value in _cpu_lines() if name == "flags" for flag in value.split()}


def _cpu_lines() -> list[tuple[str, str]]:
    file = Path("/proc/cpuinfo")
    if not file.exists():
        return []
    pairs = (line.partition(":") for line in file.read_text(encoding="utf-8").splitlines())
    return [(name.strip(), value.strip()) for name, _, value in pairs]
