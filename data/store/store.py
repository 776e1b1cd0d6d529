"""The store as the processes hold it: its parts over one database, and the right to be forgotten."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from data.store.card_store import CardStore
from data.store.consent import ConsentStore
from data.store.database import Database, open_database
from data.store.draft_store import DraftStore
from data.store.forget import Forgotten, forget, forget_person, records_of
from data.store.game_store import GameStore
from data.store.inbox import Inbox
from data.store.ledger import Ledger
from data.store.place_store import PlaceStore
from data.store.post_store import PostStore
from data.store.reply_log import ReplyLog
from data.store.run_queue import RunQueue
from data.store.schedule_store import ScheduleStore
from data.store.standing import StandingStore
from data.store.voice_store import VoiceStore


class Store:
    """Everything remembered. Safe to use from several tasks, and its file from several processes, at once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.posts = PostStore(database)
        self.runs = RunQueue(database)
        self.voices = VoiceStore(database)
        self.replies = ReplyLog(database)
        self.consent = ConsentStore(database)
        self.places = PlaceStore(database)
        self.inbox = Inbox(database)
        self.cards = CardStore(database)
        self.game = GameStore(database)
        self.schedules = ScheduleStore(database)
        self.drafts = DraftStore(database)
        self.ledger = Ledger(database)
        self.standing = StandingStore(database)

    async def forget(self, handle: str) -> Forgotten:
        """Delete every row that involves the handle, its cyborgs' too; the caller deletes the folders named in
        the receipt. A run at work is gone as well: its trainer's next heartbeat says "cancel".
        """
        return await forget(self._database, handle)

    async def records_of(self, person: str) -> dict[str, list[dict[str, Any]]]:
        """Every row that is kept about somebody who used the bot, by table."""
        return await records_of(self._database, person)

    async def forget_person(self, person: str) -> dict[str, int]:
        """Delete what is kept about somebody who used the bot: rows by table. Corpora are `forget`'s matter."""
        return await forget_person(self._database, person)


@asynccontextmanager
async def open_store(url: str) -> AsyncIterator[Store]:
    """The store behind a SQLAlchemy URL: makes the folder, applies migrations, disconnects at the end.

    Raises InputError where the database can't be used.
    """
    async with open_database(url) as database:
        yield Store(database)
