"""The methods: those of the server that holds accounts, and those of the AppView, which anybody may read."""

from collections.abc import Callable
from typing import Any

from .errors import deactivated, internal, invalid, profile_not_found, taken_down, unauthorized
from .http import Call
from .identifiers import timestamp_id
from .sessions import Sessions
from .views import Json, Views
from .world import ANY, POSTS, REPOSTS, Account, World

PAGE = 50
Method = Callable[[Call], Json]


class Routes:
    """The handlers, over one world."""

    def __init__(self, world: World, sessions: Sessions) -> None:
        self.world, self.sessions = world, sessions
        self.views = Views(world)
        self.origin = ""

    def of_host(self) -> dict[str, Method]:
        """The account's server, which passes on what it doesn't know itself to the AppView."""
        return {
            "com.atproto.server.createSession": self.create_session,
            "com.atproto.server.refreshSession": self.refresh_session,
            "com.atproto.repo.createRecord": self.create_record,
            "com.atproto.repo.putRecord": self.put_record,
            "com.atproto.repo.getRecord": self.get_record,
            "com.atproto.repo.deleteRecord": self.delete_record,
            "com.atproto.repo.listRecords": self.list_records,
            "app.bsky.notification.listNotifications": self.list_notifications,
            **self.of_everybody(),
        }

    def of_everybody(self) -> dict[str, Method]:
        return {
            "com.atproto.identity.resolveHandle": self.resolve_handle,
            "app.bsky.actor.getProfile": self.get_profile,
            "app.bsky.feed.getAuthorFeed": self.get_author_feed,
            "app.bsky.feed.getPosts": self.get_posts,
        }

    # Sessions

    def create_session(self, call: Call) -> Json:
        account, access, refresh = self.sessions.create(call.body["identifier"], call.body["password"])
        active = {} if account.state == "active" else {"active": False, "status": account.state}
        return self._session(account, access, refresh) | active

    def refresh_session(self, call: Call) -> Json:
        return self._session(*self.sessions.refresh(call.authorization))

    def _session(self, account: Account, access: str, refresh: str) -> Json:
        service = {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": self.origin}
        document = {"@context": ["https://www.w3.org/ns/did/v1"], "id": account.did, "service": [service]}
        names = {"did": account.did, "handle": account.handle, "didDoc": document, "active": True}
        return {**names, "accessJwt": access, "refreshJwt": refresh}

    # Records

    def create_record(self, call: Call) -> Json:
        account, collection = self._own(call), call.body["collection"]
        key = call.body.get("rkey") or timestamp_id(self.world.clock.now())
        if (collection, key) in account.records:
            raise internal()  # all that Bluesky's server says of a key that is taken
        return self._wrote(account, collection, key, call.body["record"], ANY)

    def put_record(self, call: Call) -> Json:
        swap = call.body.get("swapRecord", ANY)
        collection, key = call.body["collection"], call.body["rkey"]
        return self._wrote(self._own(call), collection, key, call.body["record"], swap)

    def _wrote(self, account: Account, collection: str, key: str, value: Json, swap: Any) -> Json:
        return self.world.put(account, collection, key, value, swap=swap).ref | {"validationStatus": "valid"}

    def get_record(self, call: Call) -> Json:
        account = self._account(call.query["repo"])
        record = self.world.get(account, call.query["collection"], call.query["rkey"])
        return record.ref | {"value": record.value}

    def delete_record(self, call: Call) -> Json:
        self.world.remove(self._own(call), call.body["collection"], call.body["rkey"])
        return {}

    def list_records(self, call: Call) -> Json:
        """By key, the greatest first."""
        records = self._account(call.query["repo"]).all_of(call.query["collection"])
        records.sort(key=lambda record: record.key, reverse=True)
        after = call.query.get("cursor", "~")
        page = [record for record in records if record.key < after][: call.query.get("limit", PAGE)]
        listed: Json = {"records": [record.ref | {"value": record.value} for record in page]}
        return listed | ({"cursor": page[-1].key} if page else {})

    def _own(self, call: Call) -> Account:
        if self._account(call.body["repo"]) is not call.reader:
            raise unauthorized()
        return call.reader

    def _account(self, identifier: str) -> Account:
        account = self.world.actor(identifier)
        if account is None:
            raise invalid(f"Could not find repo: {identifier}")
        return account

    # The AppView

    def resolve_handle(self, call: Call) -> Json:
        account = self.world.actor(call.query["handle"])
        if account is None:
            raise invalid("Unable to resolve handle")
        return {"did": account.did}

    def get_profile(self, call: Call) -> Json:
        return self.views.detailed(self._shown(call.query["actor"]), call.reader)

    def get_posts(self, call: Call) -> Json:
        found = (self.world.find(uri) for uri in call.query["uris"])
        return {
            "posts": [
                self.views.post(post, call.reader)
                for post in found
                if post is not None
                and self.world.accounts[post.author].state == "active"
                and (call.reader is None or call.reader.did not in self.world.accounts[post.author].blocks)
            ]
        }

    def get_author_feed(self, call: Call) -> Json:
        account = self._shown(call.query["actor"])
        cursor, limit = call.query.get("cursor", ""), call.query.get("limit", PAGE)
        entries = [(post.sort_at, post.key, {"post": self.views.post(post)}) for post in account.all_of(POSTS)]
        entries += [
            (repost.sort_at, repost.key, item)
            for repost in account.all_of(REPOSTS)
            if (item := self.views.repost(repost, account)) is not None
        ]
        entries.sort(key=lambda entry: entry[:2], reverse=True)
        page = [entry for entry in entries if not cursor or "::".join(entry[:2]) < cursor][:limit]
        items = [item for _, _, item in page]
        pinned = account.profile.get("pinnedPost", {}).get("uri", "///")
        post = self.world.find(pinned)
        if call.query.get("includePins") and post is not None and not cursor:
            items = [self.views.pin(post), *(item for item in items if item["post"]["uri"] != pinned)]
        return {"feed": items} | ({"cursor": "::".join(page[-1][:2])} if page else {})

    def list_notifications(self, call: Call) -> Json:
        assert call.reader is not None
        reasons, cursor = call.query.get("reasons"), call.query.get("cursor", "")
        notices = [notice for notice in call.reader.notices if not reasons or notice[1] in reasons]
        notices.sort(key=lambda notice: (notice[0].sort_at, notice[0].cid), reverse=True)
        later = [notice for notice in notices if not cursor or f"{notice[0].sort_at}::{notice[0].cid}" < cursor]
        page = later[: call.query.get("limit", PAGE)]
        listed: Json = {"notifications": [self.views.notice(*notice) for notice in page]}
        return listed | ({"cursor": f"{page[-1][0].sort_at}::{page[-1][0].cid}"} if page else {})

    def _shown(self, actor: str) -> Account:
        account = self.world.actor(actor)
        if account is None:
            raise profile_not_found()
        if account.state == "takendown":
            raise taken_down(400)
        if account.state == "deactivated":
            raise deactivated(400)
        return account
