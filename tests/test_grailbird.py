"""The archive of 2012-2018: months of JavaScript, tweets.csv in both column orders, old spellings."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from data.errors import InputError
from data.posts import Post
from data.settings import ImportSettings
from data.sources import Reading, read_posts
from tests.archives import old_tweet, write_grailbird, zip_folder

# Two rows each, the second a retweet; column orders of early 2013 and of 2013-2018.
EARLY_TABLE = (
    '"tweet_id","in_reply_to_status_id","in_reply_to_user_id","retweeted_status_id","retweeted_status_user_id",'
    '"timestamp","source","text","expanded_urls"\n'
    '"340000000000000001","","","","","2013-06-01 12:00:00 +0000","web","Said ""hi"",\nthen left","http://a,http://a"\n'
    '"340000000000000002","","","339000000000000000","7","2013-06-01 13:00:00 +0000","web","RT @bo: hm",""\n'
)
LATE_TABLE = (
    '"tweet_id","in_reply_to_status_id","in_reply_to_user_id","timestamp","source","text","retweeted_status_id",'
    '"retweeted_status_user_id","retweeted_status_timestamp","expanded_urls"\n'
    '"340000000000000001","","","2013-06-01 12:00:00 +0000","web","Said ""hi"",\nthen left","","","","http://a"\n'
    '"340000000000000002","","","2013-06-01 13:00:00 +0000","web","RT @bo: hm","339000000000000000","7","",""\n'
)


def read(path: Path, handle: str | None = None) -> tuple[Reading, list[Post]]:
    reading = read_posts(path, bounds=ImportSettings(), handle=handle)
    return reading, list(reading.posts)


@pytest.mark.parametrize("form", ["folder", "zip", "nested zip"])
def test_months_in_order(tmp_path: Path, form: str) -> None:
    months = {
        "2013_06": ["June &mdash; caf\u00e9 🦜"],
        "2012_11": ["November"],
        "2013_01": ["January", "January too"],
    }
    path = write_grailbird(tmp_path / "archive", months, handle="Ada_Example", table=LATE_TABLE)
    if form != "folder":
        path = zip_folder(path, tmp_path / "old.zip", top="old" if form == "nested zip" else "")
    reading, posts = read(path)
    assert (reading.handle, reading.format) == ("ada_example", "x-archive-2012")
    assert [post.text for post in posts] == ["November", "January", "January too", "June &mdash; café 🦜"]


def test_kinds_ids_and_both_spellings_of_time(tmp_path: Path) -> None:
    month = [
        old_tweet("Plain", 0),
        old_tweet("RT @bo_example: theirs", 1, retweeted_status={"text": "theirs, whole", "id": 3}),
        old_tweet("RT @bo_example: by hand, for cleaning to find", 2),
        old_tweet("@bo_example yes", 3, in_reply_to_status_id=9_007_199_254_740_993),
        old_tweet("Ancient", 4, id=123, id_str="123", created_at="Sat Feb 02 23:59:59 +0000 2008"),
        old_tweet("Old", 5, id=124, id_str="124", created_at="2009-02-02 00:00:00 +0000"),
    ]
    write_grailbird(tmp_path, {"2013_06": month})
    _, posts = read(tmp_path)
    assert [post.kind for post in posts] == ["post", "retweet", "post", "reply", "post", "post"]
    assert posts[3].reply_to_id == "9007199254740993"
    assert posts[0].created_at == datetime(2013, 6, 1, 12, 0, tzinfo=UTC)
    assert posts[4].created_at == datetime(2008, 2, 2, 23, 59, 59, tzinfo=UTC)
    assert posts[5].created_at == datetime(2009, 2, 2, tzinfo=UTC)


@pytest.mark.parametrize("table", [EARLY_TABLE, LATE_TABLE])
def test_the_table_in_both_column_orders(tmp_path: Path, table: str) -> None:
    write_grailbird(tmp_path, {}, table=table)
    reading, posts = read(tmp_path)
    assert (reading.handle, reading.format) == ("ada_example", "x-archive-2012")
    assert [(post.id, post.text, post.kind) for post in posts] == [
        ("340000000000000001", 'Said "hi",\nthen left', "post"),
        ("340000000000000002", "RT @bo: hm", "retweet"),
    ]
    assert all(post.created_at and post.created_at.year == 2013 for post in posts)


def test_a_lone_table_needs_a_handle(tmp_path: Path) -> None:
    path = tmp_path / "tweets.csv"
    path.write_text(EARLY_TABLE, encoding="utf-8", newline="")
    with pytest.raises(InputError, match="add --handle"):
        read(path)
    reading, posts = read(path, "ada_example")
    assert (reading.format, len(posts)) == ("x-archive-2012", 2)


def test_the_author_is_known_by_details_or_by_the_posts(tmp_path: Path) -> None:
    write_grailbird(tmp_path, {"2013_06": ["One", "Two"]}, details=False)
    reading, posts = read(tmp_path)
    assert (reading.handle, len(posts)) == ("ada_example", 2)
    assert read(tmp_path / "data" / "js" / "tweets" / "2013_06.js")[0].handle == "ada_example"
    write_grailbird(tmp_path, {})
    with pytest.raises(InputError, match="archive of @ada_example, not of @bo_example"):
        read(tmp_path, "bo_example")


def test_format_can_be_forced_and_then_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "notes.js").write_text("var x = 1", encoding="utf-8")
    with pytest.raises(InputError, match=r"holds neither data/js/tweets nor a tweets\.csv"):
        read_posts(tmp_path, bounds=ImportSettings(), format="x-archive-2012")
