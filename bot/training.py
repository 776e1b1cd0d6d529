"""Waiting for a run: a trainer is started where none is there, and progress is handed on until the run ends."""

import asyncio
import subprocess
import sys
from collections.abc import Callable

from data.errors import NotFoundError, RunFailedError
from data.posts import handles_in, voice_name
from data.settings import Settings
from data.store import Run, Store
from trainer.voice import Voice

POLL_SECONDS = 0.25
LOOK_SECONDS = 2.0  # how often to look whether a trainer is still there
TRAINER_IS_ALIVE_SECONDS = 10.0


def start_trainer(settings: Settings) -> subprocess.Popen[bytes]:
    """A trainer that ends when the queue is empty.

    It is a session of its own: Ctrl-C in the terminal stops the waiting, not the training.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    with (settings.home / "trainer.log").open("ab") as log:
        # Not asyncio's: that ends its processes together with the loop.
        return subprocess.Popen(
            [sys.executable, "-m", "bot", "trainer", "--until-idle"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


class TrainerKeeper:
    """Sees to it that a trainer is there while somebody waits for a run."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._trainer: subprocess.Popen[bytes] | None = None
        self._looking = asyncio.Lock()  # two who look at once would start two

    async def look(self) -> None:
        """Start a trainer where none is there: at first, and where the one that was there left or was killed.

        Raises RunFailedError where the one that was started ended by itself, until `begin_again`.
        """
        async with self._looking:
            code = None if self._trainer is None else self._trainer.poll()
            if code is not None and code > 0:
                raise RunFailedError(
                    f"The trainer ended by itself; {self._settings.home / 'trainer.log'} says why. "
                    "Runs that are queued wait for the next one: `mynah trainer`."
                )
            gone = self._trainer is None or code is not None  # ended by the queue's end, or by a signal
            if gone and not await self._store.runs.live_trainers(TRAINER_IS_ALIVE_SECONDS):
                self._trainer = await asyncio.to_thread(start_trainer, self._settings)

    def begin_again(self) -> None:
        """Somebody asks anew: a trainer that ended by itself may do better now."""
        if self._trainer is not None and self._trainer.poll() is not None:
            self._trainer = None


async def wait_for_voice(store: Store, settings: Settings, run: Run, show: Callable[[Run, int], None]) -> Voice:
    """Call `show(run, place in the queue)` whenever there is news, and return the finished voice.

    Keeps a trainer there meanwhile. Raises RunFailedError where the run failed or was cancelled, or no trainer can
    be started.
    """
    loop = asyncio.get_running_loop()
    keeper = TrainerKeeper(store, settings)
    look_at = loop.time()
    while True:
        current = await store.runs.get(run.id)
        if current is None:
            raise RunFailedError(f"Run {run.id} was erased together with its handle.")
        show(current, await store.runs.place(run.id))
        if current.state == "done":
            return Voice.from_folder(settings.voices / current.voice_key)
        if current.state == "failed":
            raise RunFailedError(current.error or "The run failed.")
        if current.state == "cancelled":
            raise RunFailedError(f"Run {run.id} was cancelled.")
        if loop.time() >= look_at:
            look_at = loop.time() + LOOK_SECONDS
            await keeper.look()
        await asyncio.sleep(POLL_SECONDS)


async def find_voice(store: Store, settings: Settings, name: str) -> Voice:
    """The newest voice called `name`, its handles in any order and joined by '+', or the one of that key.

    Raises NotFoundError, and InputError for what can't be a name.
    """
    handles = handles_in(name)
    row = await store.voices.newest(voice_name(handles)) or await store.voices.get(name)
    if row is None:
        raise NotFoundError(f"There is no voice of {name} yet; make one with `mynah train {' '.join(handles)}`.")
    return Voice.from_folder(settings.voices / row.key)
