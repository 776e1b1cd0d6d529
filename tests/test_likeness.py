"""The likeness index: exact, run of eight words, nearly the same, with and without spaces between words."""

import random
import time
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.likeness import NEAR, LikenessIndex, count_words, normalise, similarity

FOG = "The fog rolled over the harbour wall this morning and ate three gulls."
SHIP = "A ship blew its horn twice and the cat pretended to be the captain."
JAPANESE = "今日は灯台から霧がよく見えます。とても静かな朝でした。"


def test_only_letters_and_digits_count() -> None:
    assert (
        normalise("  Don\u2019t PANIC,  \uff28\uff45\uff4c\uff4c\uff4f 42!! \U0001f600") == "dont panic hello 42"
    )
    assert normalise("हिन्दी में") == normalise("हिन्दी, में!")
    assert len(normalise("हिन्दी में").split()) == 2


@pytest.mark.parametrize(
    "word", ["\u2019tis", "e\u0301te\u0301", "\ufb01ne", "STRASSE\u00df", "\u706f\u53f0", "\U0001f600", "\u0301"]
)
@pytest.mark.parametrize("apart", [" ", "\u00a0", "\u3000", "\n"])
def test_a_word_is_the_same_word_among_others(word: str, apart: str) -> None:
    among = ["It's", word, "fine", word, "42"]
    alone = " ".join(normalise(text) for text in among)
    assert normalise(apart.join(among)).split() == alone.split()
    assert normalise(normalise(word)) == normalise(word)


def test_words_are_counted_in_scripts_with_and_without_spaces() -> None:
    assert count_words("don't count — the dash") == 4
    assert count_words("灯台の霧") == 2
    assert count_words("👍 !!") == 0


def test_exact_finds_the_first_of_equal_texts() -> None:
    index = LikenessIndex([SHIP, FOG, FOG.upper()])
    assert index.exact("the FOG rolled over the harbour wall, this morning; and ate three gulls") == 1
    assert index.exact("the fog rolled over") is None
    assert index.exact("!!!") is None


def test_eight_words_in_a_row_are_a_run_and_seven_are_not() -> None:
    index = LikenessIndex([FOG, SHIP])
    words = FOG.split()
    assert index.shares_run("Yesterday " + " ".join(words[2:10]) + " again")
    assert not index.shares_run("Yesterday " + " ".join(words[2:9]) + " again")
    # The end of one post and the start of another are no run.
    assert not index.shares_run(" ".join(words[-4:]) + " " + " ".join(SHIP.split()[:4]))


def test_a_run_inside_the_opening_does_not_count_but_one_beyond_it_does() -> None:
    index = LikenessIndex([FOG])
    opening = " ".join(FOG.split()[:9])
    assert not index.shares_run(opening + " once again", opening)
    assert index.shares_run(opening + " and once again", opening)


def test_in_a_script_without_spaces_sixteen_characters_are_a_run() -> None:
    # The full stop in the slices is no letter and does not count.
    index = LikenessIndex([JAPANESE])
    assert index.shares_run("ほら" + JAPANESE[3:20] + "ね")
    assert not index.shares_run("ほら" + JAPANESE[3:18] + "ね")
    assert index.near(JAPANESE.replace("静か", "暗い")) == 0


def test_near_finds_what_was_changed_a_little() -> None:
    index = LikenessIndex([SHIP, FOG])
    assert index.near(FOG.replace("three gulls", "four gulls").replace("rolled", "crept")) == 1
    assert index.near("The fog is something that I never quite get used to, even now.") is None
    assert LikenessIndex([]).near(FOG) is None


def test_near_copies_of_a_much_used_template_are_found() -> None:
    index = LikenessIndex([f"Good evening, this is the weather at the tower: {number}" for number in range(5_000)])
    assert index.near("Good evening, this is the weather at the tower: fog") is not None


def test_short_texts_are_never_near() -> None:
    assert LikenessIndex(["Good morning all"]).near("Good morning al") is None


@given(st.text(), st.text())
def test_similarity_is_symmetric_and_bounded(one: str, other: str) -> None:
    assert 0 <= similarity(one, other) == similarity(other, one) <= 1


@given(st.lists(st.text(), max_size=6), st.text())
def test_any_text_can_be_indexed_and_asked_for(texts: list[str], text: str) -> None:
    index = LikenessIndex(texts)
    index.shares_run(text)
    for position, known in enumerate(texts):
        if normalise(known):
            assert index.exact(known) is not None
            assert index.exact(known) <= position  # type: ignore[operator] - just shown not to be None
    found = index.near(text)
    assert found is None or similarity(text, texts[found]) >= NEAR


def _made_up_posts(number: int, seed: int) -> list[str]:
    """Posts of 12 to 24 words, common words common, as in speech."""
    chance = random.Random(7)
    words = ["".join(chance.choices("aeioubdfglmnrst", k=chance.randint(2, 9))) for _ in range(8_000)]
    heights = list(accumulate(1 / (rank + 5) for rank in range(len(words))))
    chance.seed(seed)
    return [" ".join(chance.choices(words, cum_weights=heights, k=chance.randint(12, 24))) for _ in range(number)]


@pytest.fixture(scope="module")
def large() -> tuple[list[str], LikenessIndex]:
    posts = _made_up_posts(50_000, seed=1)
    return posts, LikenessIndex(posts)


def test_fifty_thousand_posts_answer_within_a_millisecond(large: tuple[list[str], LikenessIndex]) -> None:
    posts, index = large
    asked = posts[:100] + _made_up_posts(200, seed=2)
    started = time.process_time()  # processor time: other work on the machine must not fail this
    for text in asked:
        index.exact(text)
        index.shares_run(text)
        index.near(text)
    assert (time.process_time() - started) / len(asked) < 0.001
    assert index.memory_bytes < 60_000_000


def test_near_misses_nothing_that_is_clearly_near(large: tuple[list[str], LikenessIndex]) -> None:
    posts, index = large
    chance = random.Random(3)
    for position in chance.sample(range(len(posts)), 100):
        words = posts[position].split()
        words[chance.randrange(len(words))] = "lighthouse"
        changed = " ".join(words)
        found = index.near(changed)
        assert found is not None
        assert similarity(changed, posts[found]) >= NEAR
