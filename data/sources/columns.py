"""What the columns of tables and JSON objects mean: many tools, each with its own names for the same things."""

import ast
import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache

from data.errors import InputError
from data.posts import Post, PostKind, language_code, normalise_handle
from data.sources.json_stream import as_object
from data.sources.times import time_of
from data.sources.x_tweets import digits

Row = Mapping[str, object]  # by plain column name

# Plain spelling: `Tweet Id`, `tweet_id` and `tweetId` are all `tweetid`. The first that holds something counts.
TEXT_COLUMNS = ("fulltext", "rawcontent", "text", "tweet", "tweettext", "content", "body")
_ID_COLUMNS = ("idstr", "id", "tweetid", "statusid", "postid")
_TIME_COLUMNS = ("createdat", "date", "timestamp", "datetime", "time")
_AUTHOR_COLUMNS = ("username", "screenname", "userscreenname", "authorusername", "handle")
_RETWEET_COLUMNS = ("isretweet", "retweet", "retweetedtweet", "retweetedstatus", "retweetedstatusid")
_QUOTE_COLUMNS = ("quotedtweet", "quotedstatusid", "quotedstatusidstr", "quoteurl", "isquotestatus", "isquote")
_PARENT_COLUMNS = ("inreplytostatusidstr", "inreplytostatusid", "inreplytotweetid", "replytoid")
_REPLY_COLUMNS = (
    *_PARENT_COLUMNS,
    "inreplytouseridstr",
    "inreplytouserid",
    "inreplytouser",
    "inreplytoscreenname",
)

_RETWEET = re.compile(r"RT @\w{1,20}:")
_NOTHING = {"", "0", "f", "false", "no", "none", "null", "nan", "[]", "{}"}
# A number that went through a float: 7.84609E+17, 1096442292527874000.0
_FLOAT = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+[0-9]+|[0-9]{16,}\.0*")
# repr() of bytes, as Python scripts write it by mistake. Only what repr makes, so that evaluating can't go wrong.
_BYTES = re.compile(
    r"""b(?:'(?:[^'\\\n\r]|\\[nrt'"\\]|\\x[0-9a-f]{2})*'|"(?:[^"\\\n\r]|\\[nrt'"\\]|\\x[0-9a-f]{2})*")"""
)


def plain(name: str) -> str:
    """A column's name in lower case without anything but letters and digits."""
    return _plain(name[:100])  # the cache keeps what it is asked for


@lru_cache(maxsize=4096)
def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


def text_of(row: Row) -> str | None:
    """The post's raw text, a Python bytes literal decoded; None where there is none."""
    for column in TEXT_COLUMNS:
        text = row.get(column)
        if isinstance(text, str) and text.strip():
            return _decoded(text) if text.startswith("b") and _BYTES.fullmatch(text) else text
    return None


def author_of(row: Row) -> str | None:
    """The author's handle, where a column names one."""
    user = {plain(key): value for key, value in as_object(row.get("user")).items()}
    for column in _AUTHOR_COLUMNS:
        name = user.get(column) or row.get(column)
        if isinstance(name, str) and name.strip():
            try:
                return normalise_handle(name)
            except InputError:
                return None
    return None


def is_deleted(row: Row) -> bool:
    """Whether the author deleted it, as some tools record."""
    return _is_something(row.get("isdeleted")) or _is_something(row.get("deletedat"))


def is_no_post(row: Row) -> bool:
    """snscrape's lines about posts that could not be had (tombstones, references)."""
    kind = row.get("type")
    return isinstance(kind, str) and kind.startswith("snscrape.") and not kind.endswith(".Tweet")


def post_from_row(row: Row, text: str, handle: str) -> Post:
    """The post of a row. Raises InputError where its id went through a spreadsheet or a float and was rounded."""
    stated = next((row[column] for column in _TIME_COLUMNS if _is_something(row.get(column))), None)
    post_id = _id_of(row) or hashlib.sha256(f"{stated}\n{text}".encode("utf-8", "replace")).hexdigest()[:16]
    return Post(
        id=post_id,
        handle=handle,
        text=text,
        created_at=time_of(post_id, stated),
        kind=_kind(row, text),
        reply_to_id=next((parent for column in _PARENT_COLUMNS if (parent := digits(row.get(column)))), None),
        lang=language_code(row.get("lang") or row.get("language")),
    )


def _id_of(row: Row) -> str | None:
    for column in _ID_COLUMNS:
        value = row.get(column)
        text = str(value).strip("\t =\"'") if isinstance(value, str | int) and not isinstance(value, bool) else ""
        if _FLOAT.fullmatch(text):
            raise InputError(
                f"Ids such as {text[:40]} were rounded by a spreadsheet or a script; export the posts again "
                "with their ids as text."
            )
        if _is_something(text) and len(text) <= 200 and text.isprintable():
            return text.removesuffix(".0")
    return None


def _kind(row: Row, text: str) -> PostKind:
    # `r:<user id>` and `rt:<post id>` are short forms of some collections.
    stated = str(row.get("tweettype") or "").lower()
    flags = [row[column] for column in _RETWEET_COLUMNS if column in row]
    is_flagged = bool(flags or stated)
    if any(map(_is_something, flags)) or stated == "retweet" or stated.startswith("rt:"):
        return "retweet"
    if not is_flagged and _RETWEET.match(text):
        return "retweet"
    if stated == "reply" or stated.startswith("r:") or text.startswith("@") or _any(row, _REPLY_COLUMNS):
        return "reply"
    return "quote" if stated == "quote" or _any(row, _QUOTE_COLUMNS) else "post"


def _any(row: Row, columns: tuple[str, ...]) -> bool:
    return any(_is_something(row.get(column)) for column in columns)


def _is_something(value: object) -> bool:
    """Whether a cell says anything; tools write nothing in many ways."""
    return value.strip().lower() not in _NOTHING if isinstance(value, str) else bool(value)


def _decoded(text: str) -> str:
    literal = ast.literal_eval(text)
    assert isinstance(literal, bytes)
    return literal.decode("utf-8", "replace")
