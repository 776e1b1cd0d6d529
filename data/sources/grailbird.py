"""The archive that Twitter made from 2012 to 2018 ("Grailbird"): one JavaScript file a month, and tweets.csv.

The months say more than the table, so the table is read only where they are missing.
"""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain

from data.errors import InputError
from data.posts import Post, normalise_handle
from data.sources.json_stream import as_object, assigned_name, shaped_entries, small_object
from data.sources.reading import Reading
from data.sources.rows import read_rows
from data.sources.tables import header_of, table_rows
from data.sources.tree import Tree
from data.sources.x_tweets import TWEETS, Tweet, post_from_tweet

_MONTH = re.compile(r"(?:.*/)?data/js/tweets/\d{4}_\d{2}\.js")
_MONTH_NAME = re.compile(r"Grailbird\.data\.tweets_\d{4}_\d{2}")
_TABLE = re.compile(r"(?:.*/)?tweets\.csv")
_TABLE_COLUMNS = {"tweetid", "timestamp", "source", "text", "retweetedstatusid", "expandedurls"}
_DETAILS = re.compile(r"(?:.*/)?user_details\.js")


class Grailbird:
    """`data.sources.reading.Source` for 2012 to 2018."""

    name = "x-archive-2012"

    def recognises(self, tree: Tree) -> bool:
        return bool(_months(tree) or _tables(tree))

    def read(self, tree: Tree, wanted: str | None) -> Reading:
        said = _owner(tree)
        if said and wanted and said != wanted:
            raise InputError(
                f"{tree.label} is the archive of @{said}, not of @{wanted}; leave --handle out or correct it."
            )
        handle = wanted or said
        if months := _months(tree):
            reading = self._read_months(tree, months, handle)
            reading.proven = said is not None
            return reading
        tables = _tables(tree)
        if not tables:
            raise InputError(
                f"{tree.label} holds neither data/js/tweets nor a tweets.csv; give the whole archive."
            )
        tree.expect(tables[0])
        if handle is None:
            raise _nameless(tree)
        return read_rows(table_rows(tree, tables[0]), tree, tables[0], handle, self.name)

    def _read_months(self, tree: Tree, months: list[str], handle: str | None) -> Reading:
        tree.expect(*months)
        skipped: Counter[str] = Counter()
        tweets: Iterator[Tweet] = (
            tweet for name in months for tweet in shaped_entries(tree.open(name), name, TWEETS)
        )
        if handle is None:  # every tweet carries its author
            first = next(tweets, Tweet())
            name = as_object(first.user).get("screen_name")
            if not isinstance(name, str) or len(name) > 100:
                raise _nameless(tree)
            handle = normalise_handle(name)
            tweets = chain([first], tweets)
        return Reading(handle, self.name, _posts(tweets, handle, skipped), tree, skipped)


def _posts(tweets: Iterator[Tweet], handle: str, skipped: Counter[str]) -> Iterator[Post]:
    for tweet in tweets:
        post = post_from_tweet(tweet, handle)
        if post is None:
            skipped["without text"] += 1
        else:
            yield post


def _months(tree: Tree) -> list[str]:
    names = [tree.single] if tree.single else sorted(name for name in tree.names if _MONTH.fullmatch(name))
    return [name for name in names if _MONTH_NAME.fullmatch(assigned_name(tree.head(name)) or "")]


def _tables(tree: Tree) -> list[str]:
    names = [tree.single] if tree.single else [name for name in tree.names if _TABLE.fullmatch(name)]
    return [name for name in names if header_of(tree.head(name)) >= _TABLE_COLUMNS]


def _owner(tree: Tree) -> str | None:
    names = set()
    for member in tree.names:
        if _DETAILS.fullmatch(member):
            name = small_object(tree.open(member), member).get("screen_name")
            if isinstance(name, str) and len(name) < 100:
                names.add(normalise_handle(name))
    if len(names) > 1:
        raise InputError(f"{tree.label} holds the archives of several accounts; import them one by one.")
    return names.pop() if names else None


def _nameless(tree: Tree) -> InputError:
    return InputError(f"{tree.label} doesn't say whose posts these are; add --handle with the account's name.")
