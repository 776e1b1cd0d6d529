"""How long a post is on X, what in it is a link, and when two texts are the same post."""

import re
import time

import pytest

from bot.platforms.x.text import as_sent, has_link, naming, weighted_length
from tests.x_server.text import weighted_length as weighed_by_the_double


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", 0),
        ("This is a test.", 15),
        ("a" * 281, 281),
        ("é" * 10, 10),
        ("e\u0301", 1),  # one letter in two characters
        ("Жпк", 3),
        ("ქართული", 7),  # the last script of weight 1 ends at 4351
        ("ᄀ", 2),
        ("\u201ca\u201d \u2013 \u2018b\u2019", 9),
        ("…", 2),
        ("\u2009\u200b", 2),
        ("\u2032\u2033\u2034", 3),
        ("‽", 2),
        ("€", 2),
        ("日本語", 6),
        ("저찀쯿쿿", 8),
        ("\uff37\uff49\uff44\uff45", 8),
        ("the故人西辞", 11),
        ("\ufb2c", 3),  # taken apart by normalisation
        ("😷👾😡🔥💩", 10),
        ("🐱" * 140, 280),
        ("☺", 2),
        ("❤️", 2),
        ("©®", 2),
        ("©️", 2),
        ("🙋🏽👨‍🎤", 4),
        ("H🐱☺👨‍👩‍👧‍👦", 7),
        ("👩🏽‍🚀👨‍👩‍👧‍👦", 4),
        ("❤️‍🔥", 2),
        ("🏳️‍🌈", 2),
        ("🏴󠁧󠁢󠁥󠁮󠁧󠁿", 2),
        ("🇩🇪🇯🇵", 4),
        ("1️⃣#️⃣", 4),
        ("\U0001d4b3", 2),
        ("http://test.co", 23),
        ("Hi http://test.co", 26),
        ("test.com", 23),
        ("https://example.com/" + "x" * 300, 23),
        ("Test https://test.com test https://test.com test.com test", 86),
        ("https://www.twitter.com/aloha " * 10, 240),
        ("285 chars- http://www.twitter.com/jack " + "x" * 10, 11 + 23 + 11),
        ("(see example.com/a).", 5 + 23 + 2),
        ("http://en.wikipedia.org/wiki/Primer_(film)", 23),
        ("これは example.com/path/index.html中国語", 7 + 23 + 6),
        ("twitter.comテストtwitter.com/abcde", 23 + 6 + 23),
        ("randomurl" * 6 + "randomurls.com", 68),  # no label is that long
        ("foo.comm foo.somecom", 20),
        ("me@example.com", 14),
        ("@a.com #b.com $c.com", 20),
        ("No space.After it", 17),
        ("v1.2.3 and 3.5", 14),
    ],
)
def test_a_post_is_as_long_as_x_says(text: str, length: int) -> None:
    assert weighted_length(text) == length


@pytest.mark.parametrize(
    "text", ["Good night. Sleep well.", "日本語 😀 ok", "see https://example.com/x or example.com"]
)
def test_the_double_counts_alike(text: str) -> None:
    assert weighted_length(text) == weighed_by_the_double(text)


def test_nothing_takes_long_to_count() -> None:
    started = time.monotonic()
    for piece in ("a.", "a-", "(", "a(", "👩‍", "@", "example.com/(a", "http://a.", "x"):
        weighted_length(piece * 5_000)
    assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    ("text", "linked"),
    [
        ("https://example.com", True),
        ("Go to EXAMPLE.org now", True),
        ("bit.ly/x", True),
        ("café.com", True),
        ("Nothing. At all", False),
        ("a@b.com", False),
        ("wait...what", False),
    ],
)
def test_what_x_makes_a_link_of(text: str, linked: bool) -> None:
    assert has_link(text) is linked


def test_a_text_is_known_again_after_its_way_through_x() -> None:
    sent = "So  it goes\nat https://example.com/some/long/path, e\u0301"
    assert as_sent(sent) == as_sent("So it goes at https://t.co/abc, \u00e9 ")
    assert as_sent("@robin @wren So it goes", reply=True) == as_sent("So it goes", reply=True)
    assert as_sent("@robin So it goes") != as_sent("So it goes")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("@mynah hello", True),
        ("hello, @MyNah!", True),
        ("の@mynahに", True),
        ("(@mynah)", True),
        ("@mynah_bird", False),
        ("@mynahs", False),
        ("me@mynah.com", False),
        ("mynah", False),
        ("@@mynah", False),
        ("@mynah@example.social", False),
    ],
)
def test_a_name_is_a_word_of_its_own(text: str, found: bool) -> None:
    assert isinstance(naming("mynah"), re.Pattern)
    assert bool(naming("mynah").search(text)) is found
