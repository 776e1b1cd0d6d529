"""Repositories, outboxes and packages made to hurt: each ends in one clear sentence, with little memory."""

import io
import json
import tarfile
import time
import tracemalloc
from pathlib import Path

import libipld
import pytest

from data.settings import ImportSettings
from data.sources import read_posts
from data.sources.columns import plain
from data.sources.markup import text_from_discord, text_from_html
from tests.archives import Element
from tests.bluesky_archives import block_name, car_header, record, repository, section, tid, write_car
from tests.other_archives import (
    channel,
    note_activity,
    tar_folder,
    write_discord_package,
    write_mastodon,
)
from tests.test_hostile_input import read, refused
from tests.test_hostile_tars import OUTBOX, tar_gz

# --- repositories


def varint(length: int) -> bytes:
    prefix = b""
    while length > 0x7F:
        prefix += bytes([length & 0x7F | 0x80])
        length >>= 7
    return prefix + bytes([length])


TEA = libipld.encode_dag_cbor(record("Tea."))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (car_header() + section(TEA) + section(TEA)[:-1], "is cut off after block 1; download or copy it again"),
        (car_header() + section(TEA) + b"\x80", "is cut off after block 1"),
        (
            car_header() + section(TEA) + section(TEA, block_name(b"x")),
            "is damaged, or no repository of Bluesky, after",
        ),
        (
            car_header() + section(TEA).replace(b"Tea", b"Pea"),
            "is damaged, or no repository of Bluesky, after block 0",
        ),
        (car_header() + b"\xff" * 64, "is damaged"),
        (car_header() + varint(1 << 40) + b"a" * 100, "is damaged"),
        (car_header() + varint(2 << 20) + b"a" * (2 << 20), "is damaged"),
        (car_header() + varint(0) + section(TEA), "is damaged"),
        (car_header() + varint(10) + b"a" * 10, "is damaged"),
        (car_header(version=2) + section(TEA), "is damaged, or no repository of Bluesky, after block 0"),
        (car_header()[:20], "is cut off after block 0"),
        (b"\xff\x3f\xa2\x65roots" + b"\x81" * 0x1FF8, "is damaged"),
    ],
)
def test_damaged_repositories(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "repo.car"
    path.write_bytes(content)
    with refused(rf"repo\.car {sentence}"):
        read(path)


@pytest.mark.parametrize(
    "block",
    [
        b"\x81" * (1 << 20),
        b"\xa1\x61a" * 300_000,
        b"\xa2\x61e\x9b" + b"\xff" * 8,
        b"\xa2\x61e\xbb\x10" + bytes(7),
        b"\xa2\x61e\x9a\x00\x03\x00\x00" + b"\x80" * 0x030000,
        b"\xa3\x65$type\x72app.bsky.feed.post\x64text\x7b" + b"\xff" * 8,
        b"\xa3\x65$type\x72app.bsky.feed.post\x64text\x62\xff\xff",
        b"",
    ],
)
def test_blocks_made_to_hurt_are_passed_over(tmp_path: Path, block: bytes) -> None:
    path = tmp_path / "repo.car"
    path.write_bytes(car_header() + section(block) + section(TEA))
    tracemalloc.start()
    assert [post.text for post in read(path)] == ["Tea."]
    assert tracemalloc.get_traced_memory()[1] < 24 << 20
    tracemalloc.stop()


def test_too_many_keys_in_the_tree(tmp_path: Path) -> None:
    with refused("holds more than 50 posts; to take them all, raise MYNAH_IMPORTS__MAX_POSTS"):
        read(write_car(tmp_path / "repo.car", ["Tea."] * 60), max_posts=50)
    entries: list[Element] = [
        {"p": 0, "k": b"app.bsky.feed.post/" + tid(n).encode(), "v": block_name(b"%d" % n), "t": None}
        for n in range(60)
    ]
    entries += [{"p": 9999, "k": b"x", "v": b"y"}]
    node = libipld.encode_dag_cbor({"e": entries, "l": None})
    path = tmp_path / "keys.car"
    path.write_bytes(car_header() + section(node) + section(TEA))
    assert len(read(path, max_posts=50)) == 1


def test_long_names_of_blocks_are_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "repo.car"
    with path.open("wb") as file:
        file.write(car_header())
        for number in range(40):
            key = b"app.bsky.feed.post/" + tid(number).encode()
            entry: Element = {"p": 0, "k": key, "v": b"%d" % number * 400_000, "t": None}
            file.write(section(libipld.encode_dag_cbor({"e": [entry], "l": None})))
        file.write(section(TEA))
    tracemalloc.start()
    assert [post.text for post in read(path)] == ["Tea."]
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()


def test_memory_stays_flat_over_a_large_repository(tmp_path: Path) -> None:
    like = {"$type": "app.bsky.feed.like", "subject": {"uri": "at://x/app.bsky.feed.post/3k", "cid": "x" * 600}}
    records = {f"app.bsky.feed.like/{tid(n)}": like | {"n": n} for n in range(8_000)}
    records |= {f"app.bsky.feed.post/{tid(n)}": record("Words of tea. " * 12, n) for n in range(1_000)}
    path = tmp_path / "repo.car"
    path.write_bytes(car_header() + b"".join(map(section, repository(records))))
    assert path.stat().st_size > 5 << 20
    tracemalloc.start()
    count = sum(1 for _ in read_posts(path, bounds=ImportSettings(), handle="ada").posts)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 1_000
    assert peak < 4 << 20


# --- outboxes and packages


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (OUTBOX + b'{"a":' * 1_000_000, "nested deeper than any post"),
        (b'{"@context": ' + b"[" * 4000 + b'"OrderedCollection" "orderedItems": [{', "nested deeper|damaged"),
        (OUTBOX + b'{"object": "' + b"a" * (3 << 20), "holds an entry above 1 MB"),
        (OUTBOX + b'{"object": ' + b"9" * 5000 + b"}]}", "is damaged"),
        (OUTBOX + b"{}]}{", "is damaged"),
        (OUTBOX + b'{}], "x": ["' + b"a" * (3 << 20), "holds an entry above 1 MB"),
        (OUTBOX + b'{}], 7: "x"}', "is damaged"),
        (OUTBOX + b'{}], "x"}', "is damaged"),
        (OUTBOX + b"{} {}]}", "is damaged"),
        (OUTBOX + b"{}, 5]}", "is damaged"),
        (OUTBOX + b"{}, ", "is cut off after entry 1"),
        (OUTBOX + b'{"type": "caf\xe9"}]}', "is not UTF-8 text, or is damaged"),
    ],
)
def test_outboxes_made_to_hurt(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "outbox.json"
    path.write_bytes(content)
    with refused(rf"outbox\.json ({sentence}|is {sentence})"):
        read(path)


def test_an_account_file_made_to_hurt(tmp_path: Path) -> None:
    write_mastodon(tmp_path)
    (tmp_path / "actor.json").write_bytes(b'{"a":' * 1_000_000)
    with refused(r"actor\.json is nested deeper"):
        read(tmp_path)
    package = write_discord_package(tmp_path / "package")
    (package / "Account" / "user.json").write_bytes(b'{"username": "ada_example", "a": "' + b"b" * (3 << 20))
    with refused(r"Account/user\.json holds an entry above 1 MB"):
        read(package)


@pytest.mark.parametrize(
    "piece",
    [
        "<",
        "<a ",
        '<a href="',
        "<!--",
        "</",
        "<p>",
        "<span class='x'",
        '<a href="https://x">',
        "&",
        "&#",
        " ",
        "\n",
        ":a:",
        '<a class="',
        '<a href="https://x"',
    ],
)
def test_markup_takes_time_by_its_length_only(piece: str) -> None:
    started = time.monotonic()
    text_from_html((piece * (1 << 20))[: 1 << 20], {"a"})
    assert time.monotonic() - started < 5  # html.parser takes hours


def test_a_character_of_thousands_of_digits() -> None:
    assert text_from_html(f"Tea &#{'9' * 5000}; &#8230; <a href='&#{'9' * 5000};'>here</a>") == "Tea \ufffd … here"


def test_long_names_of_columns_are_not_kept() -> None:
    tracemalloc.start()
    for number in range(100):
        assert plain(f"{number}_{'a' * 200_000}").startswith(f"{number}a")
    assert tracemalloc.get_traced_memory()[0] < 2 << 20
    tracemalloc.stop()


@pytest.mark.parametrize(
    "piece", ["<", "<@", "<#1", "<t:1", "[a](http://", "```", "> ", ">>> ", "</a", "||", " >", "\n"]
)
def test_marks_take_time_by_their_length_only(piece: str) -> None:
    started = time.monotonic()
    text_from_discord((piece * (1 << 20))[: 1 << 20])
    assert time.monotonic() - started < 5


def test_a_package_of_very_many_channels(tmp_path: Path) -> None:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for number in range(300):
            place = channel(number)
            for name, value in (("channel", place), ("messages", [{"ID": 10**17 + number, "Contents": "Tea."}])):
                body = json.dumps(value).encode()
                entry = tarfile.TarInfo(f"Messages/c{place['id']}/{name}.json")
                entry.size = len(body)
                archive.addfile(entry, io.BytesIO(body))
    assert len(read(tar_gz(tmp_path / "package.tgz", content.getvalue()))) == 300


def test_memory_stays_flat_over_a_large_outbox(tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    write_mastodon(folder, [note_activity(f"<p>{'Words of tea. ' * 20}</p>", n) for n in range(5_000)])
    path = tar_folder(folder, tmp_path / "archive.tar.gz")
    assert (folder / "outbox.json").stat().st_size > 5 << 20
    tracemalloc.start()
    count = sum(1 for _ in read_posts(path, bounds=ImportSettings()).posts)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 5_000
    assert peak < 5 << 20
