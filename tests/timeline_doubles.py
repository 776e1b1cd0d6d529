"""A platform that keeps to the seam of bot.platforms: accounts with timelines, in pages, interrupted where a test
wants, and a list of every post that was given out.
"""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from bot.platforms import Account, Heard, NoAccountError, Page, Quote
from data.posts import Post
from data.settings import Settings, XSettings
from data.store import Store
from tests.posts import texts
from tests.tiny_voices import full_voice
from trainer.voice import POSTS, RECORD
from trainer.wish import ask_for_voice, load_corpora

REACH = 3_200
PRICE = 0.005
START = datetime(2026, 1, 1, tzinfo=UTC)


class TimelinePlatform:
    """Fulfils `Platform` as far as reading goes; ids grow with time."""

    longest = 280

    def __init__(self, name: str = "x", page: int = 10) -> None:
        self.name = name
        self.page = page
        self.accounts: dict[str, str] = {}  # handle: id
        self.posts: dict[str, list[Post]] = {}  # by account id, oldest first
        self.refused: dict[str, str] = {}  # handle: why it can't be read
        self.errors: dict[int, BaseException] = {}  # instead of the page of that number, counted over all calls
        self.asked: list[tuple[str, str]] = []  # the stretches: newer_than, older_than
        self.given: list[str] = []  # ids of the posts on all pages
        self.looked_up: list[str] = []
        self.pages = 0  # so far
        self._texts = texts(4_096, seed=7)
        self._next = 1_000

    def write(self, handle: str, count: int) -> list[Post]:
        """An account posts so many times; it is made with its first post."""
        owner = self.accounts.setdefault(handle, f"id-{len(self.accounts)}")
        timeline = self.posts.setdefault(owner, [])
        for _ in range(count):
            self._next += 1
            text = self._texts[self._next % len(self._texts)]
            moment = START + timedelta(minutes=self._next)
            timeline.append(Post(id=str(self._next), handle=handle, text=text, created_at=moment))
        return timeline[len(timeline) - count :]

    async def look_up(self, handle: str) -> Account:
        self.looked_up.append(handle)
        if handle in self.refused:
            raise NoAccountError(self.refused[handle])
        if handle not in self.accounts:
            raise NoAccountError(f"There is no account @{handle} on X; check the name.")
        number = self.accounts[handle]
        return Account(number, handle, handle, len(self.posts.get(number, [])))

    async def quote(self, account: Account, *, known: int) -> Quote:
        price = PRICE if self.name == "x" else 0.0
        reach = min(account.posts, REACH)
        posts = max(0, min(reach, account.posts - known))
        return Quote(posts, posts * price, min(known, reach) * price)

    async def timeline(
        self, account: Account, *, newer_than: str = "", older_than: str = ""
    ) -> AsyncIterator[Page]:
        self.asked.append((newer_than, older_than))
        within = [
            post
            for post in self.posts[account.id][-REACH:][::-1]
            if int(post.id) > int(newer_than or 0) and (not older_than or int(post.id) < int(older_than))
        ]
        for start in range(0, max(1, len(within)), self.page):
            self.pages += 1
            if error := self.errors.pop(self.pages, None):
                raise error
            page = tuple(within[start : start + self.page])
            self.given += [post.id for post in page]
            yield Page(page, str(start + self.page) if start + self.page < len(within) else "")

    # What a timeline does not need.

    def length(self, text: str) -> int:
        return len(text)

    def links(self, text: str) -> bool:
        return "://" in text

    async def account(self) -> Account:
        raise NotImplementedError

    async def publish(self, text: str, *, purpose: str, reply_to: str = "") -> str:
        raise NotImplementedError

    async def find(self, text: str, *, purpose: str, since: datetime, reply_to: str = "") -> str | None:
        raise NotImplementedError

    async def heard(self, position: str) -> Heard:
        raise NotImplementedError


def permitted(home: Path, **more: object) -> Settings:
    """Settings of somebody who has keys for X and its permission to learn from it."""
    secret = SecretStr("secret")
    x = XSettings(
        api_key=secret, api_secret=secret, access_token=secret, access_secret=secret, training_permitted=True
    )
    return Settings(home=home, offline=True, _env_file=None, **{"x": x, **more})


async def trained(store: Store, settings: Settings, *handles: str) -> str:
    """A voice as a trainer leaves it, of everything that is here now; gives its key."""
    asked = await ask_for_voice(store, settings, handles)
    assert asked.run is not None
    key = asked.run.voice_key
    folder = settings.voices / key
    full_voice(folder)
    corpora = await load_corpora(store, sorted(handles), "default")
    (folder / POSTS).write_text(json.dumps([text for corpus in corpora for text in corpus.texts]))
    record = json.loads((folder / RECORD).read_text())
    record |= {"key": key, "handles": sorted(handles), "base": asked.run.base, "recipe": asked.run.recipe}
    (folder / RECORD).write_text(json.dumps(record))
    await store.voices.add(key, "+".join(sorted(handles)), sorted(handles), asked.run.base, 6.0, 4.0, record)
    await store.runs.cancel(asked.run.id)
    return key
