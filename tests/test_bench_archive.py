"""The archive that importing is measured with is like real ones, and says the same each time."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.archive import write_archive
from data.settings import ImportSettings
from data.sources import read_posts

SIZE = 1_500_000  # bytes


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    count = write_archive(folder, SIZE)
    assert count == len(tweets(folder))
    return folder


def tweets(folder: Path) -> list[dict[str, Any]]:
    written = (folder / "data" / "tweets.js").read_text(encoding="utf-8")
    return [element["tweet"] for element in json.loads(written.partition("=")[2])]


def test_a_post_takes_as_much_room_as_real_ones_do(archive: Path) -> None:
    size = (archive / "data" / "tweets.js").stat().st_size
    assert SIZE <= size < SIZE + 10_000
    assert 2_000 < size / len(tweets(archive)) < 3_000  # 50,000 posts are 100 to 150 MB


def test_it_is_read_whole_and_no_two_posts_say_the_same(archive: Path) -> None:
    reading = read_posts(archive, bounds=ImportSettings())
    posts = list(reading.posts)
    assert not reading.skipped
    assert len({post.text for post in posts}) == len({post.id for post in posts}) == len(tweets(archive))
    shares = {
        kind: sum(post.kind == kind for post in posts) / len(posts) for kind in ("retweet", "reply", "quote")
    }
    assert shares == pytest.approx({"retweet": 0.1, "reply": 0.63, "quote": 0.04}, abs=0.05)


def test_what_is_noted_of_a_text_stands_at_the_places_given(archive: Path) -> None:
    seen = set()
    for tweet in tweets(archive):
        text, notes = tweet["full_text"], tweet["entities"]
        assert tweet["display_text_range"] == ["0", str(len(text))]
        for kind, mark, key in (
            ("user_mentions", "@", "screen_name"),
            ("hashtags", "#", "text"),
            ("urls", "", "url"),
        ):
            for noted in notes[kind]:
                start, end = map(int, noted["indices"])
                assert text[start:end] == mark + noted[key]
                seen.add(kind)
        for photo in tweet.get("extended_entities", {}).get("media", []):
            start, end = map(int, photo["indices"])
            assert text[start:end] == photo["url"] == notes["media"][0]["url"]
            seen.add("photos")
    assert seen == {"user_mentions", "hashtags", "urls", "photos"}


def test_the_same_each_time(archive: Path, tmp_path: Path) -> None:
    write_archive(tmp_path, SIZE)
    assert tweets(tmp_path) == tweets(archive)
