"""How the AppView shows accounts, posts and notices."""

from typing import Any

from .world import POSTS, Account, Record, World

Json = dict[str, Any]


class Views:
    """Views of one world, for a reader or for anybody."""

    def __init__(self, world: World) -> None:
        self._world = world

    def basic(self, account: Account, reader: Account | None = None) -> Json:
        view: Json = {"did": account.did, "handle": account.handle, "labels": self._labels(account)}
        if "displayName" in account.profile:
            view["displayName"] = account.profile["displayName"]
        if reader is not None:
            view["viewer"] = {"muted": False, "blockedBy": reader.did in account.blocks}
        return view

    def detailed(self, account: Account, reader: Account | None = None) -> Json:
        counts = {"postsCount": len(account.all_of(POSTS)), "followersCount": 0, "followsCount": 0}
        return {**self.basic(account, reader), **counts, "createdAt": account.created_at}

    def post(self, record: Record, reader: Account | None = None) -> Json:
        author = self._world.accounts[record.author]
        view: Json = {
            "uri": record.uri,
            "cid": record.cid,
            "author": self.basic(author, reader),
            "record": record.value,
            "indexedAt": record.indexed_at,
            "replyCount": 0,
            "repostCount": 0,
            "likeCount": 0,
            "labels": [],
        }
        if reader is not None:
            view["viewer"] = {"replyDisabled": author.replies_disabled, "threadMuted": False}
        return view

    def repost(self, repost: Record, by: Account) -> Json | None:
        """An item of a feed; None where the post is gone."""
        post = self._world.find(repost.value["subject"]["uri"])
        if post is None:
            return None
        reason = {
            "$type": "app.bsky.feed.defs#reasonRepost",
            "by": self.basic(by),
            "indexedAt": repost.indexed_at,
            "uri": repost.uri,
            "cid": repost.cid,
        }
        return {"post": self.post(post), "reason": reason}

    def pin(self, post: Record) -> Json:
        return {"post": self.post(post), "reason": {"$type": "app.bsky.feed.defs#reasonPin"}}

    def notice(self, record: Record, reason: str) -> Json:
        author = self._world.accounts[record.author]
        view: Json = {
            "uri": record.uri,
            "cid": record.cid,
            "author": self.basic(author),
            "reason": reason,
            "record": record.value,
            "isRead": False,
            "indexedAt": record.sort_at,  # under this name, as Bluesky has it
            "labels": [],
        }
        if reason == "reply":
            view["reasonSubject"] = record.value["reply"]["parent"]["uri"]
        return view

    def _labels(self, account: Account) -> list[Json]:
        own = [value["val"] for value in account.profile.get("labels", {}).get("values", ())]
        put_on = [(account.did, value) for value in own] + [("did:plc:" + "a" * 24, one) for one in account.labels]
        return [
            {"src": source, "uri": f"at://{account.did}", "val": value, "cts": account.created_at}
            for source, value in put_on
        ]
