"""Writes small archives in the real formats, as X and other tools make them. Every text here is made up.

`tweet(...)` makes one element; `write_x_archive`, `write_grailbird` and `zip_folder` make what people import.
"""

import json
import zipfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

HANDLE = "ada_example"
FIRST = datetime(2022, 3, 1, 12, 0, 0, tzinfo=UTC)
Element = dict[str, Any]
# What lies beside the posts in a real archive and must never be opened.
PRIVATE = (
    "direct-messages.js",
    "ip-audit.js",
    "email-address-change.js",
    "phone-number.js",
    "contact.js",
    "like.js",
)


def moment(number: int) -> datetime:
    """When the post with that number was written: one a minute from FIRST."""
    return FIRST + timedelta(minutes=number)


def snowflake(at: datetime, sequence: int = 0) -> str:
    """The id X gives to a post of that time."""
    return str(((int(at.timestamp() * 1000) - 1_288_834_974_657) << 22) | sequence)


def x_time(at: datetime) -> str:
    """`Wed Oct 10 20:19:24 +0000 2018`, in English on every machine."""
    days = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    return f"{days[at.weekday()]} {months[at.month - 1]} {at:%d %H:%M:%S} +0000 {at.year}"


def tweet(text: str, number: int = 0, *, at: datetime | None = None, **changes: Any) -> Element:
    """One bare tweet as tweets.js has it; `text` is raw. `changes` replace or add fields."""
    at = at or moment(number)
    post_id = snowflake(at, number % 4096)
    return {
        "edit_info": {"initial": {"editTweetIds": [post_id], "editsRemaining": "5", "isEditEligible": True}},
        "retweeted": False,
        "source": '<a href="https://example.org" rel="nofollow">Example Web App</a>',
        "entities": {"hashtags": [], "symbols": [], "user_mentions": [], "urls": []},
        "display_text_range": ["0", str(len(text))],
        "favorite_count": "0",
        "id_str": post_id,
        "truncated": False,
        "retweet_count": "0",
        "id": post_id,
        "created_at": x_time(at),
        "favorited": False,
        "full_text": text,
        "lang": "en",
    } | changes


def note(text: str, number: int = 0, *, at: datetime | None = None, name: str = "Active") -> Element:
    """One element of note-tweet.js; `text` is whole and has no entities. Its id is related to nothing."""
    at = at or moment(number)
    return {
        "noteTweet": {
            "noteTweetId": str(int(snowflake(at)) - 77_000_000),
            "createdAt": f"{at:%Y-%m-%dT%H:%M:%S}.000Z",
            "lifecycle": {"value": "1", "name": name, "originalName": "Active", "annotations": []},
            "core": {"text": text, "urls": [], "mentions": [], "hashtags": [], "cashtags": [], "styletags": []},
        }
    }


def javascript(name: str, value: object) -> str:
    """A file of the archive: `window.YTD.tweets.part0 = [ … ]`."""
    return f"{name} = {json.dumps(value, ensure_ascii=False, indent=2)}"


def write_x_archive(
    folder: Path,
    posts: Sequence[str | Element] = ("Hello there, world.",),
    *,
    notes: Sequence[Element] = (),
    community: Sequence[Element] = (),
    deleted: Sequence[Element] = (),
    handle: str | None = HANDLE,
    former_handles: Sequence[str] = (),
    parts: int = 1,
    layout: str = "2022",
) -> Path:
    """An unpacked archive of X in `folder`. Plain texts become tweets, one a minute.

    `handle=None` leaves account.js and manifest.js out. Layouts: "2022" (data/tweets.js), "2020" (data/tweet.js),
    "2018" (tweet.js in the root, elements bare).
    """
    elements = [tweet(post, number) if isinstance(post, str) else post for number, post in enumerate(posts)]
    data = folder if layout == "2018" else folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    word = "tweets" if layout == "2022" else "tweet"

    def write(file_name: str, name: str, value: object) -> None:
        (data / file_name).write_text(javascript(name, value), encoding="utf-8")

    for part in range(parts):
        share = elements[part::parts]
        file_name = f"{word}-part{part}.js" if part else f"{word}.js"
        write(file_name, f"window.YTD.{word}.part{part}", share if layout == "2018" else _wrapped(share))
    write("community-tweet.js", "window.YTD.community_tweet.part0", _wrapped(community))
    write("note-tweet.js", "window.YTD.note_tweet.part0", list(notes))
    write("deleted-tweets.js", "window.YTD.deleted_tweets.part0", _wrapped(deleted))
    for file_name in PRIVATE:
        write(
            file_name,
            f"window.YTD.{file_name.removesuffix('.js').replace('-', '_')}.part0",
            [{"secret": "secret"}],
        )
    if handle is not None:
        account = {
            "email": "secret@example.org",
            "username": handle,
            "accountId": "1",
            "accountDisplayName": "Ada",
        }
        write("account.js", "window.YTD.account.part0", [{"account": account}])
        files = [
            {"fileName": f"data/{word}-part{part}.js" if part else f"data/{word}.js", "count": str(len(elements))}
            for part in range(parts)
        ]
        manifest = {"userInfo": {"accountId": "1", "userName": handle}, "dataTypes": {word: {"files": files}}}
        write("manifest.js", "window.__THAR_CONFIG", manifest)
    changes = [
        {"screenNameChange": {"accountId": "1", "screenNameChange": {"changedFrom": name, "changedTo": handle}}}
        for name in former_handles
    ]
    write("screen-name-change.js", "window.YTD.screen_name_change.part0", changes)
    return folder


def _wrapped(elements: Sequence[Element]) -> list[Element]:
    return [{"tweet": element} for element in elements]


def old_tweet(
    text: str, number: int = 0, *, handle: str = HANDLE, month: str = "2013_06", **changes: Any
) -> Element:
    """One tweet as archives of 2012-2018 have it: the id a number, `text`, the author with each."""
    at = datetime.strptime(f"{month} +0000", "%Y_%m %z") + timedelta(hours=12, minutes=number)
    return {
        "source": "web",
        "entities": {"user_mentions": [], "media": [], "hashtags": [], "urls": []},
        "geo": {},
        "id_str": snowflake(at, number % 4096),
        "text": text,
        "id": int(snowflake(at, number % 4096)),
        "created_at": f"{at:%Y-%m-%d %H:%M:%S} +0000",
        "user": {
            "name": "Ada",
            "screen_name": handle,
            "protected": False,
            "id_str": "1",
            "id": 1,
            "verified": False,
        },
    } | changes


def write_grailbird(
    folder: Path,
    months: Mapping[str, Sequence[str | Element]],
    *,
    handle: str = HANDLE,
    details: bool = True,
    table: str | None = None,
) -> Path:
    """An unpacked archive of 2012-2018; `months` by "2013_06". `table` is the text of tweets.csv."""
    scripts = folder / "data" / "js"
    (scripts / "tweets").mkdir(parents=True, exist_ok=True)
    for month, posts in months.items():
        elements = [
            old_tweet(post, number, handle=handle, month=month) if isinstance(post, str) else post
            for number, post in enumerate(posts)
        ]
        # These files escape everything beyond ASCII.
        script = f"Grailbird.data.tweets_{month} = \n {json.dumps(elements, indent=1)}"
        (scripts / "tweets" / f"{month}.js").write_text(script, encoding="utf-8")
    if details:
        value = {"screen_name": handle, "location": "", "full_name": "Ada", "id": "1"}
        (scripts / "user_details.js").write_text(f"var user_details =  {json.dumps(value)}", encoding="utf-8")
    if table is not None:
        (folder / "tweets.csv").write_text(table, encoding="utf-8", newline="")
    return folder


def zip_folder(folder: Path, target: Path, *, top: str = "", method: int = zipfile.ZIP_DEFLATED) -> Path:
    """All files of `folder` as the zip `target`, under the folder `top` where one is named."""
    with zipfile.ZipFile(target, "w", method) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, f"{top}/{file.relative_to(folder)}" if top else str(file.relative_to(folder)))
    return target


def write_json_lines(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    """One object a line."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path
