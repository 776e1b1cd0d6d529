"""The bundled sample archives: they match their texts, hold every kind of post, and look like real archives."""

import html
import json
import re
import zipfile
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import data.samples
from data.samples import SAMPLES
from data.samples.__main__ import build

HERE = Path(data.samples.__file__).parent
TEXTS = sorted(HERE.glob("*.txt"))
Json = dict[str, Any]
MARKED = (("user_mentions", "screen_name", "@"), ("hashtags", "text", "#"), ("urls", "url", ""))


def members(path: Path) -> dict[str, tuple[tuple[int, ...], bytes]]:
    with zipfile.ZipFile(path) as archive:
        return {info.filename: (info.date_time, archive.read(info)) for info in archive.infolist()}


def elements(path: Path, part: str) -> list[Json]:
    text = members(path)[f"data/{part}.js"][1].decode()
    variable, _, value = text.partition("=")
    assert variable.strip() == f"window.YTD.{part.replace('-', '_')}.part0"
    listed: list[Json] = json.loads(value)
    return listed


def tweets(path: Path) -> list[Json]:
    return [element["tweet"] for element in elements(path, "tweets")]


@pytest.fixture(params=[path.stem for path in TEXTS])
def text(request: pytest.FixtureRequest) -> Path:
    return HERE / f"{request.param}.txt"


@pytest.fixture
def sample(text: Path) -> Path:
    return SAMPLES[text.stem]


def test_there_is_a_sample() -> None:
    assert "dustbin_4000" in SAMPLES
    assert all(path.is_file() for path in SAMPLES.values())


def test_zip_is_up_to_date_and_building_repeats(text: Path, sample: Path, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    first, second = build(text, tmp_path), build(text, tmp_path / "again")
    assert first.read_bytes() == second.read_bytes()
    # Not the bundled zip's bytes: another machine's zlib may pack the same content differently.
    assert members(sample) == members(first), "run `python -m data.samples`"


def test_every_kind_occurs_in_realistic_shares(text: Path, sample: Path) -> None:
    lines = [line for line in text.read_text(encoding="utf-8").split("\n") if line]
    kinds = Counter(line.split("\t")[0].split()[0] if "\t" in line else "POST" for line in lines)
    assert set(kinds) == {"POST", "RT", "REPLY", "SHORT", "QUOTE", "EDIT", "NOTE", "DELETED"}
    posts = tweets(sample)
    assert len(posts) == len(lines) + kinds["EDIT"] - kinds["DELETED"] >= 500
    assert sum(post["full_text"].startswith("RT @") for post in posts) == kinds["RT"]
    assert sum("in_reply_to_status_id" in post for post in posts) == kinds["REPLY"]
    assert sum("edit" in post["edit_info"] for post in posts) == kinds["EDIT"]
    quoted = re.compile(r"https://twitter\.com/\w+/status/\d+")
    links = [url["expanded_url"] for post in posts for url in post["entities"]["urls"]]
    assert sum(bool(quoted.fullmatch(link)) for link in links) == kinds["QUOTE"]
    assert sum(link.startswith("https://example.com/") for link in links) >= 20
    assert len(elements(sample, "note-tweet")) == kinds["NOTE"]
    assert len(elements(sample, "deleted-tweets")) == kinds["DELETED"]
    assert elements(sample, "community-tweet") == []
    originals = [line.split("\t")[-1] for line in lines if not line.startswith(("RT\t", "SHORT\t", "DELETED\t"))]
    assert len(originals) >= 440
    assert sum(len(line.replace("{link}", "")) for line in originals) >= 40_000


def test_deleted_posts_are_nowhere_else(sample: Path) -> None:
    marked = "marmalade" if sample.stem == "dustbin_4000" else None
    files = {name: content.decode() for name, (_, content) in members(sample).items()}
    gone = files.pop("data/deleted-tweets.js")
    for post in elements(sample, "deleted-tweets"):
        assert post["tweet"]["deleted_at"]
        assert post["tweet"]["id"] in gone
        assert not any(post["tweet"]["id"] in content for content in files.values())
        assert not any(post["tweet"]["full_text"] in content for content in files.values())
    if marked:
        assert marked in gone
        assert not any(marked in content for content in files.values())


def test_entities_point_at_what_they_name(sample: Path) -> None:
    posts = tweets(sample) + [element["tweet"] for element in elements(sample, "deleted-tweets")]
    seen: Counter[str] = Counter()
    for post in posts:
        text, entities = post["full_text"], post["entities"]
        assert post["display_text_range"] == ["0", str(len(text))]
        assert html.unescape(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") == text
        assert "{" not in text
        for kind, key, mark in MARKED:
            for entity in entities[kind]:
                start, end = map(int, entity["indices"])
                assert text[start:end] == mark + entity[key]
                seen[kind] += 1
        assert text.count("https://t.co/") == len(entities["urls"])
    assert min(seen["user_mentions"], seen["hashtags"], seen["urls"]) >= 10
    assert any(re.search("[\U0001f300-\U0001faff]", post["full_text"]) for post in posts)


def test_ids_are_snowflakes_of_their_time(sample: Path) -> None:
    months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    ids = [post["id"] for post in tweets(sample)]
    assert len(set(ids)) == len(ids)
    assert ids != sorted(ids, key=int, reverse=True)  # like a real one, not quite in order
    for post in tweets(sample):
        assert post["id"] == post["id_str"]
        seconds = ((int(post["id"]) >> 22) + 1_288_834_974_657) // 1000
        _, month, day, clock, zone, year = post["created_at"].split()
        stamp = f"{year}-{months.index(month) + 1:02}-{day}T{clock}{zone}"
        assert datetime.fromisoformat(stamp).timestamp() == seconds


def test_notes_join_a_cut_post_of_the_same_second(sample: Path) -> None:
    posts = tweets(sample)
    for element in elements(sample, "note-tweet"):
        note = element["noteTweet"]
        whole = note["core"]["text"]
        clock = note["createdAt"][11:19]
        same_second = [post for post in posts if clock in post["created_at"]]
        (cut,) = [post for post in same_second if html.unescape(post["full_text"])[:40] == whole[:40]]
        assert cut["full_text"].endswith("…")
        assert len(whole) > 280
        assert cut["id"] != note["noteTweetId"]


def test_edits_name_both_versions(sample: Path) -> None:
    posts = {post["id"]: post for post in tweets(sample)}
    for post in posts.values():
        if "edit" in post["edit_info"]:
            edit = post["edit_info"]["edit"]
            ids = edit["editControlInitial"]["editTweetIds"]
            assert ids == [edit["initialTweetId"], post["id"]]
            assert posts[ids[0]]["edit_info"]["initial"]["editTweetIds"] == ids


def test_nothing_private_and_a_manifest_that_counts(sample: Path) -> None:
    files = members(sample)
    assert elements(sample, "account")[0]["account"]["email"] == ""
    assert elements(sample, "account")[0]["account"]["username"] == sample.stem
    manifest = json.loads(files["data/manifest.js"][1].decode().removeprefix("window.__THAR_CONFIG ="))
    for kind in manifest["dataTypes"].values():
        for file in kind["files"]:
            part = file["fileName"].removeprefix("data/").removesuffix(".js")
            assert file["count"] == str(len(elements(sample, part)))
            assert file["globalName"] == f"YTD.{part.replace('-', '_')}.part0"
