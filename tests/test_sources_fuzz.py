"""Any bytes in: posts or InputError out, and nothing else."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.errors import InputError
from data.posts import Post
from data.settings import ImportSettings
from data.sources import SOURCES, read_posts
from tests.archives import Element, note, old_tweet, tweet, write_grailbird, write_x_archive, zip_folder

FUZZ = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
EDIT = st.tuples(
    st.sampled_from(["cut", "flip", "insert", "drop", "repeat"]),
    st.integers(0, 2**20),
    st.binary(min_size=1, max_size=12),
)


def read_or_refuse(path: Path, format: str | None = None) -> list[Post]:  # noqa: A002
    """Checks what every post must be; InputError is the only way to fail."""
    try:
        reading = read_posts(path, bounds=ImportSettings(), handle="ada_example", format=format)
        posts = list(reading.posts)
    except InputError as error:
        sentence = str(error)
        assert sentence.endswith(".")
        assert sentence.isprintable()
        return []
    for post in posts:
        post.text.encode("utf-8")
        assert "\0" not in post.text
        assert 0 < len(post.id) <= 200
        assert post.id.isprintable()
        assert post.created_at is None or post.created_at.utcoffset() is not None
    assert len({post.id for post in posts}) == len(posts)
    return posts


def damaged(content: bytes, edits: list[tuple[str, int, bytes]]) -> bytes:
    for kind, at, extra in edits:
        at %= len(content) + 1
        if kind == "cut":
            content = content[:at]
        elif kind == "flip":
            flipped = bytes(byte ^ mask for byte, mask in zip(content[at:], extra, strict=False))
            content = content[:at] + flipped + content[at + len(extra) :]
        elif kind == "insert":
            content = content[:at] + extra + content[at:]
        elif kind == "drop":
            content = content[:at] + content[at + len(extra) :]
        else:
            content = content[:at] + content[max(0, at - 40) : at] * 3 + content[at:]
    return content


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """One small valid file of every kind."""
    folder = tmp_path_factory.mktemp("whole")
    posts: list[str | Element] = [
        "One &amp; two",
        tweet("RT @bo_example: x", 1),
        tweet("A long one" * 20 + "…", 2),
    ]
    x = write_x_archive(folder / "x", posts, notes=[note("A long one" * 40, 2)], handle="ada_example")
    old = write_grailbird(folder / "old", {"2013_06": ["One 🦜", old_tweet("Two", 1)]}, handle="ada_example")
    csv = "id,created_at,username,text,isRetweet\n" + "".join(
        f'{n},2022-03-01 12:00:00,ada_example,"Said ""{n}"",\nthen left",f\n' for n in range(1, 5)
    )
    lines = "".join(
        f'{{"id": {n}, "date": "2022-03-01", "text": "Line \\ud83e\\udd9c {n}"}}\n' for n in range(1, 5)
    )
    return {
        "x.zip": zip_folder(x, folder / "x.zip").read_bytes(),
        "old.zip": zip_folder(old, folder / "old.zip").read_bytes(),
        "tweets.js": (x / "data" / "tweets.js").read_bytes(),
        "ada.csv": csv.encode(),
        "ada.jsonl": lines.encode(),
    }


@pytest.mark.parametrize("name", ["x.zip", "old.zip", "tweets.js", "ada.csv", "ada.jsonl"])
def test_whole_files_are_read(tmp_path: Path, whole: dict[str, bytes], name: str) -> None:
    (tmp_path / name).write_bytes(whole[name])
    assert len(read_or_refuse(tmp_path / name)) >= 2


@pytest.mark.parametrize("name", ["x.zip", "old.zip", "tweets.js", "ada.csv", "ada.jsonl"])
@FUZZ
@given(edits=st.lists(EDIT, min_size=1, max_size=4))
def test_damaged_files(
    tmp_path: Path, whole: dict[str, bytes], name: str, edits: list[tuple[str, int, bytes]]
) -> None:
    (tmp_path / name).write_bytes(damaged(whole[name], edits))
    read_or_refuse(tmp_path / name)


@pytest.mark.parametrize(
    "member", ["tweets.js", "note-tweet.js", "account.js", "screen-name-change.js", "manifest.js"]
)
def test_damaged_members(tmp_path: Path, member: str) -> None:
    write_x_archive(
        tmp_path, ["One", "Two"], notes=[note("Long", 1)], former_handles=["ada_example"], handle="ada_new"
    )
    file = tmp_path / "data" / member
    content = file.read_bytes()

    @FUZZ
    @given(edits=st.lists(EDIT, min_size=1, max_size=4))
    def damage(edits: list[tuple[str, int, bytes]]) -> None:
        file.write_bytes(damaged(content, edits))
        read_or_refuse(tmp_path)

    damage()


@pytest.mark.parametrize("format", [None, *SOURCES])
@FUZZ
@given(
    start=st.sampled_from(
        [b"", b"PK\x03\x04", b"window.YTD.tweets.part0 = [", b"Grailbird.data.tweets_2013_06 = ["]
    )
    | st.sampled_from([b"[{", b"id,text\n", b"text;id\n", b"\xef\xbb\xbf{"]),
    content=st.binary(max_size=400)
    | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
)
def test_any_bytes(tmp_path: Path, format: str | None, start: bytes, content: bytes) -> None:  # noqa: A002
    path = tmp_path / "anything"
    path.write_bytes(start + content)
    read_or_refuse(path, format)


SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
VALUE = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = """
    id id_str text full_text tweet created_at date user username lang edit_info entities retweeted_status
    tweet_type in_reply_to_status_id isDeleted _type noteTweet core noteTweetId createdAt
    lifecycle account userInfo dataTypes
"""
KEY = st.sampled_from(KEYS.split())
NESTED = st.dictionaries(KEY, VALUE, max_size=4)


def test_any_values_under_known_keys(tmp_path: Path) -> None:
    write_x_archive(tmp_path / "x", handle="ada_example")
    month = tmp_path / "old" / "data" / "js" / "tweets" / "2013_06.js"
    write_grailbird(tmp_path / "old", {"2013_06": []})

    @FUZZ
    @given(
        rows=st.lists(
            st.dictionaries(KEY, VALUE | st.dictionaries(KEY, VALUE, max_size=4), max_size=6), max_size=5
        )
    )
    def read_all(rows: list[dict[str, object]]) -> None:
        text = json.dumps(rows)
        (tmp_path / "ada.json").write_text(text, encoding="utf-8")
        month.write_text(f"Grailbird.data.tweets_2013_06 = {text}", encoding="utf-8")
        for member in ("tweets", "note-tweet", "account", "screen-name-change", "manifest"):
            name = f"window.YTD.{member.replace('-', '_')}.part0"
            (tmp_path / "x" / "data" / f"{member}.js").write_text(f"{name} = {text}", encoding="utf-8")
        for path in (tmp_path / "ada.json", tmp_path / "x", tmp_path / "old"):
            read_or_refuse(path)

    read_all()
