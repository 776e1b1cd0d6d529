"""Exporting in a process of its own, because it needs torch, which the bot must never load."""

import os
from pathlib import Path

from bot.apart import run_apart
from data.settings import Settings


async def export_apart(settings: Settings, key: str, folder: Path) -> None:
    """Write the voice of that key, and no newer one by its name, to the new folder `folder`.

    Raises MynahError where the export fails; the log has the reason.
    """
    await run_apart(
        *("bot", "export", key, str(folder)),
        failure="export failed",
        sentence="The voice could not be exported; the operator of this bot finds the reason in the log.",
        environment={**os.environ, "MYNAH_HOME": str(settings.home), "MYNAH_DATABASE_URL": settings.database_url},
    )
