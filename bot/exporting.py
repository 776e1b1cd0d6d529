"""Exporting in a process of its own, because it needs torch, which the bot must never load."""

import asyncio
import os
import sys
from pathlib import Path

import structlog

from data.errors import MynahError
from data.settings import Settings

log = structlog.get_logger()


async def export_apart(settings: Settings, key: str, folder: Path) -> None:
    """Write the voice of that key, and no newer one by its name, to the new folder `folder`.

    Raises MynahError where the export fails; the log has the reason.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "export", key, str(folder)),
        env={**os.environ, "MYNAH_HOME": str(settings.home), "MYNAH_DATABASE_URL": settings.database_url},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, errors = await process.communicate()
    finally:
        if process.returncode is None:  # whoever waits is being stopped
            process.kill()
            await process.wait()
    if process.returncode:
        log.error("export failed", voice=key, code=process.returncode, errors=errors.decode(errors="replace"))
        raise MynahError("The voice could not be exported; the operator of this bot finds the reason in the log.")
