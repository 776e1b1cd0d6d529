"""What Discord knows of a person, and what DiscordChatExporter saw: own words on servers, and nothing private."""

import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli import app
from bot.importing import Bringer, admit
from data.errors import InputError, RefusedError
from data.posts import Post, Provenance
from data.settings import ImportSettings, Settings
from data.sources import Reading, read_posts
from data.sources.markup import text_from_discord
from data.store import open_store
from tests.archives import Element, moment, write_x_archive, zip_folder
from tests.other_archives import (
    DISCORD_ID,
    channel,
    discord_id,
    exported,
    message,
    tar_folder,
    write_discord_export,
    write_discord_package,
)
from tests.posts import texts

PRIVATE = channel(3, guild=None)


def read(path: Path, **options: str) -> tuple[Reading, list[Post]]:
    reading = read_posts(path, bounds=ImportSettings(), **options)  # type: ignore[arg-type] # all are optional texts
    return reading, list(reading.posts)


@pytest.mark.parametrize("folders", [("Messages", "Account"), ("messages", "account"), ("Nachrichten", "Konto")])
@pytest.mark.parametrize("form", ["folder", "zip", "nested zip", "tar.gz"])
@pytest.mark.parametrize("table", [True, False])
def test_every_packing(tmp_path: Path, folders: tuple[str, str], form: str, table: bool) -> None:
    said: list[tuple[Element, list[str | Element]]] = [
        (channel(1), ["The kettle is on.", 'He said "tea",\nthen left 🦜']),
        (channel(2, kind=0), [message("From another room", 7)]),
        (PRIVATE, [message("A secret", 9)]),
    ]
    folder = write_discord_package(tmp_path / "package", said, table=table, folders=folders)
    path = folder
    if form == "tar.gz":
        path = tar_folder(folder, tmp_path / "package.tar.gz")
    elif form != "folder":
        path = zip_folder(folder, tmp_path / "package.zip", top="package" if form == "nested zip" else "")
    reading, posts = read(path)
    assert (reading.handle, reading.format, reading.proven) == ("ada_example", "discord-package", True)
    assert [post.text for post in posts] == [
        "The kettle is on.",
        'He said "tea",\nthen left 🦜',
        "From another room",
    ]
    assert [post.id for post in posts] == [discord_id(moment(n), n) for n in (0, 1, 7)]
    assert posts[2].created_at == moment(7)
    assert {post.kind for post in posts} == {"post"}
    assert reading.skipped == {"private conversations": 1}


def test_folders_without_their_letter(tmp_path: Path) -> None:
    folder = write_discord_package(tmp_path / "package", table=True)
    (old,) = (folder / "Messages").glob("c*")
    old.rename(old.with_name(old.name.removeprefix("c")))
    assert [post.text for post in read(folder)[1]] == ["The kettle is on."]


@pytest.mark.parametrize(
    "private",
    [
        PRIVATE,
        channel(3, guild=None) | {"type": 1},
        channel(3, guild=None) | {"type": "3", "name": "us two"},
        channel(3) | {"type": 1},
        channel(3) | {"type": "GROUP_DM"},
        channel(3) | {"guild": None},
        channel(3) | {"guild": "x"},
    ],
)
def test_private_conversations_are_never_opened(tmp_path: Path, private: Element) -> None:
    folder = write_discord_package(tmp_path / "package", [(channel(1), ["Tea."]), (private, ["A secret"])])
    secret = folder / "Messages" / f"c{private['id']}" / "messages.json"
    secret.write_text("nothing that could be read", encoding="utf-8")
    reading, posts = read(folder)
    assert [post.text for post in posts] == ["Tea."]
    assert reading.skipped == {"private conversations": 1}


def test_nothing_but_private_conversations(tmp_path: Path) -> None:
    folder = write_discord_package(tmp_path / "package", [(PRIVATE, ["A secret"])])
    with pytest.raises(
        InputError, match="holds private conversations only, which Mynah doesn't read; give a package"
    ):
        read(folder)


def test_messages_without_words(tmp_path: Path) -> None:
    rows: list[str | Element] = [
        message("", 0, Attachments="https://cdn.example/kettle.png"),
        message("<:kettle:123456789012345678>", 1),
        message("Tea.", 2),
        message("Tea.", 3, ID="7.84609E+17"),
        message("Tea.", 4, Contents=None),
        message("Said at no time.", 5, Timestamp="", ID=discord_id(moment(5))),
    ]
    reading, posts = read(write_discord_package(tmp_path, [(channel(1), rows)]))
    assert [post.text for post in posts] == ["Tea.", "Said at no time."]
    assert posts[1].created_at == moment(5)
    assert reading.skipped == {"without text": 4}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("Hi <@123> and <@!456>, ask <@&789>", "Hi @user and @user, ask @user"),
        ("Go to <#123> at <t:1690000000:R> <:tea:123><a:dance:456>", "Go to  at"),
        ("</play:123> <id:customize> ||secret||", "/play  secret"),
        ("See <https://example.org/a> or [here](https://example.org/b)", "See https://example.org/a or here"),
        ("Look:\n```py\nprint('<@1>')\n```done", "Look:\ndone"),
        ("```never closed", ""),
        ("> their words\nmy words\n> theirs", "my words"),
        ("mine\n>>> theirs\nand theirs", "mine"),
        ("2 > 1 and >_<", "2 > 1 and >_<"),
        ("`code` **bold** :smile: 🦜", "`code` **bold** :smile: 🦜"),
    ],
)
def test_marks(source: str, text: str) -> None:
    assert text_from_discord(source) == text


def test_whose_it_is(tmp_path: Path) -> None:
    folder = write_discord_package(tmp_path / "package")
    assert read(folder, handle="@Ada_Example")[0].proven
    with pytest.raises(
        InputError, match="is the package of @ada_example, not of @bo; leave --handle out or correct"
    ):
        read(folder, handle="bo")
    for user in ({"id": "1", "username": "Ada of the Kettles"}, {"id": "1", "username": 7}, {"id": "1"}):
        write_discord_package(folder, user=user)
        with pytest.raises(InputError, match="doesn't say whose messages these are; add --handle"):
            read(folder)
    reading, _ = read(folder, handle="ada")
    assert (reading.handle, reading.proven) == ("ada", False)


def test_of_the_account_only_the_name_is_read(tmp_path: Path) -> None:
    folder = write_discord_package(tmp_path / "package")
    start = f'{{"id": "{DISCORD_ID}", "username": "ada_example", "email": '
    (folder / "Account" / "user.json").write_text(start + "this is never parsed", encoding="utf-8")
    assert read(folder)[0].proven


def test_two_packages_in_one_folder(tmp_path: Path) -> None:
    write_discord_package(tmp_path / "one")
    write_discord_package(tmp_path / "two", user={"id": "2", "username": "bo"})
    with pytest.raises(InputError, match="holds the packages of several accounts; import them one by one"):
        read(tmp_path)


def test_a_package_without_messages(tmp_path: Path) -> None:
    folder = write_discord_package(tmp_path / "package")
    next(folder.rglob("messages.json")).unlink()
    with pytest.raises(InputError, match="holds no messages as Discord packs them; give the package"):
        read(folder, format="discord-package")


def test_other_files_of_a_package_are_never_opened(tmp_path: Path) -> None:
    path = zip_folder(write_discord_package(tmp_path / "package"), tmp_path / "package.zip")
    with zipfile.ZipFile(path, "a") as package:
        package.writestr("Activity/analytics/events-2026-00000-of-00001.json", "{not even json")
        package.writestr("Messages/index.json.json", "no")
    assert len(read(path)[1]) == 1


# --- DiscordChatExporter


def test_one_person_out_of_a_channel(tmp_path: Path) -> None:
    reference = {"type": "Default", "messageId": discord_id(moment(0)), "channelId": "1", "guildId": "2"}
    bot = exported("", 6)["author"] | {"isBot": True}
    mentioned = [{"id": "1", "name": "bo", "nickname": "Bo of the Hills"}, {"id": "2", "name": "bobby"}]
    emoji = [{"id": "123", "name": "teapot", "code": "teapot"}, {"id": "", "name": "🦜", "code": "parrot"}]
    messages = [
        exported("Is it tea?", 0, "bo"),
        exported("The kettle is on.", 1),
        exported("Yes, @Bo of the Hills and @bobby :teapot:!", 2, type="Reply", reference=reference)
        | {"mentions": mentioned, "inlineEmojis": emoji},
        exported("Ada joined.", 3, type="GuildMemberJoin"),
        exported("", 4),
        exported("Beep.", 6, author=bot),
        exported("Odd.", 7, type=["Default"], mentions="x", author=None),
    ]
    reading, posts = read(write_discord_export(tmp_path / "tea.json", messages), handle="Ada_Example")
    assert (reading.format, reading.proven) == ("discord-export", False)
    assert [post.text for post in posts] == ["The kettle is on.", "Yes, @user and @user !"]
    assert [post.kind for post in posts] == ["post", "reply"]
    assert posts[0].created_at == moment(1)
    assert posts[1].reply_to_id == discord_id(moment(0))
    assert reading.skipped == {"other authors": 3, "not posts": 1, "without text": 1}


def test_several_channels(tmp_path: Path) -> None:
    write_discord_export(tmp_path / "tea.json", [exported("Tea.", 1)])
    write_discord_export(tmp_path / "toast.json", [exported("Toast.", 2)])
    write_discord_export(tmp_path / "us.json", [exported("Secret.", 3)], guild="0", kind="DirectTextChat")
    (tmp_path / "package.json").write_text("{}", encoding="utf-8")
    reading, posts = read(tmp_path, handle="ada_example")
    assert [post.text for post in posts] == ["Tea.", "Toast."]
    assert reading.skipped == {"private conversations": 1}


def test_exports_that_say_too_little(tmp_path: Path) -> None:
    path = write_discord_export(tmp_path / "tea.json", [exported("Tea.", 1)])
    with pytest.raises(InputError, match="holds messages by many people; choose one by --handle"):
        read(path)
    with pytest.raises(InputError, match="holds no messages by @bo, but by @ada_example; correct --handle"):
        read(path, handle="bo")
    write_discord_export(path, [exported("Secret.", 1)], guild="0")
    with pytest.raises(InputError, match="is a private conversation, which Mynah doesn't read"):
        read(path, handle="ada_example")
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="holds no JSON of DiscordChatExporter"):
        read(path, handle="ada", format="discord-export")


@pytest.mark.parametrize("kind", ["discord-package", "discord-export"])
def test_by_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setenv("MYNAH_HOME", str(tmp_path / "home"))
    if kind == "discord-package":
        folder = write_discord_package(tmp_path / "a", [(channel(1), texts(200)), (PRIVATE, ["A secret"])])
        path = zip_folder(folder, tmp_path / "package.zip")
        expected = {"private conversations": 1}
    else:
        rows = [*(exported(text, n) for n, text in enumerate(texts(200))), exported("Tea?", 900, "bo")]
        path = write_discord_export(tmp_path / "tea.json", rows)
        expected = {"other authors": 1}
    command = ["import", str(path), "--json", *(["--handle", "ada_example"] if kind == "discord-export" else [])]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert (printed["handle"], printed["new"]) == ("ada_example", 200)
    assert printed["provenance"]["source"] == kind
    assert printed["skipped"] == expected


async def test_a_name_on_discord_proves_none_elsewhere(tmp_path: Path) -> None:
    folder = write_discord_package(tmp_path / "package")
    archive = write_x_archive(tmp_path / "archive", ["Tea."], handle="ada_example")
    on_x, on_discord = (
        Provenance(source, "x", "0" * 64, datetime(2026, 11, 21, tzinfo=UTC), "a test")
        for source in ("json-lines", "discord-package")
    )
    for origin, own, foreign in ((on_discord, folder, archive), (on_x, archive, folder)):
        async with open_store(Settings(home=tmp_path / origin.source, _env_file=None).database) as store:
            await store.posts.add("ada_example", [Post("1", "ada_example", "Tea.")], origin)
            bringer = Bringer("discord:1", "discord:10")
            with pytest.raises(RefusedError, match="brought by the operator"):
                await admit(store, bringer, read(foreign)[0])
            assert (await admit(store, bringer, read(own)[0])).owner == "discord:1"
