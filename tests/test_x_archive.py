"""The archive of 2018 until today: every layout, and every trap that was met in real ones."""

import io
import os
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from data.errors import InputError, NotFoundError
from data.posts import Post
from data.settings import ImportSettings
from data.sources import Reading, read_posts
from tests.archives import FIRST, PRIVATE, moment, note, snowflake, tweet, write_x_archive, zip_folder

LONG = 'It began as a "short" remark about Ada\'s kettles & grew into an essay on the patience of water. ' * 5


def read(path: Path, **options: str) -> tuple[Reading, list[Post]]:
    reading = read_posts(path, bounds=ImportSettings(), **options)  # type: ignore[arg-type] # all are optional texts
    return reading, list(reading.posts)


def texts(path: Path) -> list[str]:
    return [post.text for post in read(path)[1]]


@pytest.mark.parametrize("layout", ["2022", "2020", "2018"])
@pytest.mark.parametrize("form", ["folder", "zip", "nested zip"])
def test_every_layout_and_wrapping(tmp_path: Path, layout: str, form: str) -> None:
    folder = write_x_archive(tmp_path / "archive", ["One &amp; only.", "Two 🦜"], layout=layout)
    (folder / "__MACOSX").mkdir()
    (folder / "__MACOSX" / "._tweets.js").write_bytes(b"\0\5\x16\x07")
    path = folder
    if form != "folder":
        path = zip_folder(folder, tmp_path / "twitter.zip", top="twitter-2022" if form == "nested zip" else "")
    reading, posts = read(path)
    assert (reading.handle, reading.format, dict(reading.skipped)) == ("ada_example", "x-archive", {})
    assert [post.text for post in posts] == ["One &amp; only.", "Two 🦜"]
    assert posts[1].created_at == moment(1)
    assert posts[1].id == snowflake(moment(1), 1)
    assert posts[0].lang == "en"


def test_parts_and_communities_are_read_in_order(tmp_path: Path) -> None:
    write_x_archive(tmp_path, [f"Post {i}" for i in range(24)], parts=12, community=[tweet("Shared", 50)])
    found = texts(tmp_path)
    assert len(found) == 25
    assert found[:3] == ["Shared", "Post 0", "Post 12"]
    assert found[-4:] == ["Post 10", "Post 22", "Post 11", "Post 23"]


def test_an_archive_in_several_zips_lies_in_one_folder(tmp_path: Path) -> None:
    folder = write_x_archive(tmp_path / "whole", ["One", "Two"], parts=2)
    (tmp_path / "zips").mkdir()
    zip_folder(folder, tmp_path / "zips" / "twitter-1.zip")
    with zipfile.ZipFile(tmp_path / "zips" / "twitter-2.zip", "w") as second:
        second.write(folder / "data" / "tweets-part1.js", "data/tweets-part1.js")
    (folder / "data" / "tweets-part1.js").unlink()
    zip_folder(folder, tmp_path / "zips" / "twitter-1.zip")
    assert sorted(texts(tmp_path / "zips")) == ["One", "Two"]
    reading, posts = read(tmp_path / "zips" / "twitter-1.zip")
    assert len(posts) == 1
    assert reading.skipped == {"missing parts of the archive": 1}


def test_only_the_members_needed_are_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_x_archive(
        tmp_path / "archive", ["One"], deleted=[tweet("Regret", 9)], former_handles=["ada_old"]
    )
    packed = zip_folder(folder, tmp_path / "twitter.zip")
    opened: list[str] = []
    zip_open, file_open = zipfile.ZipFile.open, Path.open

    def spy_zip(self: zipfile.ZipFile, member: zipfile.ZipInfo, *rest: Any) -> Any:
        opened.append(Path(member.filename).name)
        return zip_open(self, member, *rest)

    def spy_file(self: Path, *rest: Any) -> Any:
        opened.append(self.name)
        return file_open(self, *rest)

    monkeypatch.setattr(zipfile.ZipFile, "open", spy_zip)
    monkeypatch.setattr(Path, "open", spy_file)
    allowed = {"tweets.js", "community-tweet.js", "note-tweet.js", "account.js", "manifest.js"}
    for path in (folder, packed):
        opened.clear()
        read(path)
        assert set(opened) - {packed.name} == allowed
        opened.clear()
        read(path, handle="ada_old")
        assert set(opened) - {packed.name} == allowed | {"screen-name-change.js"}
    assert all((folder / "data" / name).exists() for name in PRIVATE)  # or the test would prove nothing


def test_deleted_posts_stay_out(tmp_path: Path) -> None:
    stray = tweet("Also regret", 8, deleted_at="2022-03-02T12:00:00.000Z")
    write_x_archive(tmp_path, ["Kept", stray], deleted=[tweet("Regret", 9)])
    reading, posts = read(tmp_path)
    assert [post.text for post in posts] == ["Kept"]
    assert reading.skipped == {"deleted": 1}


def test_kinds(tmp_path: Path) -> None:
    quoted = {"urls": [{"url": "https://t.co/a", "expanded_url": "https://x.com/bo_example/status/12"}]}
    linked = {"urls": [{"url": "https://t.co/a", "expanded_url": "https://example.org/x.com/status/12"}]}
    write_x_archive(
        tmp_path,
        [
            tweet("Plain", 0),
            tweet("RT @bo_example: theirs…", 1),
            tweet("RT @ the parties", 2),
            tweet("@bo_example yes", 3, in_reply_to_status_id="7", in_reply_to_status_id_str="7"),
            tweet("and another thing", 4, in_reply_to_status_id="8", in_reply_to_user_id="1"),
            tweet("@gone_example the parent was deleted", 5),
            tweet("This https://t.co/a", 6, entities=quoted),
            tweet("That https://t.co/a", 7, entities=linked),
            tweet("so true RT @bo_example: by hand", 8),
        ],
    )
    _, posts = read(tmp_path)
    assert [post.kind for post in posts] == [
        "post", "retweet", "post", "reply", "reply", "reply", "quote", "post", "post",
    ]  # fmt: skip
    assert [post.reply_to_id for post in posts[3:6]] == ["7", "8", None]


def test_ids_beyond_doubles_survive_as_text_and_as_numbers(tmp_path: Path) -> None:
    big = 9_007_199_254_740_993  # 2^53 + 1
    write_x_archive(tmp_path, [tweet("Text", 0, id_str=str(big)), tweet("Number", 1, id_str=None, id=big + 2)])
    assert [post.id for post in read(tmp_path)[1]] == [str(big), str(big + 2)]


def test_only_the_last_version_of_an_edited_post_is_read(tmp_path: Path) -> None:
    ids = [snowflake(moment(n), n) for n in range(3)]
    control = {"editTweetIds": ids, "editsRemaining": "3"}
    versions = [
        tweet("Helo", 0, edit_info={"initial": control}),
        tweet("Hello", 1, edit_info={"edit": {"initialTweetId": ids[0], "editControlInitial": control}}),
        tweet("Hello!", 2, edit_info={"edit": {"initialTweetId": ids[0], "editControlInitial": control}}),
    ]
    write_x_archive(tmp_path, [versions[2], tweet("Unrelated", 9), versions[0], versions[1]])
    reading, posts = read(tmp_path)
    assert [post.text for post in posts] == ["Unrelated", "Hello!"]
    assert (posts[1].id, posts[1].edit_of_id) == (ids[2], ids[0])
    assert posts[0].edit_of_id is None
    assert reading.skipped == {"earlier versions of edited posts": 2}


@pytest.mark.parametrize("tail", ["…", "… https://t.co/AbCdEf1234", "… https://t.co/Ab"])
def test_a_note_replaces_the_cut_text_escaped_like_all_others(tmp_path: Path, tail: str) -> None:
    cut = LONG.replace("&", "&amp;")[:270] + tail
    write_x_archive(tmp_path, ["Before", tweet(cut, 5)], notes=[note(LONG, at=moment(5) + timedelta(seconds=1))])
    _, posts = read(tmp_path)
    assert [post.text for post in posts] == ["Before", LONG.replace("&", "&amp;")]
    assert posts[1].id == snowflake(moment(5), 5)


def test_a_note_of_a_reply_gets_its_mentions_back(tmp_path: Path) -> None:
    cut = "@bo_example @cy_example " + LONG[:240].replace("&", "&amp;") + "…"
    write_x_archive(tmp_path, [tweet(cut, 5, in_reply_to_status_id="4")], notes=[note(LONG, 5)])
    _, posts = read(tmp_path)
    assert posts[0].text == "@bo_example @cy_example " + LONG.replace("&", "&amp;")
    assert posts[0].kind == "reply"


def test_a_thread_posted_at_once_gets_the_right_notes(tmp_path: Path) -> None:
    wholes = [f"A thread about birds that all begins in the same way, part {n}: " + LONG for n in range(4)]
    cuts = [tweet(whole.replace("&", "&amp;")[:270] + "…", n, at=FIRST) for n, whole in enumerate(wholes)]
    notes = [note(whole, at=FIRST) for whole in reversed(wholes)]
    for number, element in enumerate(notes):
        element["noteTweet"]["noteTweetId"] = str(5_000_000_000 + number)
    write_x_archive(tmp_path, cuts, notes=notes)
    assert texts(tmp_path) == [whole.replace("&", "&amp;") for whole in wholes]


def test_a_note_is_used_once(tmp_path: Path) -> None:
    cut = LONG[:200] + "…"
    notes = [note(LONG, at=FIRST), note("Another, of another day", 2000)]
    write_x_archive(tmp_path, [tweet(cut, 1, at=FIRST), tweet(cut, 2, at=FIRST)], notes=notes)
    assert texts(tmp_path) == [LONG.replace("&", "&amp;"), cut, "Another, of another day"]


def test_a_note_without_its_post_stands_alone_and_strangers_are_not_joined(tmp_path: Path) -> None:
    elsewhere = tweet(LONG[:270] + "…", 30)  # the same text, but not the same second
    other = tweet("Something else altogether, written in that very second and cut off…", 5)
    short = tweet("It", 5, at=moment(5) + timedelta(milliseconds=3))
    write_x_archive(tmp_path, [elsewhere, other, short], notes=[note(LONG, 5), note("Gone", 6, name="Deleted")])
    reading, posts = read(tmp_path)
    assert [post.text for post in posts] == [
        elsewhere["full_text"], other["full_text"], "It", LONG.replace("&", "&amp;"),
    ]  # fmt: skip
    assert posts[-1].created_at == moment(5)
    assert reading.skipped == {"deleted": 1}


def test_a_short_styled_note_is_joined_once(tmp_path: Path) -> None:
    text = "Bold words, few of them, but a note all the same."
    write_x_archive(tmp_path, [tweet(text, 5)], notes=[note(text, 5)])
    assert texts(tmp_path) == [text]


def test_the_documented_link_between_note_and_post_is_used_where_it_exists(tmp_path: Path) -> None:
    linked = {"noteTweet": {"tweetId": snowflake(moment(3), 3), "noteTweetResults": {"text": LONG}}}
    write_x_archive(tmp_path, [tweet(LONG[:270] + "…", 3)], notes=[linked])
    assert texts(tmp_path) == [LONG.replace("&", "&amp;")]


def test_whose_archive_it_is(tmp_path: Path) -> None:
    write_x_archive(tmp_path, handle="Ada_Example", former_handles=["Ada_Before"])
    assert read(tmp_path)[0].handle == "ada_example"
    assert read(tmp_path, handle="@ADA_example")[0].handle == "ada_example"
    assert read(tmp_path, handle="ada_before")[0].handle == "ada_before"
    with pytest.raises(InputError, match=r"archive of @ada_example, not of @bo_example"):
        read(tmp_path, handle="bo_example")
    (tmp_path / "data" / "account.js").unlink()
    assert read(tmp_path)[0].handle == "ada_example"  # by the manifest
    (tmp_path / "data" / "manifest.js").unlink()
    with pytest.raises(InputError, match="add --handle"):
        read(tmp_path)
    assert read(tmp_path, handle="bo_example")[0].handle == "bo_example"


def test_two_archives_in_one_folder_are_refused(tmp_path: Path) -> None:
    write_x_archive(tmp_path / "a", handle="ada_example")
    write_x_archive(tmp_path / "b", handle="bo_example")
    with pytest.raises(InputError, match="@ada_example and @bo_example; import them one by one"):
        read(tmp_path)


def test_a_lone_tweets_js_looks_only_beside_itself(tmp_path: Path) -> None:
    folder = write_x_archive(tmp_path / "archive", ["One"])
    reading, posts = read(folder / "data" / "tweets.js")
    assert (reading.handle, len(posts)) == ("ada_example", 1)
    alone = (folder / "data" / "tweets.js").rename(tmp_path / "anything.txt")
    with pytest.raises(InputError, match="add --handle"):
        read(alone)
    assert read(alone, handle="ada_example")[0].format == "x-archive"


@pytest.mark.parametrize("name", ["deleted-tweets.js", "direct-messages.js", "like.js"])
def test_other_files_of_the_archive_are_not_posts(tmp_path: Path, name: str) -> None:
    write_x_archive(tmp_path)
    with pytest.raises(InputError, match="nothing Mynah can read"):
        read(tmp_path / "data" / name, handle="ada_example")


def test_byte_order_mark_semicolon_and_half_an_emoji_are_harmless(tmp_path: Path) -> None:
    write_x_archive(tmp_path)
    script = 'window.YTD.tweets.part0 = [{"tweet":{"id":"5","full_text":"cut \\ud83d\\u0000"}}] ;\n'
    (tmp_path / "data" / "tweets.js").write_bytes(b"\xef\xbb\xbf" + script.encode())
    _, posts = read(tmp_path)
    assert posts == [Post("5", "ada_example", "cut ")]


def test_repeated_ids_count_once_and_rows_without_text_are_counted(tmp_path: Path) -> None:
    write_x_archive(tmp_path, [tweet("Once", 1), tweet("Once", 1), tweet("  ", 2), {"full_text": "No id"}])
    reading, posts = read(tmp_path)
    assert [post.text for post in posts] == ["Once"]
    assert reading.skipped == {"repeated": 1, "without text": 2}


def test_times_come_from_the_id_where_they_are_missing(tmp_path: Path) -> None:
    write_x_archive(tmp_path, [tweet("When?", 3, created_at=None), tweet("Early", 4, id_str="123", id="123")])
    assert [post.created_at for post in read(tmp_path)[1]] == [moment(3), moment(4)]


def test_digest_and_progress(tmp_path: Path) -> None:
    folder = write_x_archive(tmp_path / "archive", [f"Post number {n} of many" for n in range(900)])
    first = zip_folder(folder, tmp_path / "a.zip")
    (folder / "data" / "tweets_media").mkdir()
    (folder / "data" / "tweets_media" / "film.mp4").write_bytes(os.urandom(1000))
    second = zip_folder(folder, tmp_path / "b.zip", top="top")
    seen: list[tuple[int, int]] = []
    readings = [
        read_posts(path, bounds=ImportSettings(), progress=lambda done, total: seen.append((done, total)))
        for path in (first, second, folder)
    ]
    for reading in readings:
        assert len(list(reading.posts)) == 900
    assert len({reading.digest for reading in readings}) == 1
    totals = {total for _, total in seen}
    assert len(totals) == 1
    assert seen[-1][0] == seen[-1][1] > 500_000
    (folder / "data" / "tweets.js").write_text("window.YTD.tweets.part0 = []", encoding="utf-8")
    changed = read(folder)[0]
    assert changed.digest != readings[0].digest


def test_posts_are_read_lazily(tmp_path: Path) -> None:
    write_x_archive(tmp_path, ["One"] * 2000)
    reading = read_posts(tmp_path, bounds=ImportSettings())
    before = reading.tree.done
    assert next(reading.posts).text == "One"
    assert before < reading.tree.done < reading.tree.total


def test_unknown_paths_and_formats(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no file or folder nowhere"):
        read(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"no format 'yaml'; use one of x-archive, .*, json-lines, csv"):
        read(write_x_archive(tmp_path), format="yaml")
    with pytest.raises(InputError, match=r"holds no tweets\.js"):
        read(_zip_of(tmp_path / "photos.zip", "photo.jpg", b"\xff\xd8"), format="x-archive")


def _zip_of(path: Path, name: str, content: bytes) -> Path:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, content)
    path.write_bytes(buffer.getvalue())
    return path
