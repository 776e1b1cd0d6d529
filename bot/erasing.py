"""Silencing a person at once, and erasing them: what the store holds, the folders of every voice that was made of
it, and what was pushed to the model hub.
"""

import asyncio
import contextlib
import shutil
from dataclasses import replace
from pathlib import Path

from bot.hub.pushed import delete_doomed, doom, in_a_sentence
from data.errors import MynahError
from data.settings import Settings
from data.store import Forgotten, Store
from trainer.tracking.marks import erase_tracked, tracked_runs
from trainer.voice import voices_of


class LeftOnHubError(MynahError):
    """All that is here was erased, but not all that is on the model hub. `forgotten` is the receipt."""

    def __init__(self, handle: str, why: str, forgotten: Forgotten) -> None:
        super().__init__(
            f"Everything here of @{handle} is erased, but {why} See to that, then `mynah forget {handle}` tries "
            "again."
        )
        self.forgotten = forgotten


async def is_here(store: Store, handle: str) -> bool:
    """Whether anything of the handle is here to be erased: posts or a voice."""
    voices = await store.voices.all()
    return bool(await store.posts.imports(handle)) or any(handle in voice.handles for voice in voices)


async def opt_out(store: Store, handle: str, person: str | None, *, wants_erasure: bool = False) -> int:
    """From now on nobody imports, trains or speaks the handle. Gives how many runs end by that.

    `person` and what is raised: as `ConsentStore.opt_out` has it.
    """
    await store.consent.opt_out(handle, person, wants_erasure=wants_erasure)
    runs = [run for run in await store.runs.active() if handle in run.handles]
    for run in runs:
        await store.runs.cancel(run.id)
    return len(runs)


async def erase(store: Store, settings: Settings, handle: str) -> Forgotten:
    """Posts, voices (cyborgs too), runs, what is tracked of them, replies, votes, repositories on the model hub:
    gone when this returns. Gives the receipt.

    A process that has one of the voices loaded lets go of it by `Imitator.forget`. Raises MynahError where a
    folder or a tracked run can't be deleted, and LeftOnHubError where a repository can't: the next `erase` of
    anybody, and the doctor, try that again.
    """
    repositories = await doom(store, handle)
    forgotten = await store.forget(handle)
    await asyncio.to_thread(_delete_folders, settings, handle, forgotten)
    tracked = [run for run in await asyncio.to_thread(tracked_runs, settings) if handle in run.handles]
    try:
        await asyncio.to_thread(erase_tracked, settings, tracked)
    finally:  # one server that can't be reached is no reason to leave what is at another
        gone, left = await delete_doomed(store, settings)
    deleted = len(set(gone) & set(repositories))
    forgotten = replace(forgotten, counts={**forgotten.counts, "repositories": deleted})
    if why := in_a_sentence(left, repositories):
        raise LeftOnHubError(handle, why, forgotten)
    return forgotten


async def delete_voices(store: Store, settings: Settings, name: str) -> tuple[str, ...]:
    """Delete every voice of that name, older ones too, and give their keys; the posts they learned from stay.

    A process that has one of them loaded lets go of it by `Imitator.forget`. Raises MynahError where a folder
    can't be deleted: the rows then stay, so that it can be tried again.
    """
    keys = tuple(row.key for row in await store.voices.all() if row.name == name)
    try:
        await asyncio.to_thread(_delete, {settings.cache, *(settings.voices / key for key in keys)})
    except OSError as error:
        raise MynahError(f"The voice {name} can't be deleted ({error}); mend that, then try again.") from None
    for key in keys:
        await store.voices.remove(key)
    return keys


def _delete_folders(settings: Settings, handle: str, forgotten: Forgotten) -> None:
    for run in forgotten.run_ids:  # what a trainer holds of it right now, the trainer deletes
        shutil.rmtree(settings.runs / str(run), ignore_errors=True)
    folders = {settings.cache, *(settings.voices / key for key in forgotten.voice_keys)}
    try:
        _delete(folders | set(voices_of(handle, settings.voices)))
    except OSError as error:
        raise MynahError(
            f"A voice of @{handle} can't be deleted ({error}); mend that, then forget @{handle} once more."
        ) from None


def _delete(folders: set[Path]) -> None:
    """The cache belongs to them: it holds the weights of whatever voice has spoken, and is made again."""
    for folder in folders:
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(folder)
