"""Erasing a person: what the store holds, and the folders of every voice that was made of it."""

import asyncio
import shutil

from data.errors import MynahError
from data.settings import Settings
from data.store import Forgotten, Store
from trainer.voice import voices_of


async def erase(store: Store, settings: Settings, handle: str) -> Forgotten:
    """Posts, voices (cyborgs too), runs, replies, votes: gone when this returns. Gives the receipt.

    A process that has one of the voices loaded lets go of it by `Imitator.forget`. Raises MynahError where a
    folder can't be deleted.
    """
    forgotten = await store.forget(handle)
    await asyncio.to_thread(_delete_folders, settings, handle, forgotten)
    return forgotten


def _delete_folders(settings: Settings, handle: str, forgotten: Forgotten) -> None:
    for run in forgotten.run_ids:  # what a trainer holds of it right now, the trainer deletes
        shutil.rmtree(settings.runs / str(run), ignore_errors=True)
    # The cache holds the weights of whatever voice has spoken; it is made again when one speaks.
    folders = {settings.cache, *(settings.voices / key for key in forgotten.voice_keys)}
    for folder in folders | set(voices_of(handle, settings.voices)):
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise MynahError(
                f"A voice of @{handle} can't be deleted ({error}); mend that, then forget @{handle} once more."
            ) from None
