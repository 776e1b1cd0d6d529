"""Posts that somebody brings to the bot: received, read on a thread beside the event loop, and entered as theirs.

Whoever brings posts is recorded as the one who answers for them. What proves an account and who may bring whose
posts is decided here, before anything is stored.
"""

import asyncio
import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

from data.collect import Collected, collect
from data.errors import RefusedError
from data.settings import ImportSettings, Settings
from data.sources import Reading
from data.store import Audience, Right, Store, open_store

MOST_CORPORA = 10  # handles whose posts one person may bring
LARGEST_MEMBER_MB = 256  # unpacked; a tweets.js of 250,000 posts has 200 MB
MOST_POSTS = 200_000  # of one import; read in about ten seconds
MOST_AT_ONCE = 3  # imports of all people, as a file is received into memory
LEFT_BEHIND_SECONDS = 3600.0  # a folder that nobody held for so long was left by a process that was killed

# By whose word posts may be learned from, as it is kept with them.
OWN = "the owner, who brought the file"
GIVEN = "somebody who says that the owner gave them the file for this"


@dataclass(frozen=True)
class Bringer:
    """Who brings posts, whose they say these are, and who may use them; None keeps what was decided before."""

    person: str
    place: str
    own: bool = True
    audience: Audience | None = None
    game: bool | None = None


class Imports:
    """Whose turn it is: one import at a time for a person, a few for all, and one at a time that is read."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._people: set[str] = set()
        self._turns = asyncio.Semaphore(MOST_AT_ONCE)
        self._reading = asyncio.Semaphore(1)  # reading takes a core, and people wait for the bot's answers

    @contextlib.asynccontextmanager
    async def turn(self, person: str) -> AsyncIterator[Path]:
        """An empty folder to put the file in; it is deleted at the end. Waits where many import already.

        Raises RefusedError where this person's last import is still at work.
        """
        if person in self._people:
            raise RefusedError("Your last import is still at work; bring the next one when it is done.")
        self._people.add(person)
        try:
            async with self._turns, scratch_folder(self._settings) as folder:
                yield folder
        finally:
            self._people.discard(person)

    async def collect(self, path: Path, bringer: Bringer, handle: str | None = None) -> Collected:
        """`collect_in_thread`, when it is its turn."""
        async with self._reading:
            return await collect_in_thread(self._settings, path, bringer, handle)


async def collect_in_thread(
    settings: Settings, path: Path, bringer: Bringer, handle: str | None = None
) -> Collected:
    """Import `path` for somebody while the caller's event loop goes on.

    Raises what `data.collect.collect` raises, and RefusedError where these posts are not theirs to bring.
    """

    async def work(store: Store) -> Collected:
        return await collect(
            store,
            path,
            bounds=within_reason(settings.imports),
            handle=handle,
            consent=OWN if bringer.own else GIVEN,
            admit=lambda reading: admit(store, bringer, reading),
        )

    return await in_thread(settings, work)


async def in_thread(settings: Settings, work: Callable[[Store], Awaitable[Collected]]) -> Collected:
    """Do `work` on a thread, with a store of its own, while the caller's event loop goes on."""

    async def session() -> Collected:
        async with open_store(settings.database) as store:
            return await work(store)

    return await asyncio.to_thread(lambda: asyncio.run(session()))


def within_reason(bounds: ImportSettings) -> ImportSettings:
    """The operator's own bounds, tightened: anybody may send a file to the bot, and one is read at a time."""
    return bounds.model_copy(
        update={
            "max_member_mb": min(bounds.max_member_mb, LARGEST_MEMBER_MB),
            "max_posts": min(bounds.max_posts, MOST_POSTS),
        }
    )


async def admit(store: Store, bringer: Bringer, reading: Reading) -> Right:
    """What the bringer's right to the corpus will be. Raises RefusedError where it is not theirs to have."""
    handle = reading.handle
    await store.consent.refuse_stranger(handle, bringer.person)
    known = await store.consent.right(handle)
    origins = await store.posts.imports(handle)
    # A name on Discord says nothing about the account of that name elsewhere.
    on_discord = {source.startswith("discord-") for source in (reading.format, *(one.source for one in origins))}
    if known is None and origins and not (bringer.own and reading.proven and len(on_discord) == 1):
        raise RefusedError(
            f"@{handle} is here already, brought by the operator; it becomes yours by the archive that its "
            "platform gives to the account's owner (X: with account.js), brought as your own."
        )
    if known is None and len(await store.consent.owned_by(bringer.person)) >= MOST_CORPORA:
        raise RefusedError(
            f"You have brought the posts of {MOST_CORPORA} accounts already; delete one by /privacy delete first."
        )
    right = known or Right(handle, bringer.person, bringer.place)
    if bringer.audience is not None:
        right = replace(right, audience=bringer.audience, place=bringer.place)
    if bringer.game is not None:
        right = replace(right, game=bringer.game)
    if not bringer.own or any(origin.consent == GIVEN for origin in origins):
        refuse_publicity(right)
    return right


def refuse_publicity(right: Right) -> None:
    """Raises RefusedError where posts that were given to somebody would go further than they may let them."""
    if right.audience == "everyone" or right.game:
        raise RefusedError(
            f"@{right.handle} is another person's: you may keep the voice to yourself or to this server, but only "
            "the owner can share it with everyone or show real posts in /guess."
        )


def sweep(settings: Settings) -> None:
    """Delete the files that a killed process left."""
    for folder in _incoming(settings).glob("*"):
        with contextlib.suppress(FileNotFoundError):  # another import ended meanwhile
            if folder.stat().st_mtime < time.time() - LEFT_BEHIND_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


@contextlib.asynccontextmanager
async def scratch_folder(settings: Settings) -> AsyncIterator[Path]:
    """A new empty folder for somebody's posts or voice, deleted at the end; `sweep` deletes it for a process that
    was killed, and for none that is at work, however long that takes.
    """
    folder = await asyncio.to_thread(_new_folder, settings)
    holding = asyncio.create_task(_hold(folder))
    try:
        yield folder
    finally:
        holding.cancel()
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _new_folder(settings: Settings) -> Path:
    sweep(settings)
    _incoming(settings).mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(dir=_incoming(settings)))


async def _hold(folder: Path) -> None:
    while True:
        await asyncio.sleep(LEFT_BEHIND_SECONDS / 4)
        os.utime(folder)


def _incoming(settings: Settings) -> Path:
    return settings.home / "incoming"
