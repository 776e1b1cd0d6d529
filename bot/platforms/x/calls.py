"""Calls of X's API: each within its limit and the budget, each booked at what it came to, each asked once."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
from tweepy.asynchronous import AsyncClient

from bot.governor import Governor, Outlay, RateLimits, Receipt
from bot.governor.prices import Kind
from bot.platforms.x import troubles
from bot.platforms.x.session import Answer, NotAcceptedError, Payload
from data.store.ledger import MICRO

SHORTEST, LONGEST = 5, 100  # posts on a page
_IDLE_PAGES = 3  # pages in a row that brought nothing new: X is known to lead on in circles

# What an answer holds beside what was asked for, in either of X's vocabularies.
_BESIDE: Mapping[str, Kind] = {"users": "user read", "tweets": "post read", "posts": "post read"}


@dataclass(frozen=True)
class Request:
    """One call; `about` takes the place of the braces in its endpoint."""

    method: str
    endpoint: str  # "/2/users/{}/tweets": what X counts calls by
    about: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        return f"{self.method} {self.endpoint}"


@dataclass(frozen=True)
class Listing:
    """Posts that come in pages, newest first."""

    request: Request
    purpose: str
    kinds: tuple[Kind, ...]  # what each post is charged as, and what may come beside it
    first: int = LONGEST  # posts on the first page; those after it are as long as they may be
    share: float = 1.0  # of the budget that is left, the most that one page may take up
    resumed: bool = False  # whether it is gone on with where it broke off, or else begun anew


class Calls:
    """The way to X of one platform object."""

    def __init__(self, client: AsyncClient, governor: Governor) -> None:
        self._client = client
        self._governor = governor
        self._limits = RateLimits()

    async def make(self, request: Request, outlay: Outlay, kind: Kind | None = None) -> Payload:
        """The answer's object, with everything in it booked; `kind` where that is not the outlay's.

        Raises NotDoneError where a limit has to be waited for, without asking; else as `troubles` has it, and
        RefusedError for a dry run or an exhausted budget.
        """
        async with self._governor.call(outlay) as receipt:
            payload = await self._ask(request, receipt)
            receipt.charge(_ids(payload.get("data")), kind)
            beside = payload.get("includes")
            if isinstance(beside, dict):
                for name, of_kind in _BESIDE.items():
                    receipt.charge(_ids(beside.get(name)), of_kind)
        return payload

    async def pages(self, listing: Listing) -> AsyncIterator[Payload]:
        """The answers page by page. One may be empty and yet have others after it."""
        seen: set[str] = set()
        size, token, idle, number = listing.first, "", 0, 1
        before = listing.request.query.get("until_id", "now")
        while idle < _IDLE_PAGES:
            size = await self._affordable(listing, size)
            query = {**listing.request.query, "max_results": str(size)}
            if token:
                query["pagination_token"] = token
            # What was asked before, and not answered, must bear the same name when it is asked again.
            page = f"{listing.purpose} before {before}" if listing.resumed else f"{listing.purpose} page {number}"
            outlay = Outlay("x", page, max(listing.kinds, key=self._price), size * len(listing.kinds))
            payload = await self.make(replace(listing.request, query=query), outlay, listing.kinds[0])
            yield payload
            token = next_token(payload)
            if not token:
                return
            ids = set(_ids(payload.get("data")))
            idle = 0 if ids - seen else idle + 1
            seen |= ids
            before = min(ids, key=int, default=before)
            size, number = LONGEST, number + 1

    async def _affordable(self, listing: Listing, size: int) -> int:
        """So long a page that what is set aside for it leaves the share of the budget that it has to leave."""
        price = max(map(self._price, listing.kinds)) * len(listing.kinds)
        if not price:
            return size
        left = await self._governor.left() * MICRO * listing.share
        return min(size, max(SHORTEST, int(left / price)))

    def _price(self, kind: Kind) -> int:
        return self._governor.prices.microdollars("x", kind)

    async def _ask(self, request: Request, receipt: Receipt) -> Payload:
        writing = receipt.outlay.writing
        if wait := self._limits.seconds(request.name):
            receipt.not_charged()
            raise troubles.limited(wait)
        self._limits.count(request.name)
        try:
            answer: Answer = await self._client.request(
                request.method,
                request.endpoint.format(request.about),
                params=dict(request.query),
                json=request.body,
                user_auth=True,
            )
        except NotAcceptedError as refused:
            if refused.answer.refuses:
                receipt.not_charged()
            wait = self._note(request, refused.answer)
            raise troubles.refusal(refused.answer, writing=writing, wait=wait) from None
        except (aiohttp.ClientError, TimeoutError) as error:
            if troubles.surely_unsent(error):
                receipt.not_charged()
            raise troubles.lost(error, writing=writing) from error
        self._note(request, answer)
        payload = answer.payload
        if payload is None or (writing and not _ids(payload.get("data"))):
            raise troubles.unheard("X's answer can't be read", writing=writing)
        return payload

    def _note(self, request: Request, answer: Answer) -> float:
        """Keep in mind what an answer says of limits; gives how long to wait now, in seconds."""
        if answer.status == 429:
            return self._limits.refused(request.name, answer.wait)
        if (allowance := answer.allowance()) is not None:
            self._limits.note(request.name, *allowance)
        return 0.0


def next_token(payload: Payload) -> str:
    """What leads to the page after this one; empty on the last."""
    meta = payload.get("meta")
    token = meta.get("next_token") if isinstance(meta, dict) else None
    return token if isinstance(token, str) else ""


def posts_in(payload: Payload) -> list[Payload]:
    """What an answer lists, leaving out what has no id."""
    data = payload.get("data")
    listed = data if isinstance(data, list) else [data]
    return [one for one in listed if isinstance(one, dict) and is_id(one.get("id"))]


def is_id(value: Any) -> bool:
    return isinstance(value, str) and value.isdecimal()


def _ids(data: Any) -> list[str]:
    return [one["id"] for one in posts_in({"data": data})]
