"""From an account's timeline to a corpus: looked up, quoted, then read page by page, each kept as it comes.

An import's row stands in the store from the first page on, with the digest of what came so far. So no post is ever
here without its provenance, what was paid for can be learned from though the rest may have to wait for the next
month's budget, and nothing else in the program has to know of half imports.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import structs

from bot.platforms import Account, NoAccountError, NotDoneError, Platform, Quote
from bot.timelines.reached import Reached
from bot.timelines.sources import CONSENT, SOURCES, refuse_unpermitted
from data.collect import Collected, take_stock
from data.corpus import Profile
from data.errors import InputError, MynahError, RefusedError
from data.posts import Post, Provenance, normalise_handle, storable, timeline_cursor
from data.settings import Settings
from data.store import Added, Store

LONGEST_WAIT = 60.0  # seconds between two pages; who has to wait longer is told when to come back


class UnfinishedError(MynahError):
    """Reading ended early, and what was read is kept; the exit code is that of the cause."""

    def __init__(self, cause: MynahError, handle: str, kept: int) -> None:
        when = "the next time"
        if isinstance(cause, NotDoneError):
            moment = datetime.now().astimezone() + timedelta(seconds=cause.seconds + 60)  # shown to the minute
            when = f"the next time, from {moment:%H:%M} on"
        super().__init__(f"{cause} {kept:,} posts of @{handle} are kept; reading goes on from there {when}.")
        self.exit_code = cause.exit_code


class _BarredError(RefusedError):
    """These posts may not be kept: their person opted out, or was forgotten, or somebody else reads them."""


@dataclass(frozen=True)
class Prospect:
    """An import that may be made: whose posts, how far they were read before, and what the rest costs."""

    handle: str
    platform: str
    account: Account
    reached: Reached
    quote: Quote  # counts are the platform's, which may be off by what was deleted
    cursor: Any  # its value when this was looked up


class Timelines:
    """Reads accounts' posts into the store. What was read once is never asked for again."""

    def __init__(self, store: Store, settings: Settings, longest_wait: float = LONGEST_WAIT) -> None:
        self._store = store
        self._settings = settings
        self._longest_wait = longest_wait

    async def look(self, platform: Platform, name: str) -> Prospect:
        """Look an account up, which costs a user read where reading costs, and quote its posts.

        Raises RefusedError for a handle that opted out or changed hands and for a platform that may not be learned
        from, NoAccountError, and InputError for an account without posts.
        """
        handle = normalise_handle(name)
        refuse_unpermitted(platform.name, self._settings)
        await self._store.consent.refuse_opted_out([handle])
        account = await platform.look_up(handle)
        cursor = await self._store.standing.cursor(timeline_cursor(platform.name, handle))
        if cursor is None:
            reached = await self._before_the_first(platform.name, handle, account)
        else:
            reached = Reached.from_json(cursor)
            if reached.account != account.id:
                raise RefusedError(
                    f"@{handle} is another account now than the one whose posts are here, and two people must not "
                    f"be mixed; to begin anew with this one, first `mynah forget {handle}`."
                )
        whole = await platform.quote(account, known=0)
        rest = await platform.quote(replace(account, posts=reached.left(account, whole.posts)), known=0)
        quote = Quote(rest.posts, rest.dollars, saved=whole.dollars - rest.dollars)
        return Prospect(handle, platform.name, account, reached, quote, cursor)

    async def fetch(
        self,
        platform: Platform,
        prospect: Prospect,
        *,
        consent: str = "",
        may_publish: bool | None = None,
        profile: Profile = "default",
        progress: Callable[[int], None] = lambda posts: None,
    ) -> Collected:
        """Read what is missing, newest first, and say what the handle's corpus is then.

        Interrupted in whatever way, it leaves every page that came in the store, and the next prospect begins
        below it. `consent` and `may_publish` are those of the import before, unless they are given. `progress` is
        called with the number of posts that came. Raises UnfinishedError where a part came, else what `look` and
        the governor raise, or NotDoneError.
        """
        reached = prospect.reached.begin()
        earlier = await self._imports(prospect)
        if may_publish is None:
            may_publish = bool(earlier) and earlier[-1].may_publish
        origin = Provenance(
            source=SOURCES[prospect.platform],
            file_name=f"@{prospect.handle}",
            file_digest=reached.digest,
            imported_at=datetime.fromisoformat(reached.began),
            consent=consent or (earlier[-1].consent if earlier else CONSENT[prospect.platform]),
            may_publish=may_publish,
        )
        reading = _Reading(self._store, prospect, reached, origin, progress)
        stopped: MynahError | None = None
        corpus = None
        try:
            await reading.read(platform, self._settings.imports.max_posts, self._longest_wait)
        except MynahError as error:
            stopped = error
        finally:
            if await self._store.posts.imports(prospect.handle):  # it may be forgotten by now
                corpus = await take_stock(self._store, prospect.handle, profile, datetime.now(UTC))
        if stopped is not None:
            if corpus is None or not reading.reached.posts or isinstance(stopped, _BarredError | NoAccountError):
                raise stopped
            raise UnfinishedError(stopped, prospect.handle, reading.reached.posts) from None
        if corpus is None:
            raise RefusedError(f"@{prospect.handle} was forgotten while it was read.")
        # An import that brought nothing leaves no row; where an archive held everything, there is none at all.
        imports = await self._imports(prospect) or await self._store.posts.imports(prospect.handle)
        return Collected(corpus, reading.added, reading.skipped, imports[-1])

    async def _imports(self, prospect: Prospect) -> list[Provenance]:
        """Those of this timeline, oldest first."""
        imports = await self._store.posts.imports(prospect.handle)
        return [row for row in imports if row.source == SOURCES[prospect.platform]]

    async def _before_the_first(self, platform: str, handle: str, account: Account) -> Reached:
        """Where to begin with an account that was not read before."""
        if not account.posts:
            raise InputError(f"@{handle} has not posted anything yet, so there is nothing to learn from.")
        for name, value in (await self._store.standing.cursors(timeline_cursor(platform, ""))).items():
            if value["account"] == account.id:
                earlier = name.removeprefix(timeline_cursor(platform, ""))
                raise RefusedError(
                    f"@{handle} is the account that was called @{earlier}, and its posts are here under that "
                    f"name; to bring them under the new one, first `mynah forget {earlier}`."
                )
        imports = await self._store.posts.imports(handle)
        if platform == "x" and imports and all(row.source == "x-archive" for row in imports):
            # The archive holds everything until it was made, under the same ids: only what is newer is paid for.
            posts = await self._store.posts.posts(handle)
            return Reached(account.id, newest=posts[-1].id, counted=len(posts))
        return Reached(account.id)


class _Reading:
    """One import under way: the pages as they come, and how far that has gone."""

    def __init__(
        self,
        store: Store,
        prospect: Prospect,
        reached: Reached,
        origin: Provenance,
        progress: Callable[[int], None],
    ) -> None:
        self._store = store
        self._account = prospect.account
        self._handle = prospect.handle
        self._cursor = timeline_cursor(prospect.platform, prospect.handle)
        self._stands_at = prospect.cursor
        self._origin = origin
        self._progress = progress
        self.reached = reached
        self.added = Added(0, 0, 0)
        self.skipped: dict[str, int] = {}

    async def read(self, platform: Platform, most: int, longest_wait: float) -> None:
        """What is left of an interrupted stretch, then what is newer; `most` posts in this import."""
        if self.reached.oldest:
            await self._stretch(platform, most, longest_wait)
            await self._keep([], self.reached.above())
        await self._stretch(platform, most, longest_wait)
        if not self.reached.newest:
            raise InputError(f"@{self._handle} shows no posts to read, so there is nothing to learn from.")
        await self._keep([], self.reached.end(self._account.posts))

    async def _stretch(self, platform: Platform, most: int, longest_wait: float) -> None:
        """Read on until the stretch ends, over short waits. Raises NotDoneError where a wait would be long."""
        waited = 0.0
        while self.reached.taken < most:
            reached = self.reached
            try:
                pages = platform.timeline(self._account, newer_than=reached.floor, older_than=reached.oldest)
                async for page in pages:
                    waited = 0.0
                    posts = [
                        structs.replace(post, handle=self._handle, text=storable(post.text)) for post in page.posts
                    ]
                    if posts := posts[: most - self.reached.taken]:
                        await self._keep(posts, self.reached.after(posts))
                        self._progress(len(posts))
                    if self.reached.taken >= most:
                        break
                else:
                    return
            except NotDoneError as error:
                waited += max(1.0, error.seconds)
                if waited > longest_wait:
                    raise
                await asyncio.sleep(max(1.0, error.seconds))
        if (left := self._account.posts - self.reached.posts) > 0:
            self.skipped["older than MYNAH_IMPORTS__MAX_POSTS allows"] = left

    async def _keep(self, posts: list[Post], reached: Reached) -> None:
        cursor = reached.to_json()
        try:
            added = await self._store.posts.add_page(
                self._handle,
                posts,
                replace(self._origin, file_digest=reached.digest),
                cursor=self._cursor,
                was=self._stands_at,
                now=cursor,
            )
        except RefusedError as error:
            raise _BarredError(str(error)) from None
        self._stands_at, self.reached = cursor, reached
        self.added = Added(
            self.added.new + added.new, self.added.changed + added.changed, self.added.same + added.same
        )
