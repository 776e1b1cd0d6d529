"""Who named or answered the bot: its notifications, each heard once, however late or in what order they come.

Bluesky dates a notification by the clock of whoever wrote the post, so that one may appear behind others that were
heard already. A position is therefore a moment, and marks of all that was heard since that moment.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from atproto_client import models

from bot.governor import Outlay
from bot.platforms import Account, Heard, Summons
from bot.platforms.bluesky.moments import moment
from bot.platforms.bluesky.text import Facet, Name
from bot.platforms.bluesky.wire import PLATFORM, Wire

PAGE = 100
MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Position:
    """All before `since` is over; of what is later, that with these marks was heard. Times are in milliseconds."""

    since: int
    heard: Mapping[str, int]  # the time of each

    @classmethod
    def from_text(cls, text: str) -> Self:
        return cls(**json.loads(text))

    def __str__(self) -> str:
        return json.dumps({"since": self.since, "heard": dict(self.heard)}, separators=(",", ":"), sort_keys=True)


@dataclass(frozen=True)
class _Notice:
    """A notification as the SDK gives it, its time in milliseconds since 1970, and a short mark for it."""

    told: Any
    at: int
    mark: str

    @classmethod
    def from_told(cls, told: Any) -> Self:
        at = moment(told.indexed_at) or _EPOCH
        return cls(told, (at - _EPOCH) // MILLISECOND, hashlib.sha256(told.uri.encode()).hexdigest()[:16])


class Hearing:
    """Reads the notifications of the account; one that comes `late` by more than that may not be heard."""

    def __init__(self, wire: Wire, late: timedelta) -> None:
        self._wire = wire
        self._late = late // MILLISECOND

    async def heard(self, position: str, own: Account) -> Heard:
        """As `Platform.heard`."""
        place = Position.from_text(position) if position else None
        notices = await self._notices(place.since if place else None)
        if place is None:
            since = max((notice.at for notice in notices), default=0)
            marks = {notice.mark: notice.at for notice in notices if notice.at >= since}
            return Heard((), str(Position(since, marks)))
        new = [notice for notice in notices if notice.mark not in place.heard]
        if not new:
            return Heard((), position)
        since = max(place.since, max(notice.at for notice in notices) - self._late)
        marks = {**place.heard, **{notice.mark: notice.at for notice in new}}
        marks = {mark: at for mark, at in marks.items() if at >= since}
        summons = [summons for notice in new if (summons := _summons(notice, own)) is not None]
        summons.sort(key=lambda summons: (summons.created_at, summons.id))
        return Heard(tuple(summons), str(Position(since, marks)))

    async def _notices(self, since: int | None) -> list[_Notice]:
        """Those of that time or later; without one, the newest page that has any."""
        notices: list[_Notice] = []
        cursor = ""
        while True:
            answer = await self._page(cursor)
            page = [_Notice.from_told(told) for told in answer.notifications]
            notices += [notice for notice in page if since is None or notice.at >= since]
            enough = bool(notices) if since is None else any(notice.at < since for notice in page)
            if enough or not answer.cursor or answer.cursor == cursor:
                return notices
            cursor = answer.cursor

    async def _page(self, cursor: str) -> Any:
        arguments: dict[str, Any] = {"limit": PAGE, "reasons": ["mention", "reply"]}
        if cursor:
            arguments["cursor"] = cursor
        return await self._wire.ask(
            Outlay(PLATFORM, f"mentions {cursor}", "owned read", most=PAGE),
            "app.bsky.notification.listNotifications",
            arguments,
            ids=lambda answer: [told.uri for told in answer.notifications],
        )


def _summons(notice: _Notice, own: Account) -> Summons | None:
    """None where the post neither names the account nor directly answers it, whatever Bluesky notified it for.

    Bluesky puts no names into answers, so that a bare one, such as "stop", is told by the post that it answers.
    """
    told, record = notice.told, notice.told.record
    if not isinstance(record, models.AppBskyFeedPost.Record) or told.author.did == own.id:
        return None
    reply = record.reply
    to_own = reply is not None and reply.parent.uri.startswith(f"at://{own.id}/")
    facets = Facet.all_of(record)
    marked = any(facet.did == own.id for facet in facets)
    if told.reason not in ("mention", "reply") or not (marked or to_own):
        return None
    return Summons(
        id=told.uri,
        original=told.uri,
        author=told.author.did,
        text=Name(own.id, own.handle).taken_out(record.text, facets),
        thread=reply.root.uri if reply is not None else told.uri,
        created_at=_EPOCH + notice.at * MILLISECOND,
    )
