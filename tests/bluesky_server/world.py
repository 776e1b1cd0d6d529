"""One small Bluesky in memory: accounts, the records in their repositories, and who is told of what."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.x_server.clock import Clock, written

from .errors import no_such_record, swapped
from .identifiers import content_id, did_of, timestamp_id
from .lexicon import check_record

POSTS = "app.bsky.feed.post"
REPOSTS = "app.bsky.feed.repost"
PROFILE = "app.bsky.actor.profile"
ANY: Any = object()  # a swap that was not asked for
State = Literal["active", "takendown", "deactivated"]


@dataclass(eq=False)
class Record:
    """What stands in a repository. `sort_at` is Bluesky's time of it: its author's, but never the future."""

    uri: str
    cid: str
    value: dict[str, Any]
    indexed_at: str

    @property
    def key(self) -> str:
        return self.uri.rpartition("/")[2]

    @property
    def author(self) -> str:
        return self.uri.split("/")[2]

    @property
    def sort_at(self) -> str:
        return min(str(self.value.get("createdAt", self.indexed_at)), self.indexed_at)

    @property
    def ref(self) -> dict[str, str]:
        return {"uri": self.uri, "cid": self.cid}


@dataclass(eq=False)
class Account:
    """A person's or bot's account. `labels` are put on by Bluesky; those of its own are in its profile."""

    handle: str
    did: str
    created_at: str
    app_password: str = "abcd-efgh-ijkl-mnop"
    state: State = "active"
    labels: list[str] = field(default_factory=list)
    records: dict[tuple[str, str], Record] = field(default_factory=dict)  # (collection, key)
    notices: list[tuple[Record, str]] = field(default_factory=list)  # (post, reason)
    replies_disabled: bool = False
    blocks: set[str] = field(default_factory=set)  # DIDs

    @property
    def profile(self) -> dict[str, Any]:
        record = self.records.get((PROFILE, "self"))
        return record.value if record is not None else {}

    def all_of(self, collection: str) -> list[Record]:
        """Newest first."""
        found = (record for (kind, _), record in self.records.items() if kind == collection)
        return sorted(found, key=lambda record: (record.sort_at, record.key), reverse=True)


@dataclass
class World:
    """The state behind the servers. `bot` is the account whose app password the caller has."""

    clock: Clock = field(default_factory=Clock)
    accounts: dict[str, Account] = field(default_factory=dict)  # by DID
    bot: Account = field(init=False)

    def __post_init__(self) -> None:
        self.bot = self.add_account("mynah.bsky.social", profile={"displayName": "Mynah (AI parody)"})

    def add_account(self, handle: str, *, profile: dict[str, Any] | None = None) -> Account:
        account = Account(handle, did_of(handle), written(self.clock.now()))
        self.accounts[account.did] = account
        if profile is not None:
            self.put(account, PROFILE, "self", {"$type": PROFILE, **profile})
        return account

    def actor(self, identifier: str) -> Account | None:
        """By DID or handle."""
        named = (account for account in self.accounts.values() if account.handle == identifier)
        return self.accounts.get(identifier) or next(named, None)

    def find(self, uri: str) -> Record | None:
        *_, did, collection, key = uri.split("/")
        account = self.accounts.get(did)
        return account.records.get((collection, key)) if account is not None else None

    def put(
        self, account: Account, collection: str, key: str, value: dict[str, Any], *, swap: Any = ANY
    ) -> Record:
        """Makes or changes a record. Raises XrpcError for one that its lexicon forbids, and for a failed swap."""
        check_record(collection, key, value)
        before = account.records.get((collection, key))
        cid = content_id(value)
        if before is not None and before.cid == cid:
            return before
        if swap is not ANY and swap != (before.cid if before is not None else None):
            raise swapped(before.cid if before is not None else None)
        record = Record(f"at://{account.did}/{collection}/{key}", cid, value, written(self.clock.now()))
        account.records[collection, key] = record
        if collection == POSTS and before is None:
            self._tell(account, record)
        return record

    def remove(self, account: Account, collection: str, key: str) -> None:
        """Does nothing where nothing is, as `deleteRecord` does."""
        record = account.records.pop((collection, key), None)
        for other in self.accounts.values():
            other.notices = [notice for notice in other.notices if notice[0] is not record]

    def get(self, account: Account, collection: str, key: str) -> Record:
        record = account.records.get((collection, key))
        if record is None:
            raise no_such_record(f"at://{account.did}/{collection}/{key}")
        return record

    def post(
        self,
        author: Account,
        text: str,
        *,
        names: Iterable[Account] = (),
        reply_to: Record | None = None,
        quotes: Record | None = None,
        at: float | None = None,
        **fields: Any,
    ) -> Record:
        """A person's app posts: names written with an @ are marked, and answers refer to their thread.

        `at` is what the person's clock says (seconds since 1970); other `fields` of the record as they are.
        """
        moment = self.clock.now() if at is None else at
        value: dict[str, Any] = {"$type": POSTS, "text": text, "createdAt": written(moment), **fields}
        facets = [facet for account in names if (facet := _mention(text, account)) is not None]
        if facets:
            value["facets"] = [*value.get("facets", []), *facets]
        if reply_to is not None:
            root = reply_to.value.get("reply", {}).get("root", reply_to.ref)
            value["reply"] = {"root": root, "parent": reply_to.ref}
        if quotes is not None:
            value["embed"] = {"$type": "app.bsky.embed.record", "record": quotes.ref}
        return self.put(author, POSTS, timestamp_id(moment), value)

    def repost(self, account: Account, post: Record) -> Record:
        now = self.clock.now()
        value = {"$type": REPOSTS, "subject": post.ref, "createdAt": written(now)}
        return self.put(account, REPOSTS, timestamp_id(now), value)

    def pin(self, account: Account, post: Record) -> None:
        self.put(account, PROFILE, "self", {"$type": PROFILE, **account.profile, "pinnedPost": post.ref})

    def _tell(self, author: Account, post: Record) -> None:
        """Everybody once, for what is closest: named before quoted before answered, up to five posts above."""
        told = {author.did, *author.blocks}
        for did, reason in self._concerned(post):
            if did in self.accounts and did not in told and author.did not in self.accounts[did].blocks:
                told.add(did)
                self.accounts[did].notices.append((post, reason))

    def _concerned(self, post: Record) -> Iterable[tuple[str, str]]:
        for facet in post.value.get("facets", ()):
            yield from ((feature["did"], "mention") for feature in facet["features"] if "did" in feature)
        embed = post.value.get("embed", {})
        if embed.get("$type") == "app.bsky.embed.record":
            yield embed["record"]["uri"].split("/")[2], "quote"
        above: Record | None = post
        for _ in range(5):
            above = self.find(above.value["reply"]["parent"]["uri"]) if "reply" in above.value else None
            if above is None:
                return
            yield above.author, "reply"


def _mention(text: str, account: Account) -> dict[str, Any] | None:
    start = text.encode().find(f"@{account.handle}".encode())
    if start < 0:
        return None
    features = [{"$type": "app.bsky.richtext.facet#mention", "did": account.did}]
    return {"index": {"byteStart": start, "byteEnd": start + len(account.handle) + 1}, "features": features}
