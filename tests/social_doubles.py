"""A platform that keeps to the seam of bot.platforms and hears and says what a test wants."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.platforms import Account, Heard, Page, Quote, Summons

OWN = "1"


class ScriptedPlatform:
    """Positions are how many summonses were given out. Errors in `errors` come first, one a call."""

    longest = 280

    def __init__(self, name: str = "x") -> None:
        self.name = name
        self.said: list[Summons] = []
        self.errors: list[Exception] = []
        self.calls: list[str] = []
        self.published: list[tuple[str, str]] = []  # text and what it answers

    def say(self, text: str, *, author: str = "7", thread: str = "t", minutes: float = 0.0) -> Summons:
        """Somebody names the bot, so many minutes ago."""
        moment, number = datetime.now(UTC) - timedelta(minutes=minutes), str(100 + len(self.said))
        self.said.append(Summons(number, number, author, text, thread, moment))
        return self.said[-1]

    def edit(self, summons: Summons, text: str) -> Summons:
        """Its author changes it, which gives it a new id."""
        self.said.append(replace(summons, id=str(100 + len(self.said)), text=text, created_at=datetime.now(UTC)))
        return self.said[-1]

    def length(self, text: str) -> int:
        return len(text)

    def links(self, text: str) -> bool:
        return "://" in text

    async def account(self) -> Account:
        self._call("account")
        return Account(OWN, "mynah", "Mynah", 0)

    async def publish(self, text: str, *, purpose: str, reply_to: str = "") -> str:
        self._call("publish")
        self.published.append((text, reply_to))
        return str(900 + len(self.published))

    async def find(self, text: str, *, purpose: str, since: datetime, reply_to: str = "") -> str | None:
        self._call("find")
        places = [place for place, said in enumerate(self.published) if said == (text, reply_to)]
        return str(901 + places[0]) if places else None

    async def heard(self, position: str) -> Heard:
        self._call("heard")
        if not position:
            return Heard((), str(len(self.said)))
        return Heard(tuple(self.said[int(position) :]), str(len(self.said)))

    async def look_up(self, handle: str) -> Account:
        return Account("2", handle, handle, 0)

    async def quote(self, account: Account, *, known: int) -> Quote:
        return Quote(0, 0.0, 0.0)

    async def timeline(
        self, account: Account, *, newer_than: str = "", older_than: str = ""
    ) -> AsyncIterator[Page]:
        yield Page((), "")

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if self.errors:
            raise self.errors.pop(0)
