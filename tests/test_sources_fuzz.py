"""Any bytes in: posts or InputError out, and nothing else."""

import json
from pathlib import Path

import libipld
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.errors import InputError
from data.posts import Post
from data.settings import ImportSettings
from data.sources import SOURCES, read_posts
from tests.archives import Element, note, old_tweet, tweet, write_grailbird, write_x_archive, zip_folder
from tests.bluesky_archives import car_header, facet, link, record, section, write_car
from tests.other_archives import (
    ACTOR,
    EVERYONE,
    boost,
    channel,
    exported,
    tar_folder,
    tar_of,
    write_discord_export,
    write_discord_package,
    write_mastodon,
)

FUZZ = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
EDIT = st.tuples(
    st.sampled_from(["cut", "flip", "insert", "drop", "repeat"]),
    st.integers(0, 2**20),
    st.binary(min_size=1, max_size=12),
)

WHOLE = ["x.zip", "old.zip", "tweets.js", "ada.csv", "ada.jsonl", "ada.car", "mastodon.tar.gz", "mastodon.tar"]
WHOLE += ["outbox.json", "package.zip", "old_package.zip", "tea.json"]


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
    facets = [facet("See example.org/a...", "example.org/a...", link("https://example.org/abc"))]
    mastodon = write_mastodon(
        folder / "mastodon", ["<p>One &amp; <a href='https://x'>two</a></p>", boost(1), "<p>3</p>"]
    )
    kettle = [(channel(1), ["One <@123>", "Two"]), (channel(2, guild=None), ["Three"])]
    package = write_discord_package(folder / "package", kettle)
    old_package = write_discord_package(folder / "old_package", kettle, table=True)
    export = [exported("One", 1), exported("Two", 2), exported("Three", 3, "bo")]
    return {
        "ada.car": write_car(
            folder / "ada.car", ["One", record("See example.org/a...", 1, facets=facets)]
        ).read_bytes(),
        "mastodon.tar.gz": tar_folder(mastodon, folder / "mastodon.tar.gz").read_bytes(),
        "mastodon.tar": tar_folder(mastodon, folder / "mastodon.tar", mode="w").read_bytes(),
        "outbox.json": (mastodon / "outbox.json").read_bytes(),
        "package.zip": zip_folder(package, folder / "package.zip").read_bytes(),
        "old_package.zip": zip_folder(old_package, folder / "old_package.zip").read_bytes(),
        "tea.json": write_discord_export(folder / "tea.json", export).read_bytes(),
        "x.zip": zip_folder(x, folder / "x.zip").read_bytes(),
        "old.zip": zip_folder(old, folder / "old.zip").read_bytes(),
        "tweets.js": (x / "data" / "tweets.js").read_bytes(),
        "ada.csv": csv.encode(),
        "ada.jsonl": lines.encode(),
    }


@pytest.mark.parametrize("name", WHOLE)
def test_whole_files_are_read(tmp_path: Path, whole: dict[str, bytes], name: str) -> None:
    (tmp_path / name).write_bytes(whole[name])
    assert len(read_or_refuse(tmp_path / name)) >= 2


@pytest.mark.parametrize("name", WHOLE)
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


CAR = car_header()
TAR = tar_of({"outbox.json": b"{}"})


@pytest.mark.parametrize("format", [None, *SOURCES])
@FUZZ
@given(
    start=st.sampled_from(
        [b"", b"PK\x03\x04", b"window.YTD.tweets.part0 = [", b"Grailbird.data.tweets_2013_06 = ["]
    )
    | st.sampled_from([b"[{", b"id,text\n", b"text;id\n", b"\xef\xbb\xbf{"])
    | st.sampled_from([CAR, CAR + b"\x40", b"\x1f\x8b\x08\0", TAR[:512], b'{"orderedItems": [{']),
    content=st.binary(max_size=400)
    | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
)
def test_any_bytes(tmp_path: Path, format: str | None, start: bytes, content: bytes) -> None:  # noqa: A002
    path = tmp_path / "anything"
    path.write_bytes(start + content)
    read_or_refuse(path, format)


# What a value must be for the reader to look at those beside it.
EXPECTED = st.sampled_from(["Create", "Note", "Default", "Reply", "ada_example", ACTOR, EVERYONE])
SCALAR = EXPECTED | st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
VALUE = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = """
    id id_str text full_text tweet created_at date user username lang edit_info entities retweeted_status
    tweet_type in_reply_to_status_id isDeleted _type noteTweet core noteTweetId createdAt
    lifecycle account userInfo dataTypes
    type object orderedItems to cc content contentMap tag name inReplyTo attributedTo actor published summary
    guild channel messages author isBot mentions inlineEmojis reference messageId timestamp ID Contents Timestamp
"""
KEY = st.sampled_from(KEYS.split())
NESTED = st.dictionaries(KEY, VALUE, max_size=4)


def test_any_values_under_known_keys(tmp_path: Path) -> None:
    write_x_archive(tmp_path / "x", handle="ada_example")
    mastodon = write_mastodon(tmp_path / "mastodon")
    package = write_discord_package(tmp_path / "package")
    (messages,), (place,), (user,) = (
        list(package.rglob(f"{name}.json")) for name in ("messages", "channel", "user")
    )
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
        (mastodon / "outbox.json").write_text(f'{{"type": "OrderedCollection", "orderedItems": {text}}}')
        read_or_refuse(mastodon)
        messages.write_text(text)
        read_or_refuse(package)
        one = json.dumps(rows[0] if rows else [])
        (mastodon / "actor.json").write_text(one)
        place.write_text(one)
        user.write_text(one)
        read_or_refuse(mastodon)
        read_or_refuse(package)
        (tmp_path / "tea.json").write_text(f'{{"guild": {{"id": "1"}}, "channel": {{}}, "messages": {text}}}')
        read_or_refuse(tmp_path / "tea.json")

    read_all()


CBOR = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=20) | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def test_any_records_and_nodes_of_a_repository(tmp_path: Path) -> None:
    keys = "text langs createdAt reply embed facets root parent record uri index features byteStart byteEnd did"
    inside = st.dictionaries(st.sampled_from(keys.split()), CBOR, max_size=4)
    post = st.dictionaries(st.sampled_from(keys.split()), CBOR | inside | st.lists(inside, max_size=3), max_size=6)
    entry = st.dictionaries(st.sampled_from(["p", "k", "v", "t"]), CBOR | st.just(b"app.bsky.feed.post/3k"))

    @FUZZ
    @given(
        posts=st.lists(post, max_size=4), nodes=st.lists(st.lists(entry, max_size=3) | CBOR, max_size=3), rest=CBOR
    )
    def read_all(posts: list[Element], nodes: list[object], rest: object) -> None:
        blocks = [record("Tea.") | post for post in posts] + [{"e": node, "l": None} for node in nodes] + [rest]
        car = CAR + b"".join(section(libipld.encode_dag_cbor(block)) for block in blocks)
        (tmp_path / "ada.car").write_bytes(car)
        read_or_refuse(tmp_path / "ada.car")

    read_all()


@FUZZ
@given(
    block=st.binary(max_size=200),
    start=st.sampled_from([b"", b"\xa2\x61e", b"\xa3\x65$type\x72app.bsky.feed.post"]),
)
def test_any_bytes_in_a_block(tmp_path: Path, block: bytes, start: bytes) -> None:
    (tmp_path / "ada.car").write_bytes(CAR + section(start + block))
    read_or_refuse(tmp_path / "ada.car")
