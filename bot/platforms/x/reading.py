"""X's objects put into our own. X is renaming `tweet` to `post` within them, so both names are read everywhere."""

import re
from collections.abc import Mapping
from typing import Any

from bot.platforms import Account, NoAccountError, Summons
from bot.platforms.x.calls import is_id
from bot.platforms.x.session import Payload
from bot.platforms.x.text import as_read, as_sent, naming
from data.errors import InputError
from data.posts import Post, PostKind, language_code, normalise_handle, storable
from data.sources.times import time_of

# What is asked for, by `MYNAH_X__WORDS`. In the new words some things are no fields any more: they come with what
# they refer to, which is charged as well. X passes over a name of the other vocabulary without a word.
TIMELINE: Mapping[str, Mapping[str, str]] = {
    "tweet": {"tweet.fields": "created_at,entities,lang,note_tweet,referenced_tweets"},
    "post": {"post.fields": "created_at,entities,lang,note_post"},
}
MENTIONS: Mapping[str, Mapping[str, str]] = {
    "tweet": {
        "tweet.fields": (
            "author_id,conversation_id,created_at,display_text_range,entities,note_tweet,referenced_tweets"
        )
    },
    "post": {
        "post.fields": "conversation_id,created_at,display_text_range,entities,note_post",
        "expansions": "author_id",
    },
}
OWN_POSTS: Mapping[str, Mapping[str, str]] = {
    "tweet": {"tweet.fields": "note_tweet,referenced_tweets"},
    "post": {"post.fields": "note_post", "expansions": "referenced_posts"},
}
ACCOUNT = {"user.fields": "protected,public_metrics"}

_KINDS: Mapping[str, PostKind] = {
    "retweeted": "retweet",
    "reposted": "retweet",
    "replied_to": "reply",
    "quoted": "quote",
}
_REPOST = re.compile(r"RT @\w{1,20}:")
_POST_LINK = re.compile(r"https?://(?:\w+\.)?(?:twitter|x)\.com/\w+/status/\d+")
_SHORT_LINK = re.compile(r"https?://t\.co/\w+")


def account_from(user: Payload) -> Account:
    """An account as X tells of it. Raises NoAccountError for an answer without its name."""
    try:
        handle = normalise_handle(str(user.get("username", "")))
    except InputError:
        raise NoAccountError("X's answer does not name the account; try again later.") from None
    count = _either(user.get("public_metrics"), "tweet_count", "post_count")
    return Account(str(user["id"]), handle, str(user.get("name", handle)), count if isinstance(count, int) else 0)


def refuse_missing(payload: Payload, handle: str) -> None:
    """Raises NoAccountError for an answer, a success otherwise, that tells why there is nothing to read."""
    errors = payload.get("errors")
    if payload.get("data") or not isinstance(errors, list) or not errors or not isinstance(errors[0], dict):
        return
    problem: Payload = errors[0]
    detail, kind = str(problem.get("detail", "")), str(problem.get("type", ""))
    if "suspended" in detail.lower():
        raise NoAccountError(f"X has suspended @{handle}, so nothing of it can be read.")
    if kind.endswith("not-authorized-for-resource"):
        raise protected(handle)
    raise NoAccountError(f"There is no @{handle} on X; it has another name now, or is gone.")


def protected(handle: str) -> NoAccountError:
    return NoAccountError(
        f"@{handle} is protected, so only those who follow it can read it; ask its owner for the archive that X "
        "makes of an account, and import that."
    )


def post_from(data: Payload, handle: str) -> Post | None:
    """A post of a timeline, its text raw; None where it has none."""
    text = _whole(data)
    if not text.strip():
        return None
    versions = _versions(data)
    return Post(
        id=data["id"],
        handle=handle,
        text=text,
        created_at=time_of(data["id"], data.get("created_at")),
        kind=_kind(data),
        reply_to_id=_replied_to(data) or None,
        lang=language_code(data.get("lang")),
        edit_of_id=min(versions, key=int) if len(versions) > 1 else None,
    )


def stands_as(data: Payload, text: str, reply_to: str) -> bool:
    """Whether this post of the bot's own account has that text, and answers that post where one is given."""
    read = as_read(_whole(data))
    answered = _replied_to(data)
    if reply_to and not answered:  # X did not say what it answers, but a name before it shows that it does
        return read.startswith("@") and as_sent(read, reply=True) == as_sent(text, reply=True)
    return answered == reply_to and as_sent(read, reply=bool(reply_to)) == as_sent(text, reply=bool(reply_to))


def summons_from(data: Payload, own: Account) -> Summons | None:
    """A post by somebody else, made for the bot; None for one that only has its name among others' words or before
    them, as X puts it there in every answer of a thread.
    """
    author, created_at = data.get("author_id"), time_of(data["id"], data.get("created_at"))
    if not is_id(author) or author == own.id or created_at is None or _kind(data) == "retweet":
        return None
    name = naming(own.handle)
    before, words = _parted(data)
    answers_bot = name.match(before)  # whoever is answered is the first to be named
    if not answers_bot and not name.search(words):
        return None
    text = storable(as_read(_with_full_links(words, data)))
    return Summons(
        id=data["id"],
        original=min((data["id"], *_versions(data)), key=int),
        author=str(author),
        text=" ".join(name.sub(" ", text).split()),
        thread=str(data.get("conversation_id") or data["id"]),
        created_at=created_at,
    )


def _versions(data: Payload) -> list[str]:
    """The ids of a post, one more by every edit."""
    history = _either(data, "edit_history_tweet_ids", "edit_history_post_ids")
    return [one for one in history if is_id(one)] if isinstance(history, list) else []


def _parted(data: Payload) -> tuple[str, str]:
    """The names that X puts before an answer by itself, and what its author wrote."""
    text, whole = str(data.get("text", "")), _whole(data)
    shown = data.get("display_text_range")
    start = shown[0] if isinstance(shown, list) and shown and isinstance(shown[0], int) else 0
    before = text[:start]
    return before, whole.removeprefix(before)


def _whole(data: Payload) -> str:
    """The text, that of a long post in full."""
    note = _either(data, "note_tweet", "note_post")
    text = note.get("text") if isinstance(note, dict) else None
    return text if isinstance(text, str) and text else str(data.get("text", ""))


def _with_full_links(text: str, data: Payload) -> str:
    """Links as they lead, where X says; those to pictures are left out."""
    for link in _links(data):
        short, full = link.get("url"), link.get("expanded_url")
        if isinstance(short, str) and isinstance(full, str) and short and "media_key" not in link:
            text = text.replace(short, full)
    return _SHORT_LINK.sub("", text)


def _links(data: Payload) -> list[Payload]:
    found: list[Payload] = []
    for holder in (data, _either(data, "note_tweet", "note_post")):
        entities = holder.get("entities") if isinstance(holder, dict) else None
        links = entities.get("urls") if isinstance(entities, dict) else None
        found += [link for link in links if isinstance(link, dict)] if isinstance(links, list) else []
    return found


def _kind(data: Payload) -> PostKind:
    kinds = {_KINDS.get(str(reference.get("type"))) for reference in _references(data)}
    for kind in ("retweet", "reply", "quote"):
        if kind in kinds:
            return kind
    # In the new words, references are to be had only together with the posts that they lead to, each of which is
    # charged. The text tells almost as much, as it does in archives.
    return _kind_by_text(data) if "edit_history_post_ids" in data else "post"


def _kind_by_text(data: Payload) -> PostKind:
    text = str(data.get("text", ""))
    if _REPOST.match(text):
        return "retweet"
    if text.startswith("@"):
        return "reply"
    if any(_POST_LINK.match(str(link.get("expanded_url", ""))) for link in _links(data)):
        return "quote"
    return "post"


def _replied_to(data: Payload) -> str:
    """The id of the post that it answers; empty where X names none."""
    answered = [one.get("id") for one in _references(data) if one.get("type") == "replied_to"]
    return str(answered[0]) if answered and is_id(answered[0]) else ""


def _references(data: Payload) -> list[Payload]:
    references = _either(data, "referenced_tweets", "referenced_posts")
    return [one for one in references if isinstance(one, dict)] if isinstance(references, list) else []


def _either(data: Any, *names: str) -> Any:
    """The first of several names that an object has; None where it has none of them."""
    return next((data[name] for name in names if name in data), None) if isinstance(data, dict) else None
