"""What is on this machine: the folder, the store, the bases, and whether a voice can be tuned and speak here."""

import asyncio
import os
import shutil
import subprocess
import sys

import psutil
from huggingface_hub import HfApi

from bot.doctor.finding import Finding
from bot.training import TRAINER_IS_ALIVE_SECONDS
from data.errors import MynahError
from data.settings import Settings
from data.store import open_store
from trainer.bases import BUILTIN, resolve_base

SPEAKS_THROUGH = {
    "KernelEngine": "the kernel, as this processor has AVX-512 VNNI",
    "OpenVinoEngine": "OpenVINO; a C compiler at installation and AVX-512 VNNI would make it twice as fast",
    "TorchEngine": "torch, on CUDA",
}
NEEDED_DISK = 2_000_000_000  # bytes: a 124M base, its compiled copy and a few voices
NEEDED_MEMORY = 2_000_000_000  # bytes: LoRA tuning of a 124M base (shared measurements: 2.0 GB)


async def examine_python(settings: Settings) -> Finding:
    return Finding("python", "ok", f"{sys.version.split()[0]}, {os.cpu_count()} cores")


async def examine_home(settings: Settings) -> Finding:
    home = settings.home
    try:
        home.mkdir(parents=True, exist_ok=True)
        probe = home / f".doctor-{os.getpid()}"
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as error:
        return Finding(
            "home",
            "fail",
            f"{home}: {error.strerror}",
            "Make the folder writable or set MYNAH_HOME to another one.",
        )
    free = shutil.disk_usage(home).free
    if free < NEEDED_DISK:
        return Finding(
            "home", "note", f"{home}, {free / 1e9:.1f} GB free", "Free 2 GB, or training may fill the disk."
        )
    return Finding("home", "ok", f"{home}, {free / 1e9:.0f} GB free")


async def examine_memory(settings: Settings) -> Finding:
    free = psutil.virtual_memory().available
    found = f"{free / 1e9:.1f} GB available"
    if free < NEEDED_MEMORY:
        return Finding("memory", "note", found, "Tune the built-in base (--base builtin), which needs under 1 GB.")
    return Finding("memory", "ok", found)


async def examine_store(settings: Settings) -> Finding:
    try:
        async with open_store(settings.database) as store:
            return Finding("store", "ok", f"opens; corpora: {len(await store.posts.handles())}")
    except MynahError as error:
        return Finding("store", "fail", str(error), "Check MYNAH_HOME and MYNAH_DATABASE_URL.")


async def examine_builtin(settings: Settings) -> Finding:
    try:
        base = resolve_base(BUILTIN)
    except MynahError as error:
        return Finding("built-in base", "fail", str(error), "Install Mynah again: its package is incomplete.")
    return Finding("built-in base", "ok", f"{base.parameters / 1e6:.1f} M parameters, digest {base.digest}")


async def examine_base(settings: Settings) -> Finding:
    advice = f"Without it `mynah train` uses {BUILTIN}; set MYNAH_BASE={BUILTIN} if that is what you want."
    try:
        resolve_base(settings.base, offline=True)
        return Finding("base", "ok", f"{settings.base} is here")
    except MynahError:
        pass
    if settings.offline:
        return Finding("base", "note", f"{settings.base} is not here and MYNAH_OFFLINE is on", advice)
    try:
        await asyncio.to_thread(HfApi().model_info, settings.base, timeout=5)
    except Exception as error:  # any failure of any network layer means the same here
        return Finding(
            "base",
            "note",
            f"{settings.base} is not here, and the model hub did not give it ({type(error).__name__})",
            advice,
        )
    return Finding("base", "ok", f"{settings.base} can be fetched from the model hub")


async def examine_tuning(settings: Settings) -> Finding:
    """In a process of its own: torch would stay in this one."""
    probe = (
        "from trainer.learning import Arithmetic; import trainer.tune; a = Arithmetic.of_this_machine(); "
        "print(a.device.type, 'bf16' if a.bf16 else 'fp32')"
    )
    result = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", probe],
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        last = result.stderr.strip().splitlines()[-1:] or ["no message"]
        return Finding("tuning", "fail", last[0], "Install again with `make install`, or see the README.")
    return Finding("tuning", "ok", f"on {result.stdout.strip()}")


async def examine_speaking(settings: Settings) -> Finding:
    try:
        from trainer.engine import open_engine

        engine = open_engine(settings.speak.device, settings.cache)
    except Exception as error:  # a broken native library fails in its own ways
        return Finding("speaking", "fail", str(error), "Install again with `make install`, or see the README.")
    return Finding("speaking", "ok", SPEAKS_THROUGH[type(engine).__name__])


async def examine_trainer(settings: Settings) -> Finding:
    try:
        async with open_store(settings.database) as store:
            count = await store.runs.live_trainers(TRAINER_IS_ALIVE_SECONDS)
    except MynahError as error:
        return Finding("trainer", "fail", str(error), "Mend the store first.")
    if not count:
        return Finding("trainer", "note", "none is running", "`mynah train` starts one; `mynah run` keeps one up.")
    return Finding("trainer", "ok", f"{count} running")


async def examine_erasure(settings: Settings) -> Finding:
    """Whether somebody waits to be erased; platforms give a day for that."""
    try:
        async with open_store(settings.database) as store:
            waiting = [wish.handle for wish in await store.consent.all_opt_outs() if wish.wants_erasure]
    except MynahError as error:
        return Finding("erasure", "fail", str(error), "Mend the store first.")
    if waiting:
        advice = f"Run `mynah forget {waiting[0]}` within a day."
        return Finding("erasure", "note", f"to be erased: {', '.join(f'@{handle}' for handle in waiting)}", advice)
    return Finding("erasure", "ok", "nobody waits to be erased")
