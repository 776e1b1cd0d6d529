"""What counts as copying a training post, and what is everybody's."""

from bot.gates.copies import CopyIndex

POSTS = [
    "Good morning!",
    "The fog rolled over the harbour wall this morning and ate three gulls.",
    "Many thanks to @user and the crew for the lovely tour of the lamp room today.",
    "Three words only",
]
INDEX = CopyIndex(POSTS)


def test_an_exact_copy_counts_from_three_words_on() -> None:
    assert INDEX.copied("three WORDS, only!") == "exact"
    assert INDEX.copied("Good morning") is None


def test_eight_words_in_a_row_and_near_copies_count() -> None:
    assert INDEX.copied("Believe me, the fog rolled over the harbour wall again") is None
    assert INDEX.copied("Believe me, the fog rolled over the harbour wall this morning") == "run"
    assert INDEX.copied("A fog rolled over the harbour wall at morning and ate three gulls.") == "near"
    assert INDEX.copied("The gulls have a meeting about me and I was not invited.") is None


def test_a_spoken_mention_hides_no_copy() -> None:
    assert INDEX.copied("So thanks to someone and the crew for the lovely pie") == "run"


def test_words_of_the_opening_are_not_copied_by_the_voice() -> None:
    opening = "The fog rolled over the harbour wall this morning"
    assert INDEX.copied(f"{opening}, but I had tea with a lobster and lost at chess.", opening) is None
    assert INDEX.copied(f"{opening} and then I had tea with a lobster and lost.", opening) == "run"
    assert INDEX.copied(POSTS[1], opening) == "exact"


def test_an_index_without_posts_knows_no_copies() -> None:
    assert CopyIndex([]).copied("The fog rolled over the harbour wall this morning") is None
    assert INDEX.memory_bytes > 0
