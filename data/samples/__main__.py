"""Builds the sample archives: `python -m data.samples` turns every `<handle>.txt` beside it into `<handle>.zip`.

Both accounts are openly fictional, every post written for this project: a lighthouse keeper who reviews the
weather and a robot vacuum cleaner that files complaints. The zips have the layout of a real X archive, so that the
demo goes through the real importer. Same texts, same bytes: times, ids and links are hashes of handle and line.

One post a line; `{link}` becomes a t.co link. A line may start with a kind and a TAB, else it is a plain post:
`RT` @name: text | `REPLY @name` text | `QUOTE` text | `SHORT` text | `NOTE` text | `EDIT` first TAB second
| `DELETED` text
"""

import hashlib
import html
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

Json = dict[str, Any]

FIRST_DAY = datetime(2023, 5, 1, tzinfo=UTC)
SPAN = timedelta(days=730)
EXPORTED = FIRST_DAY + SPAN + timedelta(days=1)
SNOWFLAKE_EPOCH_MS = 1_288_834_974_657
RETWEET_CHARS = 140  # X cuts the text of a retweet here
NOTE_CHARS = 276  # and that of a long post about here
LETTERS = "abcdefghijkmnopqrstuvwxyzABCDEF9"
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

PROFILES = {
    "dustbin_4000": ("DUSTBIN-4000 (fictional)", "Robot vacuum cleaner. Files complaints. Invented for Mynah."),
    "lampkeeper_ode": ("The Lampkeeper (fictional)", "Lighthouse keeper. Reviews weather. Invented for Mynah."),
}
README = """This archive belongs to a fictional account. No such person, robot or account exists.

It was written for Mynah and has the layout of the archive that X hands out when you ask it for your data, so that
you can try the program before you bring your own. Start with data/tweets.js; texts longer than a post are in
data/note-tweet.js, and data/deleted-tweets.js holds what its author took back (Mynah leaves that alone).
"""

_MENTION = re.compile(r"(?<!\w)@([A-Za-z0-9_]+)")
_HASHTAG = re.compile(r"(?<!\w)#(?=\w*[^\W\d])(\w+)")
_LINK = re.compile(r"(https://t\.co/\w{10})")


def number(*seed: object) -> int:
    """A large number that depends on nothing but the seed, on any machine."""
    return int.from_bytes(hashlib.sha256(repr(seed).encode()).digest()[:12])


def snowflake(at: datetime, *seed: object) -> str:
    milliseconds = (at - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)
    return str((milliseconds - SNOWFLAKE_EPOCH_MS) << 22 | number("id", *seed) % (1 << 22))


def user_id(name: str) -> str:
    return str(10**17 + number("user", name.lower()) % 10**17)


def iso(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def stamp(at: datetime) -> str:
    """`Wed Oct 10 20:19:24 +0000 2018`, whatever the locale."""
    return f"{DAYS[at.weekday()]} {MONTHS[at.month - 1]} {at:%d %H:%M:%S +0000 %Y}"


def found(pattern: re.Pattern[str], text: str, /, **named: Callable[[str], str]) -> list[Json]:
    """An entity for every match, with its place in code points; each of `named` makes a value of what matched."""
    return [
        {key: value(match[1]) for key, value in named.items()}
        | {"indices": [str(match.start()), str(match.end())]}
        for match in pattern.finditer(text)
    ]


def cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


@dataclass
class Archive:
    """What the files of one archive hold, filled line by line."""

    handle: str
    lines: list[str]
    tweets: list[Json] = field(default_factory=list)
    deleted: list[Json] = field(default_factory=list)
    notes: list[Json] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)  # short -> expanded

    def __post_init__(self) -> None:
        named = re.findall(r"^(?:RT\t|REPLY )@([A-Za-z0-9_]+)", "\n".join(self.lines), re.MULTILINE)
        self.friends = sorted(set(named)) or ["example"]
        for line in range(len(self.lines)):
            self.add(line)

    def when(self, line: int) -> datetime:
        share = (line + number("when", self.handle, line) % 1000 / 1000) / len(self.lines)
        moment = FIRST_DAY + SPAN * share
        return moment.replace(microsecond=(300 + number("ms", self.handle, line) % 600) * 1000)

    def short_link(self, expanded: str) -> str:
        drawn = number("link", self.handle, expanded)
        short = "https://t.co/" + "".join(LETTERS[drawn >> 6 * place & 31] for place in range(10))
        self.links[short] = expanded
        return short

    def entities(self, text: str) -> Json:
        return {
            "hashtags": found(_HASHTAG, text, text=str),
            "symbols": [],
            "user_mentions": found(_MENTION, text, name=str, screen_name=str, id_str=user_id, id=user_id),
            "urls": found(
                _LINK,
                text,
                url=str,
                expanded_url=self.links.__getitem__,
                display_url=lambda short: cut(self.links[short].removeprefix("https://"), 27),
            ),
        }

    def tweet(self, text: str, at: datetime, line: int, version: int = 0) -> Json:
        escaped, tweet_id = html.escape(text, quote=False), snowflake(at, self.handle, line, version)
        likes = number("likes", self.handle, line)
        return {
            "edit_info": {"initial": edit_control([tweet_id], at)},
            "retweeted": False,
            "source": '<a href="https://mobile.twitter.com" rel="nofollow">Twitter Web App</a>',
            "entities": self.entities(escaped),
            "display_text_range": ["0", str(len(escaped))],
            "favorite_count": str(likes % 40),
            "id_str": tweet_id,
            "truncated": False,
            "retweet_count": str(likes // 40 % 6),
            "id": tweet_id,
            "created_at": stamp(at),
            "favorited": False,
            "full_text": escaped,
            "lang": "en",
        }

    def add(self, line: int) -> None:
        kind, tab, rest = self.lines[line].partition("\t")
        if not tab:
            kind, rest = "POST", kind
        at = self.when(line)
        while "{link}" in rest:
            page = f"https://example.com/{self.handle}/{line}-{rest.index('{link}')}"
            rest = rest.replace("{link}", self.short_link(page), 1)
        match kind.split():
            case ["POST" | "SHORT"]:
                self.tweets.append(self.tweet(rest, at, line))
            case ["RT"]:
                self.tweets.append(self.tweet(cut(f"RT {rest}", RETWEET_CHARS), at, line))
            case ["REPLY", *names]:
                self.tweets.append(self.reply([name.removeprefix("@") for name in names], rest, at, line))
            case ["QUOTE"]:
                friend = self.friends[number("friend", self.handle, line) % len(self.friends)]
                quoted = snowflake(at - timedelta(hours=3), "quoted", self.handle, line)
                link = self.short_link(f"https://twitter.com/{friend}/status/{quoted}")
                self.tweets.append(self.tweet(f"{rest} {link}", at, line))
            case ["EDIT"]:
                self.tweets.extend(self.edited(rest, at, line))
            case ["NOTE"]:
                self.tweets.append(self.tweet(cut(rest, NOTE_CHARS), at, line))
                self.notes.append(self.note(rest, at - timedelta(milliseconds=50 + line % 200), line))
            case ["DELETED"]:
                gone = self.tweet(rest, at, line)
                self.deleted.append(gone | {"deleted_at": stamp(at + timedelta(hours=2))})
            case _:
                raise ValueError(f"{self.handle}.txt, line {line + 1}: unknown kind '{kind}'")

    def reply(self, names: list[str], text: str, at: datetime, line: int) -> Json:
        parent = snowflake(at - timedelta(minutes=5 + line % 300), "parent", self.handle, line)
        leading = " ".join(f"@{name}" for name in names)
        return self.tweet(f"{leading} {text}", at, line) | {
            "in_reply_to_status_id_str": parent,
            "in_reply_to_status_id": parent,
            "in_reply_to_user_id": user_id(names[0]),
            "in_reply_to_user_id_str": user_id(names[0]),
            "in_reply_to_screen_name": names[0],
        }

    def edited(self, versions: str, at: datetime, line: int) -> Iterator[Json]:
        """Both versions stand in tweets.js, each naming both ids."""
        moments = [at, at + timedelta(minutes=3 + line % 25)]
        pair = [
            self.tweet(text, moment, line, version)
            for version, (text, moment) in enumerate(zip(versions.split("\t"), moments, strict=True))
        ]
        control = edit_control([tweet["id"] for tweet in pair], at)
        yield pair[0] | {"edit_info": {"initial": control}}
        yield pair[1] | {"edit_info": {"edit": {"initialTweetId": pair[0]["id"], "editControlInitial": control}}}

    def note(self, text: str, at: datetime, line: int) -> Json:
        names = {"url": "shortUrl", "expanded_url": "expandedUrl", "display_url": "displayUrl"}
        names |= {"screen_name": "screenName", "text": "text"}

        def placed(kind: str) -> list[Json]:
            return [
                {names[key]: value for key, value in entity.items() if key in names}
                | dict(zip(("fromIndex", "toIndex"), entity["indices"], strict=True))
                for entity in self.entities(text)[kind]  # a note's text is not escaped
            ]

        return {
            "noteTweetId": snowflake(at, "note", self.handle, line),
            "createdAt": iso(at.replace(microsecond=0)),
            "updatedAt": iso(at.replace(microsecond=0)),
            "lifecycle": {"value": "1", "name": "Active", "originalName": "Active", "annotations": {}},
            "core": {
                "styletags": [],
                "urls": placed("urls"),
                "text": text,
                "mentions": placed("user_mentions"),
                "cashtags": [],
                "hashtags": placed("hashtags"),
            },
        }


def edit_control(ids: list[str], first_at: datetime) -> Json:
    return {
        "editTweetIds": ids,
        "editableUntil": iso(first_at + timedelta(hours=1)),
        "editsRemaining": str(6 - len(ids)),
        "isEditEligible": True,
    }


def files_of(archive: Archive) -> Iterator[tuple[str, str]]:
    """(member name, text) of everything in the zip."""
    handle = archive.handle
    name, bio = PROFILES.get(handle, (f"{handle} (fictional)", "Invented for Mynah."))
    account = {
        "email": "",
        "createdVia": "web",
        "username": handle,
        "accountId": user_id(handle),
        "createdAt": iso(FIRST_DAY),
        "accountDisplayName": name,
    }
    profile = {"description": {"bio": bio, "website": "", "location": "nowhere"}, "avatarMediaUrl": ""}
    newest_first = sorted(archive.tweets, key=lambda tweet: -int(tweet["id"]))
    for i in range(9, len(newest_first) - 1, 80):  # real archives are not quite sorted
        newest_first[i : i + 2] = newest_first[i + 1], newest_first[i]
    parts: dict[str, list[Json]] = {
        "account": [{"account": account}],
        "profile": [{"profile": profile}],
        "tweets": [{"tweet": tweet} for tweet in newest_first],
        "note-tweet": [{"noteTweet": note} for note in archive.notes],
        "deleted-tweets": [{"tweet": tweet} for tweet in archive.deleted],
        "community-tweet": [],
    }
    types: Json = {}
    for part, elements in parts.items():
        words, member = part.split("-"), f"data/{part}.js"
        variable = f"YTD.{'_'.join(words)}.part0"
        listed = {"fileName": member, "globalName": variable, "count": str(len(elements))}
        types[words[0] + "".join(word.title() for word in words[1:])] = {"files": [listed]}
        written = json.dumps(elements, ensure_ascii=False, indent=1) if elements else "[ ]"
        yield member, f"window.{variable} = {written}"
    manifest = {
        "userInfo": {"accountId": user_id(handle), "userName": handle, "displayName": name},
        "archiveInfo": {
            "sizeBytes": "0",
            "generationDate": iso(EXPORTED),
            "isPartialArchive": False,
            "maxPartSizeBytes": "53687091200",
        },
        "readmeInfo": {"fileName": "data/README.txt", "directory": "data/", "name": "README.txt"},
        "dataTypes": types,
    }
    yield "data/manifest.js", f"window.__THAR_CONFIG = {json.dumps(manifest, ensure_ascii=False, indent=1)}"
    yield "data/README.txt", README


def build(source: Path, folder: Path) -> Path:
    """Writes `<handle>.zip` for `<handle>.txt` and returns its path."""
    lines = [line for line in source.read_text(encoding="utf-8").split("\n") if line.strip()]
    target = folder / f"{source.stem}.zip"
    files = sorted(files_of(Archive(source.stem, lines)))
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, text in files:
            member = zipfile.ZipInfo(name, EXPORTED.timetuple()[:6])
            member.compress_type, member.create_system, member.external_attr = zipfile.ZIP_DEFLATED, 3, 0o644 << 16
            archive.writestr(member, text.encode())
    return target


def main() -> None:
    here = Path(__file__).parent
    for source in sorted(here.glob("*.txt")):
        target = build(source, here)
        print(f"{target.name}: {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
