"""A made-up archive of X as real ones are: their fields and spelling, and a mixture of what people post.

In archives of 2020 to 2025 a post takes 1.5 to 3 KB, of which its text is a tenth. Here it takes 2,390 bytes;
50,000 posts would be 120 MB, real ones are 100 to 150.
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from bench.posts import drawn_posts
from tests.archives import HANDLE, snowflake, tweet, write_x_archive

FIRST = datetime(2022, 10, 1, 12, tzinfo=UTC)  # from then on each post says how it may be edited
BETWEEN = timedelta(minutes=20)
RUN = 4_096  # posts in the order of their ids; each second such run stands before the first
LEAST_BYTES = 1_400  # of a post, in the mean

# Shares of the posts: replies, own threads, links, quotes and photos as in an archive of 2024 with 1,223 posts.
# One may be several of these, a reply with a link and a photo.
RETWEETS, REPLIES, THREADS = 0.1, 0.34, 0.33
LINKS, QUOTES, PHOTOS, HASHTAGS, EMOJI, AMPERSANDS = 0.18, 0.13, 0.39, 0.08, 0.12, 0.04
MORE_PHOTOS = 0.25  # of those with one; four at most
CUT_CHARACTERS = 140  # of a retweet

OWNER = "1"
SOURCES = ("Example Web App", "Example for Android", "Example for iPhone")
SIZES = {"thumb": (150, 150), "small": (680, 510), "medium": (1200, 900), "large": (2048, 1536)}  # pixels
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

Fields = dict[str, Any]


def write_archive(folder: Path, size: int, seed: int = 0) -> int:
    """An archive whose tweets.js has `size` bytes, or few more. How many posts it holds, no two of them alike."""
    write_x_archive(folder, ())
    random = Random(seed)
    texts = drawn_posts(size // LEAST_BYTES, seed)
    with (folder / "data" / "tweets.js").open("w", encoding="utf-8") as file:
        file.write("window.YTD.tweets.part0 = [")
        for place, words in enumerate(texts):
            element = {"tweet": _Draft(words, place ^ RUN, random).element()}
            spelled = json.dumps(element, ensure_ascii=False, indent=2, separators=(",", " : "))
            spelled = spelled.replace("[]", "[ ]").replace("\n", "\n  ")
            file.write(f"{',' if place else ''}\n  {spelled}")
            if file.tell() >= size:
                break
        file.write("\n]")
    return place + 1


class _Draft:
    """One post on its way: its text, and what X notes of it, with the places counted in characters."""

    def __init__(self, words: str, number: int, random: Random) -> None:
        self._random = random
        self._number = number
        self._at = FIRST + number * BETWEEN
        self._id = snowflake(self._at, number % 4096)
        self._text = words
        self._notes: dict[str, list[Fields]] = {"hashtags": [], "symbols": [], "user_mentions": [], "urls": []}
        self._media: list[Fields] = []
        self._reply: Fields = {}

    def element(self) -> Fields:
        if self._random.random() < RETWEETS:
            self._retweet()
        else:
            self._decorate()
        fields: Fields = tweet(
            self._text, self._number, at=self._at, source=self._source(), entities=self._notes, **self._reply
        )
        control = fields["edit_info"]["initial"]
        control["editableUntil"] = f"{self._at + timedelta(hours=1):%Y-%m-%dT%H:%M:%S}.000Z"
        fields["favorite_count"] = str(self._random.randrange(40))
        if self._media:
            self._notes["media"] = self._media[:1]
            fields["extended_entities"] = {"media": self._media}
        if self._media or self._notes["urls"]:
            fields["possibly_sensitive"] = False
        return fields

    def _retweet(self) -> None:
        words, self._text = self._text, "RT "
        self._mention()
        self._text += f": {words}"
        if len(self._text) > CUT_CHARACTERS:
            self._text = self._text[: CUT_CHARACTERS - 1] + "…"

    def _decorate(self) -> None:
        kind = self._random.random()
        if kind < REPLIES:
            words, self._text = self._text, ""
            person = self._mention()
            self._text += f" {words}"
            self._answer(person["id"], person["screen_name"])
        elif kind < REPLIES + THREADS:
            self._answer(OWNER, HANDLE)
        for share, add in (
            (AMPERSANDS, self._ampersand),
            (EMOJI, self._emoji),
            (HASHTAGS, self._hashtag),
            (LINKS, self._link),
            (QUOTES, self._quote),
            (PHOTOS, self._photos),
        ):
            if self._random.random() < share:
                add()

    def _answer(self, person: str, name: str) -> None:
        before = snowflake(self._at - BETWEEN)
        self._reply = {
            "in_reply_to_status_id": before,
            "in_reply_to_status_id_str": before,
            "in_reply_to_user_id": person,
            "in_reply_to_user_id_str": person,
            "in_reply_to_screen_name": name,
        }

    def _mention(self) -> Fields:
        name = self._letters(self._random.randrange(6, 14))
        number = str(self._random.randrange(10**8, 10**19))
        start = len(self._text)
        self._text += f"@{name}"
        person = {
            "name": name.title(),
            "screen_name": name,
            "indices": self._since(start),
            "id_str": number,
            "id": number,
        }
        self._notes["user_mentions"].append(person)
        return person

    def _ampersand(self) -> None:
        self._text += " &amp; so on"

    def _emoji(self) -> None:
        self._text += self._random.choice((" 🕯️", " 😂", " — that is all", " 🌊🌊"))

    def _hashtag(self) -> None:
        word = self._letters(8)
        start = len(self._text) + 1
        self._text += f" #{word}"
        self._notes["hashtags"].append({"text": word, "indices": self._since(start)})

    def _link(self, expanded: str | None = None) -> None:
        shown = expanded or f"https://www.example.org/{self._letters(30)}"
        url, indices = self._short_link()
        self._notes["urls"].append(
            {"url": url, "expanded_url": shown, "display_url": f"{shown[8:34]}…", "indices": indices}
        )

    def _quote(self) -> None:
        quoted = snowflake(self._at - timedelta(days=1))
        self._link(f"https://twitter.com/{self._letters(10)}/status/{quoted}")

    def _photos(self) -> None:
        url, indices = self._short_link()
        while True:
            number = str(self._random.randrange(10**18, 10**19))
            page = f"https://twitter.com/{HANDLE}/status/{self._id}/photo/{len(self._media) + 1}"
            address = f"pbs.example.org/media/{self._letters(15)}.jpg"
            self._media.append(
                {
                    "expanded_url": page,
                    "indices": indices,
                    "url": url,
                    "media_url": f"http://{address}",
                    "id_str": number,
                    "id": number,
                    "media_url_https": f"https://{address}",
                    "sizes": {
                        name: {"w": str(width), "h": str(height), "resize": "crop" if name == "thumb" else "fit"}
                        for name, (width, height) in SIZES.items()
                    },
                    "type": "photo",
                    "display_url": url.replace("https://t.co", "pic.twitter.com"),
                }
            )
            if len(self._media) == 4 or self._random.random() >= MORE_PHOTOS:
                break

    def _short_link(self) -> tuple[str, list[str]]:
        start = len(self._text) + 1
        url = f"https://t.co/{self._letters(10)}"
        self._text += f" {url}"
        return url, self._since(start)

    def _since(self, start: int) -> list[str]:
        return [str(start), str(len(self._text))]

    def _source(self) -> str:
        return f'<a href="https://mobile.example.org" rel="nofollow">{self._random.choice(SOURCES)}</a>'

    def _letters(self, count: int) -> str:
        return "".join(self._random.choices(LETTERS, k=count))
