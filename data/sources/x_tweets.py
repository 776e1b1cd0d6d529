"""One tweet object, as both of X's archive formats hold it (API 1.1 without its frills), made into a Post."""

import re
from typing import Any, Self

from msgspec import UNSET, Struct, UnsetType

from data.posts import Post, PostKind, language_code
from data.sources.json_stream import Shape, as_object
from data.sources.times import time_of

# The only mark of a retweet since 2018: `retweeted` is false in every archive, also on real retweets.
_RETWEET = re.compile(r"RT @\w{1,20}:")
_POST_LINK = re.compile(r"https?://(?:\w+\.)?(?:twitter|x)\.com/\w+/status/\d+")
_ID_DIGITS = 20  # at most


class _Link(Struct, gc=False):
    expanded_url: Any = None


class _Entities(Struct, gc=False):
    urls: list[_Link] = []


class Tweet(Struct, gc=False):
    """The fields that a post is made of: a tenth of what X writes. Their values may be anything."""

    id: Any = None
    id_str: Any = None
    full_text: Any = UNSET
    text: Any = None
    created_at: Any = None
    lang: Any = None
    in_reply_to_status_id: Any = None
    in_reply_to_status_id_str: Any = None
    in_reply_to_user_id: Any = None
    in_reply_to_user_id_str: Any = None
    entities: _Entities | None = None
    edit_info: Any = None
    retweeted_status: Any = None
    deleted_at: Any = UNSET
    user: Any = None  # with each tweet until 2018

    @classmethod
    def of(cls, value: dict[str, Any]) -> Self:
        """From a JSON object, whatever it holds."""
        known = {name: value[name] for name in _FIELDS & value.keys()}
        links = as_object(value.get("entities")).get("urls")
        known["entities"] = _Entities(
            [_Link(as_object(link).get("expanded_url")) for link in links] if isinstance(links, list) else []
        )
        return cls(**known)


class Element(Tweet):
    """An element of the archives since 2018: a tweet with this around it, bare until 2019."""

    tweet: Tweet | UnsetType = UNSET

    @classmethod
    def of(cls, value: dict[str, Any]) -> Self:
        return cls(tweet=Tweet.of(as_object(value["tweet"]))) if "tweet" in value else super().of(value)


_FIELDS = frozenset(Tweet.__struct_fields__)
TWEETS = Shape(Tweet, Tweet.of)
ELEMENTS = Shape(Element, Element.of)


def post_from_tweet(tweet: Tweet, handle: str, edit_of_id: str | None = None) -> Post | None:
    """The post, its text raw; None where there is no text or no whole id."""
    post_id = digits(tweet.id_str) or digits(tweet.id)
    text = tweet.full_text or tweet.text
    if post_id is None or not isinstance(text, str) or not text.strip():
        return None
    return Post(
        id=post_id,
        handle=handle,
        text=text,
        created_at=time_of(post_id, tweet.created_at),
        kind=_kind(tweet, text),
        reply_to_id=digits(tweet.in_reply_to_status_id_str) or digits(tweet.in_reply_to_status_id),
        lang=language_code(tweet.lang),
        edit_of_id=edit_of_id,
    )


def digits(value: object) -> str | None:
    """An id as text if it is a whole number, given as text or as an integer; never through a float."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) and value < 10**20 else value
    if isinstance(text, str) and len(text) <= _ID_DIGITS and text.isascii() and text.isdigit():
        return text
    return None


def _kind(tweet: Tweet, text: str) -> PostKind:
    # Only archives of 2012-2018 flag retweets, and they have no `full_text`; manual retweets are left to cleaning.
    if tweet.retweeted_status or (tweet.full_text is not UNSET and _RETWEET.match(text)):
        return "retweet"
    if (
        tweet.in_reply_to_status_id_str
        or tweet.in_reply_to_status_id
        or tweet.in_reply_to_user_id_str
        or tweet.in_reply_to_user_id
        or text.startswith("@")
    ):
        return "reply"
    for link in tweet.entities.urls if tweet.entities else ():
        if isinstance(link.expanded_url, str) and _POST_LINK.match(link.expanded_url):
            return "quote"
    return "post"
