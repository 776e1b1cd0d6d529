"""Repositories of Bluesky: posts out of blocks, their ids out of the tree, and what both may hold."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from atproto import models
from atproto_core.car import CAR
from typer.testing import CliRunner

from bot.cli import app
from data.errors import InputError
from data.posts import Post
from data.settings import ImportSettings
from data.sources import Reading, read_posts
from tests.archives import Element, moment, zip_folder
from tests.bluesky_archives import at_uri, car_header, facet, link, record, repository, section, tid, write_car
from tests.posts import clean, texts

LINK = "https://example.org/kettles/why-they-sing-before-they-boil"


def read(path: Path, handle: str | None = "ada.bsky.social", **options: str) -> tuple[Reading, list[Post]]:
    reading = read_posts(path, bounds=ImportSettings(), handle=handle, **options)  # type: ignore[arg-type] # texts
    return reading, sorted(reading.posts, key=lambda post: post.id)


def test_posts_and_their_ids(tmp_path: Path) -> None:
    said = [f"Kettle number {number} sings 🦜." for number in range(200)]
    reading, posts = read(write_car(tmp_path / "repo.car", said))
    assert (reading.handle, reading.format, reading.proven) == ("ada.bsky.social", "bluesky-car", False)
    assert [post.text for post in posts] == said
    assert [post.id for post in posts] == [tid(number) for number in range(200)]
    assert posts[3].created_at == moment(3)
    assert (posts[3].kind, posts[3].lang) == ("post", "en")
    assert not reading.skipped


def test_what_the_builder_makes_is_what_the_sdk_reads(tmp_path: Path) -> None:
    car = CAR.from_bytes(write_car(tmp_path / "repo.car", ["One", "Two"]).read_bytes())
    assert car.blocks[car.root]["version"] == 3
    posts = [block for block in car.blocks.values() if block.get("$type") == "app.bsky.feed.post"]
    assert {models.get_or_create(post, strict=False).text for post in posts} == {"One", "Two"}


def test_kinds_languages_and_parents(tmp_path: Path) -> None:
    reply = {"root": {"uri": at_uri(1), "cid": "x"}, "parent": {"uri": at_uri(2), "cid": "x"}}
    quoted = {"$type": "app.bsky.embed.record", "record": {"uri": at_uri(3), "cid": "x"}}
    pictured = {"$type": "app.bsky.embed.recordWithMedia", "record": quoted, "media": {}}
    feed = {"$type": "app.bsky.embed.record", "record": {"uri": "at://did:plc:x/app.bsky.feed.generator/tea"}}
    changes: list[Element] = [
        {"reply": reply, "embed": quoted},
        {"embed": quoted},
        {"embed": pictured},
        {"embed": feed},
        {"langs": ["pt-BR", "en"]},
        {"langs": []},
        {"langs": ["not a language"], "createdAt": "yesterday"},
        {"embed": "x", "reply": [], "langs": "en", "facets": {"index": 1}},
    ]
    posts = read(write_car(tmp_path / "x", [record("Tea.", n, **change) for n, change in enumerate(changes)]))[1]
    assert [post.kind for post in posts] == ["reply", "quote", "quote", "post", "post", "post", "post", "post"]
    assert posts[0].reply_to_id == tid(2)
    assert posts[1].reply_to_id is None
    assert [post.lang for post in posts[4:]] == ["pt-BR", None, None, None]
    assert posts[6].created_at is None


def test_times_with_zones_and_fractions(tmp_path: Path) -> None:
    said = ["2023-07-01T10:00:00+02:00", "2023-07-01T08:00:00.123456789Z", "2023-07-01T08:00:00Z"]
    path = write_car(tmp_path / "x", [record("Tea.", n, createdAt=time) for n, time in enumerate(said)])
    found = {post.created_at for post in read(path)[1]}
    assert found == {datetime(2023, 7, 1, 8, tzinfo=UTC)}


def test_short_links_and_mentions(tmp_path: Path) -> None:
    shown = "🦜🦜 Read example.org/kettles/why-they... with @bo.example.de and mind the steam"
    post = record(
        shown,
        facets=[
            facet(shown, "@bo.example.de", {"$type": "app.bsky.richtext.facet#mention", "did": "did:plc:bo"}),
            facet(shown, "example.org/kettles/why-they...", link(LINK)),
            facet(shown, "mind the steam", link("https://example.org/safety")),
        ],
    )
    found = read(write_car(tmp_path / "x", [post]))[1]
    assert found[0].text == f"🦜🦜 Read {LINK} with @bo and mind the steam"
    assert clean(found, "default")[0] == ["🦜🦜 Read with @user and mind the steam"]


@pytest.mark.parametrize(
    "facets",
    [
        [{"index": {"byteStart": 0, "byteEnd": 9999}, "features": [link(LINK)]}],
        [{"index": {"byteStart": -5, "byteEnd": 3}, "features": [link(LINK)]}],
        [{"index": {"byteStart": 3, "byteEnd": 3}, "features": [link(LINK)]}],
        [{"index": {"byteStart": "0", "byteEnd": 3}, "features": [link(LINK)]}],
        [{"index": {"byteStart": 0, "byteEnd": 3}, "features": [link("javascript:x")]}],
        [{"index": {"byteStart": 0, "byteEnd": 3}, "features": []}],
        [{"index": None}, None, 7, []],
        [{"index": {"byteStart": 0, "byteEnd": 3}, "features": [{"uri": 7}, None]}] * 3,
    ],
)
def test_facets_that_fit_nothing_change_nothing(tmp_path: Path, facets: object) -> None:
    path = write_car(tmp_path / "x", [record("Tea is ready.", facets=facets)])
    assert read(path)[1][0].text == "Tea is ready."


def test_facets_over_each_other_and_through_a_letter(tmp_path: Path) -> None:
    text = "🦜 tea"
    across = {"index": {"byteStart": 2, "byteEnd": 6}, "features": [link("https://t.example/ea")]}
    twice = [facet("x.example/a b", "x.example/a", link("https://x.example/a")) for _ in range(2)]
    path = write_car(tmp_path / "x", [record(text, 0, facets=[across]), record("x.example/a b", 1, facets=twice)])
    posts = read(path)[1]
    posts[0].text.encode()
    assert posts[1].text == "https://x.example/a b"


def test_without_text_and_unreadable(tmp_path: Path) -> None:
    path = write_car(tmp_path / "x", [record(""), record("Tea.", 1), record("", 2) | {"text": 7}, record(" ", 3)])
    endless = b"\xa2\x65$type\x72app.bsky.feed.post\x65embed" + b"\x81" * 50_000
    path.write_bytes(path.read_bytes() + section(endless))
    reading, posts = read(path)
    assert [post.text for post in posts] == ["Tea."]
    assert reading.skipped == {"without text": 3, "unreadable": 1}


def test_a_damaged_tree_leaves_the_blocks_own_names(tmp_path: Path) -> None:
    blocks = repository({f"app.bsky.feed.post/{tid(n)}": record(f"Tea {n}", n) for n in range(40)})
    nodes = [block for block in blocks if block.startswith(b"\xa2\x61e")]
    assert len(nodes) > 3
    kept = [block for block in blocks if block not in nodes[:2]]
    path = tmp_path / "repo.car"
    path.write_bytes(car_header() + b"".join(map(section, kept)))
    posts = read(path)[1]
    assert {post.text for post in posts} == {f"Tea {n}" for n in range(40)}
    by_name = [post for post in posts if post.id.startswith("bafyrei")]
    assert 0 < len(by_name) < 40
    assert all(re.fullmatch("[a-z2-7]{59}", post.id) for post in by_name)
    assert all(post.id in {tid(n) for n in range(40)} for post in posts if post not in by_name)


def test_blocks_in_any_order(tmp_path: Path) -> None:
    blocks = repository({f"app.bsky.feed.post/{tid(n)}": record(f"Tea {n}", n) for n in range(40)})
    path = tmp_path / "repo.car"
    path.write_bytes(car_header() + b"".join(map(section, sorted(blocks))))
    assert [post.id for post in read(path)[1]] == [tid(n) for n in range(40)]


@pytest.mark.parametrize("form", ["zip", "folder"])
def test_a_repository_among_pictures(tmp_path: Path, form: str) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    write_car(folder / "repo.car")
    (folder / "picture.jpg").write_bytes(b"\xff\xd8")
    path = zip_folder(folder, tmp_path / "export.zip") if form == "zip" else folder
    assert [post.text for post in read(path)[1]] == ["The kettle is on."]


def test_the_handle_must_be_given(tmp_path: Path) -> None:
    path = write_car(tmp_path / "repo.car")
    sentence = r"repo\.car names its owner by a number \(a DID\) only; add --handle with the account's name\."
    with pytest.raises(InputError, match=sentence):
        read(path, None)


def test_a_format_that_is_named_but_not_there(tmp_path: Path) -> None:
    (tmp_path / "a.car").touch()
    (tmp_path / "b.car").touch()
    with pytest.raises(InputError, match="doesn't hold exactly one CAR file; give the file itself"):
        read(tmp_path, format="bluesky-car")
    (tmp_path / "b.car").unlink()
    with pytest.raises(InputError, match=r"a\.car is damaged, or no repository of Bluesky, after block 0"):
        read(tmp_path, format="bluesky-car")


def test_progress_and_digest_count_the_file_once(tmp_path: Path) -> None:
    path = write_car(tmp_path / "repo.car", ["Tea."] * 50)
    seen: list[tuple[int, int]] = []
    reading = read_posts(
        path, bounds=ImportSettings(), handle="ada", progress=lambda done, total: seen.append((done, total))
    )
    list(reading.posts)
    assert seen[-1] == (path.stat().st_size, path.stat().st_size)
    again = read_posts(path, bounds=ImportSettings(), handle="ada")
    list(again.posts)
    assert reading.digest == again.digest


def test_by_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYNAH_HOME", str(tmp_path / "home"))
    path = write_car(tmp_path / "repo.car", texts(200))
    result = CliRunner().invoke(app, ["import", str(path), "--handle", "@ada.bsky.social", "--json"])
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert (printed["handle"], printed["new"]) == ("ada.bsky.social", 200)
    assert printed["provenance"]["source"] == "bluesky-car"
    refused = CliRunner().invoke(app, ["import", str(path)])
    assert isinstance(refused.exception, InputError)
