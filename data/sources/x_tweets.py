"""One tweet object, as both of X's archive formats hold it (API 1.1 without its frills), made into a Post."""

import re
from collections.abc import Mapping

from data.posts import Post, PostKind, language_code
from data.sources.json_stream import as_object
from data.sources.times import time_of

# The only mark of a retweet since 2018: `retweeted` is false in every archive, also on real retweets.
_RETWEET = re.compile(r"RT @\w{1,20}:")
_REPLY_MARKS = [f"in_reply_to_{key}" for key in ("status_id_str", "status_id", "user_id_str", "user_id")]
_POST_LINK = re.compile(r"https?://(?:\w+\.)?(?:twitter|x)\.com/\w+/status/\d+")
_ID_DIGITS = 20  # at most


def post_from_tweet(tweet: Mapping[str, object], handle: str, edit_of_id: str | None = None) -> Post | None:
    """The post, its text raw; None where there is no text or no whole id."""
    post_id = digits(tweet.get("id_str")) or digits(tweet.get("id"))
    text = tweet.get("full_text") or tweet.get("text")
    if post_id is None or not isinstance(text, str) or not text.strip():
        return None
    return Post(
        id=post_id,
        handle=handle,
        text=text,
        created_at=time_of(post_id, tweet.get("created_at")),
        kind=_kind(tweet, text),
        reply_to_id=digits(tweet.get("in_reply_to_status_id_str")) or digits(tweet.get("in_reply_to_status_id")),
        lang=language_code(tweet.get("lang")),
        edit_of_id=edit_of_id,
    )


def digits(value: object) -> str | None:
    """An id as text if it is a whole number, given as text or as an integer; never through a float."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) and value < 10**20 else value
    if isinstance(text, str) and len(text) <= _ID_DIGITS and text.isascii() and text.isdigit():
        return text
    return None


def _kind(tweet: Mapping[str, object], text: str) -> PostKind:
    # Only archives of 2012-2018 flag retweets, and they have no `full_text`; manual retweets are left to cleaning.
    if tweet.get("retweeted_status") or ("full_text" in tweet and _RETWEET.match(text)):
        return "retweet"
    if any(map(tweet.get, _REPLY_MARKS)) or text.startswith("@"):
        return "reply"
    links = as_object(tweet.get("entities")).get("urls")
    for link in links if isinstance(links, list) else []:
        expanded = as_object(link).get("expanded_url")
        if isinstance(expanded, str) and _POST_LINK.match(expanded):
            return "quote"
    return "post"
