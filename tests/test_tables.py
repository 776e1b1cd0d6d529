"""JSON lines, JSON lists and CSV from many tools: columns by name, authors told apart, damage found."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from data.errors import InputError
from data.posts import Post
from data.settings import ImportSettings
from data.sources import Reading, read_posts
from tests.archives import moment, snowflake, write_json_lines, zip_folder

ID = snowflake(moment(0))


def read(path: Path, handle: str | None = None, format: str | None = None) -> tuple[Reading, list[Post]]:  # noqa: A002
    reading = read_posts(path, bounds=ImportSettings(), handle=handle, format=format)
    return reading, list(reading.posts)


def table(path: Path, content: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(content.encode(encoding))
    return path


def test_collections_of_public_posts(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"id": ID, "created_at": "2022-03-01T12:00:00Z", "text": "One", "is_retweet": False, "lang": "en"},
        {"id": "9", "created_at": None, "text": "Two", "is_retweet": False, "lang": None, "tweet_type": "r:1951"},
        {"id": "10", "created_at": None, "text": "No mark", "is_retweet": True, "lang": "Tagalog"},
        {
            "id": "11",
            "created_at": None,
            "text": "RT @a: x",
            "is_retweet": True,
            "lang": "und",
            "tweet_type": "rt:5",
        },
        {"id": "12", "created_at": None, "text": "Four", "is_retweet": False, "lang": "en", "tweet_type": "Reply"},
    ]
    reading, posts = read(write_json_lines(tmp_path / "Ada_Example.jsonl", rows))
    assert (reading.handle, reading.format) == ("ada_example", "json-lines")
    assert [post.kind for post in posts] == ["post", "reply", "retweet", "retweet", "reply"]
    assert [post.lang for post in posts] == ["en", None, None, "und", "en"]
    assert posts[0].created_at == moment(0)
    assert posts[1].reply_to_id is None  # the id in `r:` is a person's


def test_snscrape_lines(tmp_path: Path) -> None:
    def line(text: str, user: str = "Ada_Example", **more: Any) -> dict[str, Any]:
        kind = "snscrape.modules.twitter.Tweet"
        return {"_type": kind, "id": int(ID) + len(text), "date": "2022-03-01T12:00:00+00:00", "rawContent": text,
                "renderedContent": "shown", "user": {"_type": "snscrape.modules.twitter.User", "username": user},
                "retweetedTweet": None, "quotedTweet": None, "inReplyToTweetId": None, **more}  # fmt: skip

    rows = [
        line("Plain"),
        line("A reply", inReplyToTweetId=int(ID)),
        line("RT @x: y", retweetedTweet={"id": 1}),
        line("A quoting post", quotedTweet={"id": 1}),
        line("Someone else entirely", user="bo_example"),
        {"_type": "snscrape.modules.twitter.Tombstone", "id": 5},
    ]
    reading, posts = read(write_json_lines(tmp_path / "search.jsonl", rows), "ada_example")
    assert [post.kind for post in posts] == ["post", "reply", "retweet", "quote"]
    assert posts[1].reply_to_id == ID
    assert posts[0].id == str(int(ID) + 5)
    assert reading.skipped == {"other authors": 1, "not posts": 1}
    with pytest.raises(InputError, match="posts by @ada_example and @bo_example; choose by --handle"):
        read(tmp_path / "search.jsonl")
    with pytest.raises(InputError, match=r"no posts by @cy_example, but by @ada_example, @bo_example"):
        read(tmp_path / "search.jsonl", "cy_example")


@pytest.mark.parametrize("indent", [None, 2])
def test_json_lists_and_indented_objects(tmp_path: Path, indent: int | None) -> None:
    trump_archive = {"source": "Web", "id_str": ID, "text": "One", "created_at": "Tue Mar 01 12:00:00 +0000 2022",
                     "is_retweet": False, "in_reply_to_user_id_str": None}  # fmt: skip
    wrapped = {"tweet": {"id_str": "7", "full_text": "Two"}}
    path = tmp_path / "ada_example.json"
    path.write_text(json.dumps([trump_archive, wrapped], indent=indent), encoding="utf-8-sig")
    assert [post.text for post in read(path)[1]] == ["One", "Two"]
    path.write_text(
        json.dumps(trump_archive, indent=indent) + json.dumps(wrapped, indent=indent), encoding="utf-8"
    )
    reading, posts = read(path)
    assert [post.text for post in posts] == ["One", "Two"]
    assert reading.format == "json-lines"


def test_twint(tmp_path: Path) -> None:
    content = (
        "id,conversation_id,created_at,date,time,timezone,user_id,username,name,tweet,mentions,retweet,quote_url,"
        f"reply_to\n{ID},{ID},2022-03-01 04:00:00 PST,2022-03-01,04:00:00,PST,1,ada_example,Ada,"
        "Look pic.twitter.com/x,[],False,,[]\n"
        f"{int(ID) + 1},{ID},1646136000000,2022-03-01,04:00:00,PST,1,ada_example,Ada,@bo yes,['bo'],False,,[]\n"
        f"{int(ID) + 2},{ID},1646136000000,2022-03-01,04:00:00,PST,1,ada_example,Ada,theirs,[],True,,[]\n"
        f"{int(ID) + 3},{ID},1646136000000,2022-03-01,04:00:00,PST,1,ada_example,Ada,See,[],False,https://x.com/a,[]\n"
    )
    reading, posts = read(table(tmp_path / "out.csv", content))
    assert (reading.handle, reading.format) == ("ada_example", "csv")
    assert [post.kind for post in posts] == ["post", "reply", "retweet", "quote"]
    assert {post.created_at for post in posts} == {moment(0)}  # by the id, not the scraper's local time


def test_trump_archive_table(tmp_path: Path) -> None:
    content = (
        "id,text,isRetweet,isDeleted,device,favorites,retweets,date,isFlagged\n"
        f'{ID},"One, with ""quotes""",f,f,Phone,1,2,2022-03-01 07:00:00,f\n'
        "98454970654916608,Two,t,f,Phone,1,2,2011-08-02 18:07:48,f\n"
        "98454970654916609,Three,f,t,Phone,1,2,2011-08-02 18:07:48,f\n"
    )
    reading, posts = read(table(tmp_path / "ada_example.csv", content))
    assert [(post.text, post.kind) for post in posts] == [('One, with "quotes"', "post"), ("Two", "retweet")]
    assert posts[0].created_at == moment(0)
    assert reading.skipped == {"deleted": 1}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_vicinitas_with_any_delimiter_and_newline(tmp_path: Path, delimiter: str, newline: str) -> None:
    rows = [
        ["Tweet Id", "Text", "Name", "Screen Name", "Created At", "Retweets", "Language", "Tweet Type"],
        [f'"""{ID}"""', "One", "Ada", "Ada_Example", "Tue Mar 01 12:00:00 +0000 2022", "5", "English", "Tweet"],
        ["8", "Two", "Ada", "Ada_Example", "", "0", "en", "Retweet"],
        ["9", "Three", "Ada", "Ada_Example", "", "0", "en", "Reply"],
        ["10", "Four", "Ada", "Ada_Example", "", "0", "en", "Quote"],
    ]
    reading, posts = read(table(tmp_path / "x.csv", newline.join(map(delimiter.join, rows)), "utf-8-sig"))
    assert reading.handle == "ada_example"
    assert [post.kind for post in posts] == ["post", "retweet", "reply", "quote"]
    assert (posts[0].id, posts[0].lang, posts[1].lang) == (ID, None, "en")


def test_bytes_written_as_python_literals_are_decoded(tmp_path: Path) -> None:
    content = (
        "id,created_at,text\n"
        "1,2022-03-01 12:00:00,b'wait\\xe2\\x80\\xa6 it\\'s \\xf0\\x9f\\xa6\\x9c'\n"
        '2,2022-03-01 12:00:00,"b""it\'s"""\n'
        "3,2022-03-01 12:00:00,b'unfinished\n"
        "4,2022-03-01 12:00:00,b'\\q' or not b'\n"
    )
    _, posts = read(table(tmp_path / "ada.csv", content))
    assert [post.text for post in posts] == ["wait… it's 🦜", "it's", "b'unfinished", "b'\\q' or not b'"]


@pytest.mark.parametrize("bad", ["7.84609E+17", "7,84609E+17", "7.846094561e+17", "784609456112345678.0"])
def test_ids_that_went_through_a_float_are_refused(tmp_path: Path, bad: str) -> None:
    with pytest.raises(InputError, match=r"were rounded by a spreadsheet or a script; export the posts again"):
        read(table(tmp_path / "ada.csv", f'id,text\n1,fine\n"{bad}",broken\n'))


def test_a_float_in_json_is_as_lost(tmp_path: Path) -> None:
    path = tmp_path / "ada.jsonl"
    path.write_text('{"id": 7.84609e+17, "text": "broken"}', encoding="utf-8")
    with pytest.raises(InputError, match=r"Ids such as 7\.84609e\+17 were rounded"):
        read(path)


def test_ids_cut_to_fifteen_digits_are_refused(tmp_path: Path) -> None:
    rows = "".join(f"78460945611234{n}000,post\n" for n in range(5))
    with pytest.raises(InputError, match="were rounded by a spreadsheet"):
        read(table(tmp_path / "ada.csv", "id,text\n" + rows))
    fine = "784609456112345678,one that is whole\n"
    assert len(read(table(tmp_path / "ada.csv", "id,text\n" + fine + rows))[1]) == 6


def test_small_float_ids_and_missing_ids_are_usable_and_stable(tmp_path: Path) -> None:
    path = table(tmp_path / "ada.csv", "id,text\n12.0,One\n,Two\n,Three\n")
    first, again = read(path)[1], read(path)[1]
    assert first == again
    assert first[0].id == "12"
    assert len({post.id for post in first}) == 3


@pytest.mark.parametrize("garbled", ["don‰Ûªt", "wait äó_", "donâ€™t", "don\u201aÄôt", "cafÃ©", "ðŸ\u02dc€"])
def test_garbled_text_is_refused_but_a_quoted_example_is_not(tmp_path: Path, garbled: str) -> None:
    rows: list[dict[str, object]] = [{"id": n, "text": f"{garbled} number {n}"} for n in range(1, 4)]
    with pytest.raises(InputError, match="saved in a wrong encoding"):
        read(write_json_lines(tmp_path / "ada.jsonl", rows))
    fine: list[dict[str, object]] = [
        {"id": n, "text": "São Paulo, não, ‰ and \u201aquotes\u2018"} for n in range(10, 300)
    ]
    assert len(read(write_json_lines(tmp_path / "ada.jsonl", fine + rows))[1]) == 293


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "mac_roman"])
def test_wrong_encodings_are_refused(tmp_path: Path, encoding: str) -> None:
    path = table(tmp_path / "ada.csv", "id,text\n1,café\n", encoding)
    with pytest.raises(InputError, match=r"ada\.csv is not UTF-8 text, or is damaged; save it again as UTF-8"):
        read(path)


@pytest.mark.parametrize("name", ["ada.csv", "ada.jsonl"])
def test_utf_16_is_named(tmp_path: Path, name: str) -> None:
    content = "id,text\n1,hello\n" if name == "ada.csv" else '{"id": "1", "text": "hello"}'
    for encoding in ("utf-16", "utf-16-le"):
        with pytest.raises(InputError, match=r"not UTF-8 \(it looks like UTF-16\)"):
            read(table(tmp_path / name, content, encoding))


def test_rows_that_do_not_fit_the_header(tmp_path: Path) -> None:
    content = "id,text\n1,One\n\n2,Two,too many\n3\n4,Four\n"
    reading, posts = read(table(tmp_path / "ada.csv", content))
    assert [post.text for post in posts] == ["One", "Four"]
    assert reading.skipped == {"without text": 2}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("id,text,date\n1,One,2022\n2,Tw", "cut off in the middle of its last row"),
        ('id,text\n1,One\n2,"Two', "not sound CSV near line"),
        ('id,text\n1,"One" more\n', "not sound CSV near line"),
        ("id,text\n", "holds no rows"),
        ("id,text\n1,\n2,\n", "no column of texts among id, text"),
    ],
)
def test_damaged_tables(tmp_path: Path, content: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        read(table(tmp_path / "ada.csv", content))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ('{"text": "One"}\n{"text": "Tw', "cut off after entry 1"),
        ('[{"text": "One"}, {"text": "Two"}', "cut off after entry 2"),
        ('[{"text": "One"},', "cut off after entry 1"),
        ('[{"text": "One"}] {"text": "Two"}]', "no list of posts, after entry 1"),
        ('[{"text": "One"} {"text": "Two"}]', "no list of posts, after entry 1"),
        ('{"text": "One"}\n{text: "Two"}', "no list of posts, after entry 1"),
        ('{"name": "One"}', "no column of texts among name"),
        ("", "is empty"),
    ],
)
def test_damaged_json(tmp_path: Path, content: str, sentence: str) -> None:
    path = tmp_path / "ada.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=sentence):
        read(path)


def test_names_that_name_nobody_ask_for_a_handle(tmp_path: Path) -> None:
    for name in ("tweets.csv", "no name!.csv"):
        with pytest.raises(InputError, match="doesn't say whose posts these are; add --handle"):
            read(table(tmp_path / name, "id,text\n1,One\n"))


def test_one_table_in_a_folder_or_zip_is_found_and_two_are_not(tmp_path: Path) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    table(folder / "ada_example.csv", "id,text\n1,One\n")
    (folder / "readme.txt").write_text("hello", encoding="utf-8")
    assert read(folder)[0].handle == "ada_example"
    assert read(zip_folder(folder, tmp_path / "export.zip"))[0].handle == "ada_example"
    table(folder / "bo_example.csv", "id,text\n1,One\n")
    with pytest.raises(InputError, match="nothing Mynah can read posts from"):
        read(folder)
    with pytest.raises(InputError, match="exactly one CSV file"):
        read(folder, format="csv")
    with pytest.raises(InputError, match="exactly one JSON file"):
        read(folder, format="json-lines")


def test_content_decides_and_format_overrides(tmp_path: Path) -> None:
    path = table(tmp_path / "ada_example.json", "id,text\n1,One\n")
    assert read(path)[0].format == "csv"
    with pytest.raises(InputError, match="does not begin as JSON does"):
        read(path, format="json-lines")


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("2013-06-09 17:42:42 +0000", datetime(2013, 6, 9, 17, 42, 42, tzinfo=UTC)),
        ("2013-06-09T19:42:42+02:00", datetime(2013, 6, 9, 17, 42, 42, tzinfo=UTC)),
        ("2013-06-09T17:42:42.123Z", datetime(2013, 6, 9, 17, 42, 42, tzinfo=UTC)),
        ("2013-06-09 17:42:42 UTC", datetime(2013, 6, 9, 17, 42, 42, tzinfo=UTC)),
        ("2013-06-09", datetime(2013, 6, 9, tzinfo=UTC)),
        ("Sun Jun 09 17:42:42 +0000 2013", datetime(2013, 6, 9, 17, 42, 42, tzinfo=UTC)),
        (1370799762, datetime(2013, 6, 9, 17, 42, 42, tzinfo=UTC)),
        ("1370799762000", datetime(2013, 6, 9, 17, 42, 42, tzinfo=UTC)),
        ("9/6/13 17:42", None),
        ("0001-01-01T00:00:00+14:00", None),
        (10**30, None),
        (True, None),
        ([], None),
    ],
)
def test_times(tmp_path: Path, stated: object, expected: datetime | None) -> None:
    _, posts = read(write_json_lines(tmp_path / "ada.jsonl", [{"id": "7", "created_at": stated, "text": "One"}]))
    assert posts[0].created_at == expected
