"""Files made to hurt: each ends in one clear sentence, quickly and with little memory."""

import io
import os
import re
import stat
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from data.errors import InputError
from data.posts import Post
from data.settings import ImportSettings
from data.sources import members, read_posts
from data.sources.json_stream import MAX_ENTRY, entries
from tests.archives import javascript, note, tweet, write_json_lines, write_x_archive, zip_folder

PREFIX = b"window.YTD.tweets.part0 = "
ACCOUNT = 'window.YTD.account.part0 = [{"account":{"username":"ada_example"}}]'


def read(path: Path, handle: str | None = "ada_example", **bounds: int) -> list[Post]:
    return list(read_posts(path, bounds=ImportSettings(**bounds), handle=handle).posts)


@contextmanager
def refused(sentence: str, megabytes: float = 24) -> Iterator[None]:
    """Expects InputError with one sentence that matches, and that no more than this was held in memory."""
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=sentence) as caught:
            yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message
    assert message.isprintable()
    assert len(message) < 260
    assert peak < megabytes * (1 << 20)


def archive_zip(
    path: Path, content: bytes, name: str = "data/tweets.js", method: int = zipfile.ZIP_DEFLATED
) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("data/account.js", ACCOUNT)
        archive.writestr(name, content)
    return path


class Endless(io.RawIOBase):
    """A stream of a gigabyte of the same bytes, made as they are read."""

    def __init__(self, start: bytes, piece: bytes) -> None:
        self._start = start
        self._piece = piece * (65536 // len(piece))
        self.given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]  # Buffer is 3.12's
        piece = (self._start or self._piece)[: len(buffer)]
        self._start = b""
        if self.given > 1 << 30:
            return 0
        buffer[: len(piece)] = piece
        self.given += len(piece)
        return len(piece)


@pytest.mark.parametrize(
    ("start", "piece", "sentence"),
    [
        (b"", b"[", "no list of posts, after entry 0"),
        (b"[", b'{"a":[', "nested deeper than any post"),
        (b'[{"text": "', b"a", "an entry above 1 MB"),
        (b'[{"text": "', "🦜".encode(), "an entry above 1 MB"),
        (b'[{"text": [', b"1,", "an entry above 1 MB"),
        (b'[{"text": "x", "n": ', b"9", "an entry above 1 MB"),
        (b'{"text": "x"} ', b'"', "no list of posts, after entry 1"),
        (b"[", b"1, ", "no list of posts, after entry 0"),
        (b'[{"a": 1}, nonsense', b"x", "no list of posts, after entry 1"),
    ],
)
def test_a_gigabyte_of_one_thing_is_given_up_early(start: bytes, piece: bytes, sentence: str) -> None:
    stream = Endless(start, piece)
    with refused(sentence):
        for _ in entries(cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, stream))), "tweets.js"):
            pass
    assert stream.given < 16 << 20


def test_the_longest_entry_allowed_is_read(tmp_path: Path) -> None:
    text = "🦜" * (MAX_ENTRY // 2)
    assert read(write_json_lines(tmp_path / "ada.jsonl", [{"id": "1", "text": text}]))[0].text == text


def test_a_number_of_thousands_of_digits(tmp_path: Path) -> None:
    path = tmp_path / "ada.jsonl"
    path.write_text('{"id": "1", "text": "x", "n": ' + "9" * 5000 + "}", encoding="utf-8")
    with refused("damaged, or no list of posts, after entry 0"):
        read(path)


def test_deeply_nested_account_file(tmp_path: Path) -> None:
    write_x_archive(tmp_path)
    (tmp_path / "data" / "account.js").write_bytes(b"window.YTD.account.part0 = " + b'{"a":' * 1_000_000)
    with refused(r"account\.js is nested deeper"):
        read(tmp_path)


def test_zip_bomb_by_ratio(tmp_path: Path) -> None:
    bomb = PREFIX + b"[" + b" " * (64 << 20)
    with refused(r"unpacks to more than 200 times its size, as zip bombs do"):
        read(archive_zip(tmp_path / "bomb.zip", bomb))


def test_zip_bomb_by_size(tmp_path: Path) -> None:
    element = b'{"tweet":{"id":"%d","full_text":"%s"}},'
    content = PREFIX + b"[" + b"".join(element % (n, os.urandom(20).hex().encode()) for n in range(1, 16_000))
    path = archive_zip(tmp_path / "big.zip", content)
    with refused("larger than 1 MB; if it is really yours, raise MYNAH_IMPORTS__MAX_MEMBER_MB"):
        read(path, max_member_mb=1)
    with refused("cut off after entry 15,999"):
        read(path)


def test_a_plain_file_is_bounded_too(tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "ada.jsonl", [{"id": n, "text": "x" * 1000} for n in range(1, 2000)])
    with refused(r"ada\.jsonl is larger than 1 MB"):
        read(path, max_member_mb=1)


@pytest.mark.parametrize("claimed", [100, 0xFFFF_FFF0])
def test_a_zip_that_lies_about_a_size(tmp_path: Path, claimed: int) -> None:
    path = archive_zip(tmp_path / "liar.zip", PREFIX + b"[" + b" " * (8 << 20) + b"]")
    content = bytearray(path.read_bytes())
    at = content.rfind(b"PK\x01\x02")  # of tweets.js, the last entry
    content[at + 24 : at + 28] = claimed.to_bytes(4, "little")
    path.write_bytes(content)
    with refused("is damaged or cut off|zip bombs"):
        read(path)


def test_too_many_posts(tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "ada.jsonl", [{"id": n, "text": "One"} for n in range(1, 12)])
    assert len(read(path, max_posts=11)) == 11
    with refused("more than 10 posts; to take them all, raise MYNAH_IMPORTS__MAX_POSTS"):
        read(path, max_posts=10)


def test_too_many_long_posts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.sources.x_notes._MAX_CHARACTERS", 1000)
    write_x_archive(tmp_path, notes=[note("x" * 400, n) for n in range(4)])
    with refused("more long posts than one person writes"):
        read(tmp_path)


@pytest.mark.parametrize(
    "name", ["../../tweets.js", "/etc/tweets.js", "C:\\tweets.js", "data\\..\\..\\tweets.js", ".."]
)
def test_names_that_lead_out_of_the_zip(tmp_path: Path, name: str) -> None:
    with refused(r"leads out of it; no platform makes such an archive"):
        read(archive_zip(tmp_path / "twitter.zip", PREFIX + b"[]", name))


def test_backslashes_are_folders(tmp_path: Path) -> None:
    content = javascript("window.YTD.tweets.part0", [{"tweet": tweet("One")}]).encode()
    with zipfile.ZipFile(tmp_path / "twitter.zip", "w") as archive:
        archive.writestr("data\\account.js", ACCOUNT)
        archive.writestr("data\\tweets.js", content)
    assert len(read(tmp_path / "twitter.zip", None)) == 1


def test_a_link_in_a_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "twitter.zip", "w") as archive:
        link = zipfile.ZipInfo("data/tweets.js")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    with refused("leads out of it"):
        read(tmp_path / "twitter.zip")


def test_links_out_of_a_folder(tmp_path: Path) -> None:
    outside = write_x_archive(tmp_path / "outside", ["Secret"])
    inside = write_x_archive(tmp_path / "inside", ["Mine"])
    target = inside / "data" / "tweets.js"
    target.rename(inside / "data" / "real.js")
    target.symlink_to(inside / "data" / "real.js")
    assert [post.text for post in read(inside)] == ["Mine"]
    target.unlink()
    target.symlink_to(outside / "data" / "tweets.js")
    with refused(r"data/tweets\.js is a link that leads out of the folder"):
        read(inside)
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "data").symlink_to(outside / "data", target_is_directory=True)
    with refused("nothing Mynah can read posts from"):
        read(tmp_path / "links")


def test_a_loop_of_links_and_a_pipe(tmp_path: Path) -> None:
    folder = write_x_archive(tmp_path / "archive", ["One"])
    (folder / "data" / "again").symlink_to(folder, target_is_directory=True)
    (folder / "data" / "tweets-part1.js").symlink_to(folder / "data" / "tweets-part1.js")
    os.mkfifo(folder / "data" / "tweets-part2.js")
    assert len(read(folder)) == 1
    os.mkfifo(tmp_path / "pipe")
    with refused("pipe is neither a file nor a folder"):
        read(tmp_path / "pipe")


def patched(offset: int, value: bytes) -> Callable[[bytes], bytes]:
    """Overwrites a field of every central directory entry."""

    def patch(content: bytes) -> bytes:
        for match in re.finditer(rb"PK\x01\x02", content):
            at = match.start() + offset
            content = content[:at] + value + content[at + len(value) :]
        return content

    return patch


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda content: content[: len(content) // 2], "is a damaged or cut-off zip; download it again"),
        (lambda content: content[:40], "is a damaged or cut-off zip"),
        (
            lambda content: content.replace(b"hello", b"jello"),
            "data/account.js in twitter.zip is damaged or cut off",
        ),
        (patched(8, b"\x01\x00"), "is encrypted; unpack it with its password"),
        (patched(10, b"\x0e\x00"), "is packed in an unusual way; unpack it"),
        (patched(10, b"\x0c\x00"), "is packed in an unusual way; unpack it"),
    ],
)
def test_damaged_zips(tmp_path: Path, damage: Callable[[bytes], bytes], sentence: str) -> None:
    folder = write_x_archive(tmp_path / "archive", ["One"], handle="hello")
    path = zip_folder(folder, tmp_path / "twitter.zip", method=zipfile.ZIP_STORED)
    path.write_bytes(damage(path.read_bytes()))
    with refused(sentence):
        read(path, "hello")


def test_a_zip_with_an_endless_list_of_contents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = archive_zip(tmp_path / "twitter.zip", PREFIX + b"[]")
    monkeypatch.setattr(members, "_MAX_DIRECTORY_BYTES", 100)
    with refused("lists far more files than an archive of posts has"):
        read(path)


def test_the_list_of_contents_of_a_large_zip_is_found() -> None:
    directory = (1 << 40).to_bytes(8, "little")
    wide = b"PK\x06\x06" + bytes(36) + directory + bytes(8)
    tail = wide + b"PK\x06\x07" + bytes(16) + b"PK\x05\x06" + bytes(8) + b"\xff" * 8 + bytes(2)
    path = Path(os.fsdecode(b"/proc/self/fd/%d" % _memory_file(tail)))
    assert members._directory_bytes(path) == 1 << 40


def _memory_file(content: bytes) -> int:
    file = os.memfd_create("tail")
    os.write(file, content)
    return file


def test_a_zip_in_a_zip_is_not_followed(tmp_path: Path) -> None:
    inner = zip_folder(write_x_archive(tmp_path / "archive"), tmp_path / "twitter.zip")
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as outer:
        outer.write(inner, "twitter.zip")
    with refused("holds zips among other things; unpack them first"):
        read(tmp_path / "outer.zip")


def test_a_folder_of_very_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3_000):
        (tmp_path / f"{number}.json").touch()
    started = time.monotonic()
    with refused("nothing Mynah can read posts from"):
        read(tmp_path)
    assert time.monotonic() - started < 5
    monkeypatch.setattr(members, "_MAX_ENTRIES", 1000)
    with refused("holds more than 1,000 files; give the archive's own folder"):
        read(tmp_path)


def test_media_folders_are_not_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_x_archive(tmp_path, ["One"])
    for name in ("tweets_media", "assets", ".cache"):
        (tmp_path / "data" / name).mkdir()
        for number in range(50):
            (tmp_path / "data" / name / f"tweets-part{number}.js").touch()
    monkeypatch.setattr(members, "_MAX_ENTRIES", 40)
    assert len(read(tmp_path)) == 1


def test_names_that_would_trick_a_terminal_are_ignored_or_escaped(tmp_path: Path) -> None:
    with refused(r"'\\x1b\[31mred\.zip' is a damaged or cut-off zip"):
        path = tmp_path / "\x1b[31mred.zip"
        path.write_bytes(b"PK\x03\x04")
        read(path)
    (tmp_path / "evil\nname.csv").write_text("nothing", encoding="utf-8")
    with refused("nothing Mynah can read"):
        read(tmp_path / "evil\nname.csv")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", r"data/tweets\.js is empty"),
        (PREFIX, r"data/tweets\.js is empty"),
        (PREFIX + b'[{"tweet":{"id":"1","full_text":"One"}},{"tw', "cut off after entry 1"),
        (PREFIX + b'[{"tweet":{"id":"1","full_text":"caf\xe9"}}]', "not UTF-8 text, or is damaged"),
        (PREFIX + b"alert(1)", "does not begin as JSON does"),
        (
            PREFIX + b'[{"tweet":{"id":"1","full_text":"One"}}](2)',
            "is damaged, or no list of posts, after entry 1",
        ),
    ],
)
def test_damaged_tweets(tmp_path: Path, content: bytes, sentence: str) -> None:
    write_x_archive(tmp_path)
    (tmp_path / "data" / "tweets.js").write_bytes(content)
    with refused(sentence):
        read(tmp_path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ('id,text\n1,"' + "a\n" * 3_000_000, "not sound CSV near line|row above 1 MB"),
        ("id,text\n1," + "a" * 8_000_000, "row above 1 MB"),
        ("id,text\n1," + '"a\n",' * 2_000_000, "row above 1 MB"),
        ("id,text" + "," * 8_000_000, "row above 1 MB"),
    ],
)
def test_tables_with_endless_rows(tmp_path: Path, content: str, sentence: str) -> None:
    path = tmp_path / "ada.csv"
    path.write_text(content, encoding="utf-8")
    with refused(sentence, megabytes=120):  # a million empty fields
        read(path)


def test_a_program_is_no_archive(tmp_path: Path) -> None:
    path = tmp_path / "tweets.js"
    path.write_bytes(b"\x7fELF" + os.urandom(100_000))
    with refused("nothing Mynah can read posts from"):
        read(path)


def test_memory_stays_flat_over_a_large_file(tmp_path: Path) -> None:
    path = tmp_path / "tweets.js"
    element = javascript("", [{"tweet": tweet("Words & words " * 12)}])[3:].strip(" []\n")
    with path.open("w", encoding="utf-8") as file:
        file.write("window.YTD.tweets.part0 = [")
        for number in range(6_000):
            file.write(
                "," * bool(number) + re.sub(r'"id(_str)?": "\d+"', f'"id\\1": "{10**18 + number}"', element)
            )
        file.write("]")
    assert path.stat().st_size > 5 << 20
    tracemalloc.start()
    count = sum(1 for _ in read_posts(path, bounds=ImportSettings(), handle="ada").posts)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 6_000
    assert peak < 4 << 20


def within(seconds: float, work: Callable[[], object]) -> bool:
    """Whether it takes no longer, in processor time: what is told apart here is a moment from minutes."""
    began = time.process_time()
    work()
    return time.process_time() - began < seconds


def test_a_cut_post_of_spaces_beside_notes_takes_no_time(tmp_path: Path) -> None:
    spaces = "The fog" + " " * 8_000 + "x"
    write_x_archive(tmp_path, [tweet(spaces, number) for number in range(5)], notes=[note("The fog is here", 0)])
    assert within(5, lambda: read(tmp_path))


def test_many_notes_of_one_second_are_not_all_compared_with_all_posts(tmp_path: Path) -> None:
    posts = [tweet(f"The fog {number} says {'so ' * 60}…", 1) for number in range(1_000)]
    write_x_archive(
        tmp_path, posts, notes=[note(f"The fog {number} was here {'so ' * 90}", 1) for number in range(1_000)]
    )
    assert within(5, lambda: read(tmp_path))


def test_versions_of_edited_posts_are_held_within_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.sources.x_archive._MAX_EDITED", 2_000)
    edits = {"edit_info": {"initial": {"editTweetIds": ["1", "2"], "editableUntil": "x", "editsRemaining": "4"}}}
    write_x_archive(tmp_path, [tweet("Fog " * 20, number, **edits) for number in range(20)])
    with refused("more edited posts than one person writes"):
        read(tmp_path)


def test_rows_that_are_large_are_not_gathered_to_learn_their_author(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    write_json_lines(path, [{"text": "Fog " * 100_000, "username": "ada_example"} for _ in range(60)])
    tracemalloc.start()
    try:
        next(read_posts(path, bounds=ImportSettings()).posts)
        assert tracemalloc.get_traced_memory()[1] < 16e6
    finally:
        tracemalloc.stop()


def test_a_character_of_no_number_is_no_fault(tmp_path: Path) -> None:
    number = f"&#{'9' * 4_400};"
    write_x_archive(tmp_path, [tweet(f"The fog {number} is here…", 1)], notes=[note("The fog is here", 1)])
    assert read(tmp_path)
