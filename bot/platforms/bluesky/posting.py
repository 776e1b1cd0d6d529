"""Posts and answers that are made once, whatever happens on the way: each purpose has a record key of its own.

A server keeps one record under a key. Whatever was sent twice, came late or was answered by nobody is therefore
either that one post or none, and looking at the key tells which.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from atproto_client import models

from bot.governor import Governor, Outlay
from bot.platforms import NotDoneError, PlatformError, TurnedDownError, UnclearError
from bot.platforms.bluesky.keys import POSTS, record_key
from bot.platforms.bluesky.label import BotLabel
from bot.platforms.bluesky.moments import moment, written
from bot.platforms.bluesky.text import LONGEST, length
from bot.platforms.bluesky.troubles import AnsweredError
from bot.platforms.bluesky.wire import PLATFORM, Wire
from data.errors import RefusedError

# A post of another text under a purpose's key is that purpose's own where it is young: nothing else may follow it.
# An older one is from an installation before this, whose purposes had the same names.
EARLIER_LIFE = timedelta(days=1)


@dataclass(frozen=True)
class _Standing:
    """What stands under a key."""

    uri: str
    text: str
    created_at: datetime | None


class Posting:
    """Publishes for one account, and looks for what it published."""

    def __init__(self, wire: Wire, governor: Governor, languages: tuple[str, ...]) -> None:
        self._wire = wire
        self._governor = governor
        self._languages = languages
        self._label = BotLabel(wire, governor)

    async def publish(self, text: str, purpose: str, reply_to: str) -> str:
        """As `Platform.publish`: the uri of the one post of this purpose."""
        async with self._governor.call(_outlay(purpose, reply_to)) as receipt:
            try:
                uri = await self._publish(text, purpose, reply_to)
            except (NotDoneError, TurnedDownError, RefusedError):
                receipt.not_charged()
                raise
            receipt.charge([uri])
        return uri

    async def find(self, text: str, purpose: str, reply_to: str) -> str | None:
        """As `Platform.find`; the books are settled by what is found."""
        receipt = self._governor.receipt(_outlay(purpose, reply_to))
        for key in await self._keys(purpose):
            standing = await self._look(key, purpose)
            if standing is None:
                break
            if standing.text == text:
                receipt.charge([standing.uri])
                break
        await self._governor.settle(receipt)
        return standing.uri if standing is not None else None

    async def _publish(self, text: str, purpose: str, reply_to: str) -> str:
        if length(text) > LONGEST:
            raise TurnedDownError(f"It is longer than the {LONGEST} characters that Bluesky takes.")
        await self._label.put_on()
        record: dict[str, Any] = {"$type": POSTS, "text": text, "createdAt": written(datetime.now(UTC))}
        if self._languages:
            record["langs"] = list(self._languages)
        if reply_to:
            record["reply"] = await self._reply(reply_to)
        for key in await self._keys(purpose):
            standing = await self._create(key, record, purpose)
            if standing.text == text:
                return standing.uri
            if standing.created_at is None or standing.created_at > datetime.now(UTC) - EARLIER_LIFE:
                raise TurnedDownError(
                    f"Another text stands on Bluesky for this; delete it there to post this one: {standing.uri}"
                )
        raise AssertionError("there is always one more key")

    async def _create(self, key: str, record: dict[str, Any], purpose: str) -> _Standing:
        """What stands under the key afterwards, be it from now or from before."""
        arguments = {"repo": await self._wire.did(), "collection": POSTS, "rkey": key, "record": record}
        try:
            answer = await self._wire.signed("com.atproto.repo.createRecord", arguments, writing=True)
        except (UnclearError, AnsweredError) as error:
            # Servers have no common word for a key that is taken, and many say that they are in trouble.
            standing = await self._look_after(error, key, purpose)
            if standing is None:
                raise
            return standing
        return _Standing(answer.uri, record["text"], moment(record["createdAt"]))

    async def _look_after(self, problem: PlatformError, key: str, purpose: str) -> _Standing | None:
        """Looking is only a chance to know more at once: where that fails too, the first problem stands."""
        try:
            return await self._look(key, purpose)
        except PlatformError:
            raise problem from None

    async def _look(self, key: str, purpose: str) -> _Standing | None:
        arguments = {"repo": await self._wire.did(), "collection": POSTS, "rkey": key}
        outlay = Outlay(PLATFORM, f"look for {purpose}", "owned read")
        try:
            answer = await self._wire.ask(
                outlay, "com.atproto.repo.getRecord", arguments, ids=lambda answer: [answer.uri]
            )
        except AnsweredError as error:
            if error.nothing_there:
                return None
            raise
        record = answer.value
        return _Standing(
            answer.uri, getattr(record, "text", None) or "", moment(getattr(record, "created_at", None))
        )

    async def _keys(self, purpose: str) -> Iterator[str]:
        did = await self._wire.did()
        return (record_key(did, purpose, turn) for turn in itertools.count())

    async def _reply(self, uri: str) -> dict[str, Any]:
        """What makes a post an answer: the post before it and the one that began the thread, each by its cid."""
        outlay = Outlay(PLATFORM, f"post {uri}", "post read")
        answer = await self._wire.ask(
            outlay,
            "app.bsky.feed.getPosts",
            {"uris": [uri]},
            ids=lambda answer: [post.uri for post in answer.posts],
        )
        if not answer.posts:
            raise TurnedDownError("The post to answer is gone, or its author blocks the bot.")
        (post,) = answer.posts
        if post.viewer is not None and post.viewer.reply_disabled:
            raise TurnedDownError("The author of the post to answer lets only some people answer.")
        parent = {"uri": post.uri, "cid": post.cid}
        reply = post.record.reply if isinstance(post.record, models.AppBskyFeedPost.Record) else None
        root = {"uri": reply.root.uri, "cid": reply.root.cid} if reply is not None else parent
        return {"root": root, "parent": parent}


def _outlay(purpose: str, reply_to: str) -> Outlay:
    return Outlay(PLATFORM, purpose, "summoned reply" if reply_to else "post", writing=True)
