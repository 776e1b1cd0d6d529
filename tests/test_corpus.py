"""Corpora: order, digest, size limits in words, and a split that stays put."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.corpus import Corpus, build_corpus, check_size, split
from data.errors import TooLittleDataError
from data.posts import Post

THINGS = ("fog", "ship", "gull", "storm", "moon", "tide", "lamp", "cat", "cook", "horn") * 30
TEXTS = [f"Log entry {number}: the {thing} stood {number * 7} feet off." for number, thing in enumerate(THINGS)]


def corpus_of(characters: int) -> Corpus:
    words = [f"w{number}" for number in range(characters)]
    text = " ".join(words)[: characters - 1] + "."
    return build_corpus("keeper", [Post("1", "keeper", text)], "reference")


def test_texts_stand_in_the_order_of_their_ids() -> None:
    posts = [
        Post("100", "a", "third of all posts"),
        Post("9", "a", "first of all posts"),
        Post("10", "a", "second post here"),
    ]
    corpus = build_corpus("a", posts, "reference")
    assert corpus.texts == ("first of all posts", "second post here", "third of all posts")
    assert corpus.characters == len(
        "first of all posts<|endoftext|>second post here<|endoftext|>third of all posts"
    )


def test_digest_depends_on_texts_and_profile_only() -> None:
    posts = [Post("1", "a", "the fog is here"), Post("2", "a", "the ship is there")]
    corpus = build_corpus("a", posts, "reference")
    assert corpus.digest == build_corpus("b", reversed(posts), "reference").digest
    assert corpus.digest != build_corpus("a", posts, "default").digest
    assert corpus.digest != build_corpus("a", posts[:1], "reference").digest


@pytest.mark.parametrize("characters", [6_000, 39_999])
def test_a_small_corpus_is_a_warning_in_words(characters: int) -> None:
    warning = check_size(corpus_of(characters))
    assert warning is not None
    assert f"{characters:,} characters" in warning


def test_sizes_at_the_limits() -> None:
    assert check_size(corpus_of(40_000)) is None
    with pytest.raises(TooLittleDataError, match="5,999 characters"):
        check_size(corpus_of(5_999))
    with pytest.raises(TooLittleDataError, match="0 characters"):
        check_size(build_corpus("a", [], "default"))


def test_split_holds_out_about_the_share() -> None:
    learn, held_out = split(TEXTS, share=0.1)
    assert sorted(learn + held_out) == sorted(TEXTS)
    assert 15 <= len(held_out) <= 50
    assert held_out != split(TEXTS, share=0.1, seed=1)[1]


def test_new_posts_move_no_old_ones() -> None:
    _, before = split(TEXTS)
    learn, after = split(["A quite new post.", *TEXTS, "And another new one."])
    assert set(before) <= set(after)
    assert not set(before) & set(learn)


@given(st.lists(st.text(), min_size=2, unique=True), st.floats(0, 1), st.integers())
def test_both_sides_of_a_split_hold_something(texts: list[str], share: float, seed: int) -> None:
    learn, held_out = split(texts, share, seed)
    assert learn
    assert held_out
    assert not set(learn) & set(held_out)


def test_one_text_said_many_times_cannot_be_split() -> None:
    with pytest.raises(TooLittleDataError, match="held out"):
        split(["the same", "the same"])
