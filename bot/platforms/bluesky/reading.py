"""Public accounts and their posts: read without signing in, and only where their owners agree to that."""

from collections.abc import AsyncIterator
from typing import Any

from atproto_client.models import get_model_as_dict
from msgspec import structs

from bot.governor import Governor, Outlay
from bot.platforms import Account, NoAccountError, Page, Quote
from bot.platforms.bluesky.keys import can_be_ordered, key_of, order
from bot.platforms.bluesky.moments import moment
from bot.platforms.bluesky.troubles import AnsweredError
from bot.platforms.bluesky.wire import PLATFORM, Wire
from data.errors import InputError
from data.posts import Post, normalise_handle
from data.sources.bluesky_records import post_from_record
from data.store.ledger import MICRO

PAGE = 100

_MISSING = "There is no account @{0} on Bluesky; check the name, which is like name.bsky.social."
# By the name of the error.
_NOT_SHOWN = {
    "InvalidRequest": _MISSING,
    "AccountTakedown": "Bluesky has suspended @{0}.",
    "AccountSuspended": "Bluesky has suspended @{0}.",
    "AccountDeactivated": "@{0} is deactivated; only its owner can bring it back.",
    "BlockedActor": "@{0} is blocked, so it can't be read.",
    "BlockedByActor": "@{0} blocks the bot, so it can't be read.",
}
# By the label, whoever put it on.
_LABELS = {
    "!no-unauthenticated": "@{0} asks not to be shown to anybody who is not signed in, so it is not read.",
    "!hide": "Bluesky hides @{0}.",
    "!takedown": "Bluesky has suspended @{0}.",
}


class Reading:
    """Looks accounts up and reads timelines."""

    def __init__(self, wire: Wire, governor: Governor) -> None:
        self._wire = wire
        self._governor = governor

    async def look_up(self, handle: str) -> Account:
        """As `Platform.look_up`."""
        try:
            handle = normalise_handle(handle)
        except InputError:
            raise NoAccountError(_MISSING.format(handle)) from None
        outlay = Outlay(PLATFORM, f"account {handle}", "user read")
        profile = await self._ask(
            outlay,
            "app.bsky.actor.getProfile",
            {"actor": handle},
            ids=lambda profile: [profile.did],
            handle=handle,
        )
        for label in profile.labels or ():
            if label.val in _LABELS and not label.neg:
                raise NoAccountError(_LABELS[label.val].format(handle))
        return account_of(profile, handle)

    async def quote(self, account: Account, known: int) -> Quote:
        """As `Platform.quote`: nothing, unless the price table says otherwise."""
        price = self._governor.prices.microdollars(PLATFORM, "post read") / MICRO
        known = min(known, account.posts)
        return Quote(account.posts - known, (account.posts - known) * price, known * price)

    async def timeline(self, account: Account, newer_than: str, older_than: str) -> AsyncIterator[Page]:
        """As `Platform.timeline`; reposts and posts of other accounts are left out.

        Bluesky sorts by the time that a post says it is from, which its id need not agree with, as with posts that
        were brought from elsewhere. So reading begins and ends at the very posts that were named, and goes by ids
        only where those are gone: what comes twice then is known by its id, and nothing is passed over.
        """
        cursor, begun, last = "", not older_than, False
        while not last:
            answer = await self._feed(account, cursor)
            last = not answer.cursor or answer.cursor == cursor
            cursor = answer.cursor or ""
            posts = [
                post
                for item in answer.feed
                if item.reason is None and (post := _post(item.post, account)) is not None
            ]
            ids = [post.id for post in posts]
            if newer_than in ids:
                posts, last = posts[: ids.index(newer_than)], True
            elif posts and all(order(key) <= order(newer_than) for key in ids):
                posts, last = [], True
            if not begun:
                later = [number for number, key in enumerate(ids) if order(key) <= order(older_than)]
                posts = posts[later[0] + (ids[later[0]] == older_than) :] if later else []
                begun = bool(later)
            if posts or last:
                yield Page(tuple(posts), "" if last else cursor)

    async def _feed(self, account: Account, cursor: str) -> Any:
        arguments = {"actor": account.id, "limit": PAGE, "filter": "posts_with_replies"}
        return await self._ask(
            Outlay(PLATFORM, f"timeline {account.id} {cursor}", "post read", most=PAGE),
            "app.bsky.feed.getAuthorFeed",
            {**arguments, "cursor": cursor} if cursor else arguments,
            ids=lambda answer: [item.post.uri for item in answer.feed],
            handle=account.handle,
        )

    async def _ask(self, *question: Any, ids: Any, handle: str) -> Any:
        """Without signing in. Raises NoAccountError where the account is not shown."""
        try:
            return await self._wire.ask(*question, ids=ids, signed=False)
        except AnsweredError as error:
            if error.name not in _NOT_SHOWN:
                raise
            raise NoAccountError(_NOT_SHOWN[error.name].format(handle)) from None


def account_of(profile: Any, handle: str) -> Account:
    """From a profile as the SDK gives it; `handle` is what it was asked for by, should it have no valid one."""
    if profile.handle != "handle.invalid":
        handle = normalise_handle(profile.handle)
    return Account(profile.did, handle, profile.display_name or handle, profile.posts_count or 0)


def _post(view: Any, account: Account) -> Post | None:
    """None for another account's post, for one without text, and for one whose id has no place in an order."""
    key = key_of(view.uri)
    if view.author.did != account.id or not can_be_ordered(key):
        return None
    post = post_from_record(get_model_as_dict(view.record), key, account.handle)
    indexed_at = moment(view.indexed_at)
    if post is None or indexed_at is None or (post.created_at is not None and post.created_at <= indexed_at):
        return post
    return structs.replace(post, created_at=indexed_at)  # as Bluesky has it: nobody posts tomorrow
