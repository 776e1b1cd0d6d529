"""Mastodon's archives: every packing, what is left out and counted, and HTML as a person reads it."""

import gzip
import json
import tarfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli import app
from data.errors import InputError
from data.posts import Post
from data.settings import ImportSettings
from data.sources import Reading, read_posts
from data.sources.markup import text_from_html
from tests.archives import Element, moment, zip_folder
from tests.other_archives import (
    ACTOR,
    EVERYONE,
    boost,
    note_activity,
    status_id,
    tar_folder,
    write_mastodon,
)
from tests.posts import clean, texts

LONG_LINK = (
    '<a href="https://example.org/kettles/why-they-sing" target="_blank" rel="nofollow noopener">'
    '<span class="invisible">https://</span><span class="ellipsis">example.org/kettles/why</span>'
    '<span class="invisible">-they-sing</span></a>'
)
MENTION = (
    '<span class="h-card"><a href="https://other.example/@bo" class="u-url mention">@<span>bo</span></a></span>'
)


def read(path: Path, **options: str) -> tuple[Reading, list[Post]]:
    reading = read_posts(path, bounds=ImportSettings(), **options)  # type: ignore[arg-type] # all are optional texts
    return reading, list(reading.posts)


@pytest.mark.parametrize("form", ["folder", "zip", "tar.gz", "tar", "pax", "gnu", "nested", "outbox.json"])
def test_every_packing(tmp_path: Path, form: str) -> None:
    folder = write_mastodon(tmp_path / "archive", ["<p>One &amp; only.</p>", "<p>Two 🦜</p>"])
    top = "archive-of-ada/" + "deep-" * 30 + "down"  # above the 100 characters of a plain tar header
    path = {
        "folder": lambda: folder,
        "zip": lambda: zip_folder(folder, tmp_path / "archive.zip"),
        "tar.gz": lambda: tar_folder(folder, tmp_path / "archive.tar.gz"),
        "tar": lambda: tar_folder(folder, tmp_path / "archive.tar", mode="w", top="."),
        "pax": lambda: tar_folder(folder, tmp_path / "a.tgz", top=top, style=tarfile.PAX_FORMAT),
        "gnu": lambda: tar_folder(folder, tmp_path / "a.tgz", top=top, style=tarfile.GNU_FORMAT),
        "nested": lambda: tar_folder(folder, tmp_path / "a.tgz", top="archive-2026"),
        "outbox.json": lambda: folder / "outbox.json",
    }[form]()
    reading, posts = read(path)
    assert (reading.handle, reading.format, reading.proven) == ("ada_example@kettles.example", "mastodon", True)
    assert [post.text for post in posts] == ["One & only.", "Two 🦜"]
    assert [post.id for post in posts] == [status_id(0), status_id(1)]
    assert posts[1].created_at == moment(1)
    assert (posts[1].kind, posts[1].lang) == ("post", "en")
    assert not reading.skipped


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    followers = [f"{ACTOR}/followers"]
    posts: list[str | Element] = [
        "<p>To everyone.</p>",
        boost(1),
        boost(2),
        note_activity("<p>Unlisted.</p>", 3, to=followers, cc=[EVERYONE]),
        note_activity("<p>To followers.</p>", 4, to=followers, cc=[]),
        note_activity("<p>To Bo.</p>", 5, to="https://other.example/users/bo", cc=[]),
        note_activity("<p>Gone!</p>", 6, summary="Spoiler"),
        note_activity("<p>A picture behind a curtain.</p>", 7, sensitive=True),
        note_activity("<p>Which tea?</p>", 8, type="Question", oneOf=[{"type": "Note", "name": "Green"}]),
        note_activity("", 9),
        note_activity("<p>Not mine.</p>", 10, attributedTo="https://other.example/users/bo"),
        note_activity("<p>Odd.</p>", 11, type=["Note"]),
        note_activity("<p>To everyone alone.</p>", 12, to=EVERYONE, cc=None),
        {"type": "Delete", "object": "x"},
        {"type": "Create", "object": None},
    ]
    reading, found = read(write_mastodon(tmp_path, posts))
    assert [post.text for post in found] == [
        "To everyone.",
        "Unlisted.",
        "A picture behind a curtain.",
        "Which tea?",
        "To everyone alone.",
    ]
    assert reading.skipped == {
        "boosts": 2,
        "not public": 2,
        "behind a content warning": 1,
        "without text": 1,
        "other authors": 1,
        "not posts": 3,
    }


def test_kinds_parents_and_languages(tmp_path: Path) -> None:
    parent = "https://other.example/users/bo/statuses/110000000000000001"
    posts: list[str | Element] = [
        note_activity("<p>Yes.</p>", 0, inReplyTo=parent),
        note_activity("<p>See this.</p>", 1, quote=parent),
        note_activity("<p>Guten Tag.</p>", 2, contentMap={"de": "<p>Guten Tag.</p>"}),
        note_activity("", 3, contentMap={"pt-BR": "<p>Bom dia.</p>"}),
        note_activity("<p>Tea.</p>", 4, contentMap="x", tag="y", inReplyTo={"id": 1}, published=7),
        note_activity("<p>Tea.</p>", 5, id="https://kettles.example/users/ada/statuses/01HXYZ"),
        note_activity("<p>Tea.</p>", 6, id="urn:uuid:a b"),
        note_activity("<p>Tea.</p>", 7, id=None),
    ]
    found = read(write_mastodon(tmp_path, posts))[1]
    assert [post.kind for post in found[:4]] == ["reply", "quote", "post", "post"]
    assert found[0].reply_to_id == "110000000000000001"
    assert [post.lang for post in found[2:5]] == ["de", "pt-BR", None]
    assert found[3].text == "Bom dia."
    assert (found[4].kind, found[4].reply_to_id, found[4].created_at) == ("reply", None, None)
    assert found[5].id == "01HXYZ"
    assert len({post.id for post in found}) == 8


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>One<br>two<br/>three<br />four</p>", "One\ntwo\nthree\nfour"),
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("<p>Caf&eacute; &lt;3 &amp;amp; &#39;so&#39;</p>", "Café <3 &amp; 'so'"),
        (f"<p>{MENTION} look: {LONG_LINK}!</p>", "@bo look: https://example.org/kettles/why-they-sing!"),
        ('<p>Read <a href="https://example.org/x">my essay</a> now</p>', "Read my essay now"),
        ('<a href="https://example.org/long/way">example.org/lo…</a>', "https://example.org/long/way"),
        ('<a href="https://x.example/tags/tea" class="mention hashtag" rel="tag">#<span>tea</span></a>', "#tea"),
        ("<ul><li>one</li><li>two <b>bold</b></li></ul><p>end</p>", "one\ntwo bold\n\nend"),
        ('<p class="quote-inline">RE: <a href="https://q.example">q</a></p><p>Mine</p>', "Mine"),
        ('Mine<span class="quote-inline"><br/>RE: <span>q</span></span> on', "Mine on"),
        ("<p>One\ntwo</p>", "One two"),
        ("<!-- no --><p>a<script>alert(1)</script>b<style>p{}</style></p>", "ab"),
        ('<P CLASS="x">Loud</P>', "Loud"),
        ("a < b > c", "a < b > c"),
        ('<p>never closed <a href="https://x.example/y">x.example/y', "never closed https://x.example/y"),
        ('<p title="a>b">quoted</p>', "quoted"),
        ("<p>:tea: and :coffee: at 10:30:15</p>", "and :coffee: at 10:30:15"),
        ("", ""),
    ],
)
def test_html_as_it_is_read(source: str, text: str) -> None:
    assert text_from_html(source, {"tea"}) == text


def test_custom_emoji_and_cleaning(tmp_path: Path) -> None:
    tags = [{"type": "Emoji", "name": ":blobtea:"}, {"type": "Mention", "name": "@bo@other.example"}, None]
    post = note_activity(f"<p>{MENTION} the kettle :blobtea: sings, see {LONG_LINK}</p>", tag=tags)
    found = read(write_mastodon(tmp_path, [post]))[1]
    assert clean(found, "default")[0] == ["the kettle sings, see"]


def test_whose_it_is(tmp_path: Path) -> None:
    folder = write_mastodon(tmp_path / "archive")
    reading, posts = read(folder, handle="ada_example")
    assert (reading.handle, reading.proven, posts[0].handle) == ("ada_example", False, "ada_example")
    assert read(folder, handle="@Ada_Example@kettles.example")[0].proven
    sentence = (
        "archive is the archive of @ada_example@kettles.example, not of @bo; leave --handle out or correct it"
    )
    with pytest.raises(InputError, match=sentence):
        read(folder, handle="bo")


def test_without_the_actor_the_first_post_names_them(tmp_path: Path) -> None:
    folder = write_mastodon(tmp_path / "archive", actor=False)
    reading, _ = read(folder)
    assert (reading.handle, reading.proven) == ("ada_example@kettles.example", False)
    for author in ("https://kettles.example/ap/users/1157", "not an address", "http://[", 7):
        write_mastodon(folder, [note_activity("<p>Tea.</p>") | {"actor": author}], actor=False)
        with pytest.raises(InputError, match="doesn't say whose posts these are; add --handle"):
            read(folder)
    assert read(folder, handle="ada")[0].handle == "ada"


def test_accounts_by_number(tmp_path: Path) -> None:
    folder = write_mastodon(tmp_path)
    actor = "https://kettles.example/ap/users/1157"
    who = {"id": actor, "type": "Person", "preferredUsername": "Ada"}
    (folder / "actor.json").write_text(json.dumps(who), encoding="utf-8")
    outbox = (folder / "outbox.json").read_text(encoding="utf-8").replace(ACTOR, actor)
    (folder / "outbox.json").write_text(outbox, encoding="utf-8")
    reading, posts = read(folder)
    assert (reading.handle, reading.proven, len(posts)) == ("ada@kettles.example", True, 1)


def test_two_archives_in_one_folder(tmp_path: Path) -> None:
    write_mastodon(tmp_path / "one")
    write_mastodon(tmp_path / "two")
    with pytest.raises(InputError, match="holds the archives of several accounts; import them one by one"):
        read(tmp_path)


def test_lists_of_likes_are_no_outbox(tmp_path: Path) -> None:
    folder = write_mastodon(tmp_path)
    with pytest.raises(InputError):
        read(folder / "likes.json")
    with pytest.raises(InputError, match=r"holds no outbox\.json of Mastodon; give the archive"):
        read(folder / "likes.json", format="mastodon")


def test_an_empty_outbox(tmp_path: Path) -> None:
    assert read(write_mastodon(tmp_path, []))[1] == []


def test_a_cut_off_outbox(tmp_path: Path) -> None:
    path = write_mastodon(tmp_path, ["<p>One</p>", "<p>Two</p>"]) / "outbox.json"
    whole = path.read_text(encoding="utf-8")
    for end in (len(whole) - 1, len(whole) - 2, len(whole) // 2):
        path.write_text(whole[:end], encoding="utf-8")
        with pytest.raises(InputError, match=r"outbox\.json is (cut off|damaged)"):
            read(tmp_path)


def test_a_gzipped_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "outbox.json.gz"
    path.write_bytes(gzip.compress((write_mastodon(tmp_path / "a") / "outbox.json").read_bytes()))
    sentence = (
        r"outbox\.json\.gz is a damaged or cut-off tar archive, or none; download it again, or unpack it first"
    )
    with pytest.raises(InputError, match=sentence):
        read(path)


def test_by_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYNAH_HOME", str(tmp_path / "home"))
    folder = write_mastodon(tmp_path / "a", [*(f"<p>{text}</p>" for text in texts(200)), boost(300)])
    path = tar_folder(folder, tmp_path / "archive-20261101.tar.gz")
    result = CliRunner().invoke(app, ["import", str(path), "--json"])
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert (printed["handle"], printed["new"]) == ("ada_example@kettles.example", 200)
    assert printed["provenance"]["source"] == "mastodon"
    assert printed["skipped"] == {"boosts": 1}
    result = CliRunner().invoke(app, ["import", str(path)])
    assert result.exit_code == 0
    assert "not read: 1 boosts" in result.stdout
