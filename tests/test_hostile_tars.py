"""Tars made to hurt: each ends in one clear sentence, quickly and with little memory."""

import gzip
import os
import tarfile
import time
from pathlib import Path

import pytest

from data.sources import members, tars
from tests.archives import javascript, tweet
from tests.other_archives import tar_folder, tar_of, write_mastodon
from tests.test_hostile_input import read, refused

OUTBOX = b'{"type": "OrderedCollection", "orderedItems": ['


def tar_gz(path: Path, content: bytes) -> Path:
    path.write_bytes(gzip.compress(content, compresslevel=1))
    return path


def tar_entry(name: str, body: bytes = b"", **fields: object) -> bytes:
    """One header, of which any field may be what it should not be, and the content."""
    entry = tarfile.TarInfo(name)
    entry.size = len(body)
    for field, value in fields.items():
        setattr(entry, field, value)
    return entry.tobuf(tarfile.GNU_FORMAT) + body + bytes(-len(body) % 512)


def pax_record(key: str, value: str) -> bytes:
    rest = f" {key}={value}\n".encode()
    length = next(count for count in range(len(rest), len(rest) + 7) if len(str(count)) + len(rest) == count)
    return str(length).encode() + rest


@pytest.mark.parametrize("name", ["outbox.json", "media_attachments/files/kettle.png"])
def test_a_gzip_bomb(tmp_path: Path, name: str) -> None:
    path = tar_gz(tmp_path / "bomb.tar.gz", tar_of({name: OUTBOX + b" " * (64 << 20)}))
    with refused(r"bomb\.tar\.gz unpacks to more than 200 times its size, as bombs do; if it is really yours"):
        read(path)


def test_a_gzip_bomb_of_headers_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tars, "_FREE", 1 << 20)
    path = tmp_path / "bomb.tgz"
    path.write_bytes(gzip.compress(tar_entry("a.txt") * 5_000))
    with refused("unpacks to more than 200 times its size"):
        read(path)


def test_a_file_in_a_tar_is_bounded_too(tmp_path: Path) -> None:
    body = OUTBOX + b"".join(b'{"type": "%s"},' % os.urandom(20).hex().encode() for _ in range(30_000))
    path = tar_gz(tmp_path / "a.tgz", tar_of({"outbox.json": body}))
    with refused(
        r"outbox\.json in a\.tgz is larger than 1 MB; if it is really yours, raise MYNAH_IMPORTS__MAX_MEM"
    ):
        read(path, max_member_mb=1)


@pytest.mark.parametrize(
    "content",
    [
        tar_entry("x", type=tarfile.GNUTYPE_LONGNAME, size=1 << 40),
        tar_entry("x", b"a" * (1 << 20), type=tarfile.GNUTYPE_LONGNAME),
        tar_entry("x", b"a" * (1 << 20), type=tarfile.XHDTYPE),
        tar_entry("x", b"12 size=-12\n", type=tarfile.XHDTYPE) + tar_entry("outbox.json"),
        tar_entry("x", b"13 size=9" + b"9" * 5000, type=tarfile.XHDTYPE) + tar_entry("outbox.json"),
        tar_entry("x", b"0 path=a\n", type=tarfile.XHDTYPE) + tar_entry("outbox.json"),
        tar_entry("x", b"nonsense", type=tarfile.XHDTYPE) + tar_entry("outbox.json"),
        tar_entry("x", b"10 path=a", type=tarfile.XHDTYPE) + tar_entry("outbox.json"),
        tar_entry("x", b"10 path=ab", type=tarfile.XHDTYPE) + tar_entry("outbox.json"),
        tar_entry("x", b"10 pathab\n", type=tarfile.XHDTYPE) + tar_entry("outbox.json"),
        tar_entry("x", b"2 3 =\n", type=tarfile.XHDTYPE) + tar_entry("outbox.json"),
        tar_entry("x", b"6 a=b\n" * 65, type=tarfile.XHDTYPE) + tar_entry("outbox.json"),
        tar_entry("x", pax_record("path", "a" * 5000 + ".json"), type=tarfile.XHDTYPE) + tar_entry("outbox.json"),
        tar_entry("x", b"a" * 5000 + b".json", type=tarfile.GNUTYPE_LONGNAME) + tar_entry("outbox.json"),
        tar_entry("outbox.json", size=1 << 60),
        tar_entry("outbox.json", size=-512),
        tar_entry("outbox.json", OUTBOX)[:-1],
        tar_entry("outbox.json", b"a" * 512)[:700],
        tar_entry("outbox.json").replace(b"outbox", b"inboxx"),
    ],
)
@pytest.mark.parametrize("packed", [True, False])
def test_tars_that_lie(tmp_path: Path, content: bytes, packed: bool) -> None:
    path = tmp_path / "liar.tar"
    path.write_bytes(gzip.compress(content) if packed else content)
    with refused(r"liar\.tar is a damaged or cut-off tar archive, or none; download it again, or unpack it first"):
        read(path)


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_a_very_long_chain_of_extensions(tmp_path: Path, kind: bytes) -> None:
    chain = tar_entry("x", b"10 path=a\n", type=kind) * 9
    with refused("is a damaged or cut-off tar archive"):
        read(tar_gz(tmp_path / "chain.tgz", chain + tar_entry("y", b"{}")))


def test_extensions_of_the_smallest_records_take_no_time(tmp_path: Path) -> None:
    extension = tar_entry("x", (b"2 " * 33_000)[: 1 << 16], type=tarfile.XHDTYPE)
    path = tmp_path / "slow.tgz"
    path.write_bytes(gzip.compress((extension + tar_entry("outbox.json")) * 20))
    started = time.process_time()
    with refused("is a damaged or cut-off tar archive"):
        read(path)
    assert time.process_time() - started < 1


def test_extensions_as_tar_programs_write_them(tmp_path: Path) -> None:
    body = write_mastodon(tmp_path / "a").joinpath("outbox.json").read_bytes()
    records = [pax_record(key, "1700000000.123456789") for key in ("mtime", "atime", "ctime")]
    records += [pax_record("LIBARCHIVE.xattr.a", "==\n=="), pax_record("size", str(len(body)))]
    records += [pax_record("path", f"{'Überordner/' * 30}outbox.json")]
    extension = tar_entry("x", b"".join(records), type=tarfile.XHDTYPE)
    padded = body + bytes(-len(body) % 512)
    assert len(read(tar_gz(tmp_path / "a.tgz", extension + tar_entry("short") + padded), None)) == 1


def test_long_names_in_a_tar_are_bounded_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "_MAX_NAMES", 1 << 20)
    files = {f"{'a' * 4000}{number:06}.json": b"" for number in range(1_000)}
    with refused(r"a\.tgz lists far more files than an archive of posts has; unpack it first", megabytes=12):
        read(tar_gz(tmp_path / "a.tgz", tar_of(files)))


@pytest.mark.parametrize("cut", [20, 400, -5])
def test_a_cut_off_tar_gz(tmp_path: Path, cut: int) -> None:
    path = tar_folder(write_mastodon(tmp_path / "a"), tmp_path / "archive.tar.gz")
    path.write_bytes(path.read_bytes()[:cut])
    with refused(r"archive\.tar\.gz is a damaged or cut-off tar archive"):
        read(path)


@pytest.mark.parametrize(
    "name", ["../../outbox.json", "/etc/outbox.json", "C:\\outbox.json", "a\\..\\..\\outbox.json"]
)
def test_names_that_lead_out_of_a_tar(tmp_path: Path, name: str) -> None:
    with refused("which leads out of it; no platform makes such an archive"):
        read(tar_gz(tmp_path / "a.tgz", tar_of({name: b"{}"})))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_links_in_a_tar(tmp_path: Path, kind: bytes) -> None:
    with refused("which leads out of it"):
        read(tar_gz(tmp_path / "a.tgz", tar_entry("outbox.json", type=kind, linkname="/etc/passwd")))


def test_devices_and_pipes_in_a_tar_are_passed_over(tmp_path: Path) -> None:
    odd = b"".join(tar_entry(f"{n}.json", type=kind) for n, kind in enumerate((b"3", b"4", b"5", b"6")))
    content = odd + tar_folder(write_mastodon(tmp_path / "a"), tmp_path / "a.tar", mode="w").read_bytes()
    assert len(read(tar_gz(tmp_path / "a.tgz", content), None)) == 1


def test_a_tar_of_very_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tars, "_MAX_HEADERS", 100)
    for kind in (tarfile.REGTYPE, tarfile.DIRTYPE):
        with refused("holds more than 100 files; unpack it and give the folder"):
            read(tar_gz(tmp_path / "a.tgz", tar_entry("a", type=kind) * 101))


def test_a_tar_that_would_be_read_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tars, "_FREE_READING", 1 << 20)
    script = javascript("window.YTD.tweets.part0", [{"tweet": tweet("One")}]).encode()
    files = {f"data/tweets-part{n}.js": script for n in range(1, 200)}
    with refused("holds too many files for a tar; unpack it and give the folder"):
        read(tar_gz(tmp_path / "a.tgz", tar_of(files)))
