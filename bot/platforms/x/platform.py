"""X as a `Platform`: the bot's own account, its posts, who mentions it, and timelines."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import structlog
from tweepy.asynchronous import AsyncClient

from bot.governor import Governor, Outlay
from bot.governor.prices import Kind
from bot.platforms import Account, Heard, NoAccountError, Page, Quote
from bot.platforms.x.calls import LONGEST as LONGEST_PAGE
from bot.platforms.x.calls import SHORTEST, Calls, Listing, Request, next_token, posts_in
from bot.platforms.x.reading import (
    ACCOUNT,
    MENTIONS,
    OWN_POSTS,
    TIMELINE,
    account_from,
    post_from,
    protected,
    refuse_missing,
    stands_as,
    summons_from,
)
from bot.platforms.x.session import Session
from bot.platforms.x.text import LONGEST, has_link, weighted_length
from data.errors import RefusedError
from data.settings import XSettings
from data.store.ledger import MICRO

REACH = 3_200  # posts of one account that X gives out
_CLOCKS = timedelta(minutes=10)  # how far X's clock and this machine's may be apart, and a call be under way
_MENTIONS_SHARE = 0.1  # of the budget that is left: looking must not keep posts from being paid for
_NOTHING_YET = "0"  # the position before the first mention of all
_USERNAME = re.compile(r"[a-z0-9_]{1,15}")

log = structlog.get_logger()


class XPlatform:
    """`bot.platforms.Platform` for one account on X. Use as a context manager: it holds a session."""

    name = "x"
    longest = LONGEST

    def __init__(self, settings: XSettings, governor: Governor) -> None:
        self._settings = settings
        self._governor = governor
        self._client = AsyncClient(
            consumer_key=settings.api_key.get_secret_value(),
            consumer_secret=settings.api_secret.get_secret_value(),
            access_token=settings.access_token.get_secret_value(),
            access_token_secret=settings.access_secret.get_secret_value(),
        )
        self._calls = Calls(self._client, governor)
        self._account: Account | None = None

    async def __aenter__(self) -> Self:
        self._client.session = Session(self._settings.api_base, self._settings.timeout_seconds)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.session.close()

    def length(self, text: str) -> int:
        return weighted_length(text)

    def links(self, text: str) -> bool:
        return has_link(text)

    async def account(self) -> Account:
        if self._account is None:
            request = Request("GET", "/2/users/me", query=ACCOUNT)
            payload = await self._calls.make(request, Outlay(self.name, "own account", "user read"))
            users = posts_in(payload)
            if not users:
                raise NoAccountError(
                    "X does not say whose keys these are; make new ones in its developer console."
                )
            self._account = account_from(users[0])
        return self._account

    async def publish(self, text: str, *, purpose: str, reply_to: str = "") -> str:
        body: dict[str, object] = {"text": text}
        if reply_to:
            body["reply"] = {"in_reply_to_tweet_id": reply_to}
        payload = await self._calls.make(
            Request("POST", "/2/tweets", body=body), self._writing(text, purpose, reply_to)
        )
        return str(payload["data"]["id"])

    async def find(self, text: str, *, purpose: str, since: datetime, reply_to: str = "") -> str | None:
        found = await self._found(text, purpose, since, reply_to)
        receipt = self._governor.receipt(self._writing(text, purpose, reply_to))
        receipt.charge([found] if found else [])
        await self._governor.settle(receipt)
        return found

    async def heard(self, position: str) -> Heard:
        own = await self.account()
        first = not position
        query = dict(MENTIONS[self._settings.words])
        if position not in ("", _NOTHING_YET):
            query["since_id"] = position
        listing = Listing(
            Request("GET", "/2/users/{}/mentions", own.id, query),
            "mentions",
            ("owned read", "user read") if "expansions" in query else ("owned read",),
            first=SHORTEST if first else LONGEST_PAGE,
            share=_MENTIONS_SHARE,
        )
        posts: dict[str, dict[str, object]] = {}
        try:
            async for payload in self._calls.pages(listing):
                refuse_missing(payload, own.handle)
                posts |= {post["id"]: post for post in posts_in(payload)}
                if first:
                    break
        except RefusedError as error:
            if not posts:
                raise
            # To begin anew tomorrow would cost the same again, every day, and no mention would ever be answered.
            log.warning("mentions are too many for the budget; the older ones are passed over", why=str(error))
        oldest_first = sorted(posts, key=int)
        reached = oldest_first[-1] if oldest_first else position or _NOTHING_YET
        heard = [] if first else [summons_from(posts[number], own) for number in oldest_first]
        return Heard(tuple(summons for summons in heard if summons), reached)

    async def look_up(self, handle: str) -> Account:
        if not _USERNAME.fullmatch(handle):
            raise NoAccountError(f"@{handle} can't be a name on X, which has letters, digits and _, at most 15.")
        request = Request("GET", "/2/users/by/username/{}", handle, ACCOUNT)
        payload = await self._calls.make(request, Outlay(self.name, f"look up {handle}", "user read"))
        refuse_missing(payload, handle)
        users = posts_in(payload)
        if not users:
            raise NoAccountError(f"There is no @{handle} on X; it has another name now, or is gone.")
        account = account_from(users[0])
        if users[0].get("protected") is True and account.id != await self._own_id():
            raise protected(handle)
        return account

    async def quote(self, account: Account, *, known: int) -> Quote:
        reach = min(account.posts, REACH)
        price = self._governor.prices.microdollars(self.name, await self._kind_of_read(account))
        posts = max(0, min(reach, account.posts - known))
        return Quote(posts, posts * price / MICRO, min(known, reach) * price / MICRO)

    async def timeline(
        self, account: Account, *, newer_than: str = "", older_than: str = ""
    ) -> AsyncIterator[Page]:
        between = {"since_id": newer_than, "until_id": older_than}
        query = {**TIMELINE[self._settings.words], **{name: end for name, end in between.items() if end}}
        listing = Listing(
            Request("GET", "/2/users/{}/tweets", account.id, query),
            f"timeline {account.id}",
            (await self._kind_of_read(account),),
            resumed=True,
        )
        async for payload in self._calls.pages(listing):
            refuse_missing(payload, account.handle)
            listed = posts_in(payload)
            goes_on = bool(next_token(payload))
            if listed or not goes_on:
                posts = tuple(post for one in listed if (post := post_from(one, account.handle)))
                yield Page(posts, min((one["id"] for one in listed), key=int) if goes_on else "")

    async def _found(self, text: str, purpose: str, since: datetime, reply_to: str) -> str | None:
        start = (since.astimezone(UTC) - _CLOCKS).strftime("%Y-%m-%dT%H:%M:%SZ")
        query = {**OWN_POSTS[self._settings.words], "start_time": start}
        listing = Listing(
            Request("GET", "/2/users/{}/tweets", await self._own_id(), query),
            f"find {purpose}",
            ("owned read", "post read") if "expansions" in query else ("owned read",),
            first=SHORTEST,
        )
        async for payload in self._calls.pages(listing):
            refuse_missing(payload, "the bot's own account")
            for post in posts_in(payload):
                if stands_as(post, text, reply_to):
                    return str(post["id"])
        return None

    def _writing(self, text: str, purpose: str, reply_to: str) -> Outlay:
        kind: Kind = "summoned reply" if reply_to else "post"
        return Outlay(self.name, purpose, "post with a link" if has_link(text) else kind, writing=True)

    async def _kind_of_read(self, account: Account) -> Kind:
        return "owned read" if account.id == await self._own_id() else "post read"

    async def _own_id(self) -> str:
        """Access tokens begin with the id of their account, which saves asking."""
        number = self._settings.access_token.get_secret_value().partition("-")[0]
        return number if number.isdecimal() else (await self.account()).id
