"""Repeated texts of a whole corpus: the same as comparing each with every one that is kept before it."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.likeness import NEAR, NEAR_CHARACTERS, normalise, similarity
from data.repeats import repeated

FOG = "The fog rolled in over the harbour at dawn, and three gulls sat on the rail."
WORDS = normalise(
    """fog harbour dawn gulls rail lamp keeper stairs rope tide night ship horn storm supper letter oil glass
    winter kettle boat signal captain stone water brass window morning east quiet coal gale"""
).split()


def one_by_one(texts: list[str]) -> list[bool]:
    """What is repeated by the rule, every pair compared in full."""
    repeats: list[bool] = []
    for position, text in enumerate(texts):
        known = normalise(text)
        before = texts[:position]
        same = bool(known) and known in map(normalise, before)
        kept = [other for other, repeats_another in zip(before, repeats, strict=True) if not repeats_another]
        near = len(known) >= NEAR_CHARACTERS and any(similarity(text, other) >= NEAR for other in kept)
        repeats.append(same or near)
    return repeats


def posts_with_changes(count: int, seed: int) -> list[str]:
    """Made-up posts of 8 to 30 words. Every other one is an earlier one with some words changed, or none."""
    chance = random.Random(seed)
    texts: list[str] = []
    for number in range(count):
        words = chance.choices(WORDS, k=chance.randint(8, 30))
        if number % 2:
            words = chance.choice(texts).split()
            for _ in range(chance.randint(0, 1 + len(words) // 4)):
                words[chance.randrange(len(words))] = chance.choice(WORDS)
        texts.append(" ".join(words))
    return texts


@pytest.mark.parametrize("seed", range(3))
def test_what_is_near_is_found_as_by_comparing_all(seed: int) -> None:
    texts = posts_with_changes(300, seed)
    expected = one_by_one(texts)
    assert 50 < sum(expected) < 150
    assert repeated(texts).tolist() == expected


def test_across_batches() -> None:
    chance = random.Random(1)
    others = ["".join(chance.choices("aeioudfglmnrst ", k=60)) for _ in range(4_500)]
    found = repeated([FOG, *others, FOG.replace("three", "four"), FOG.upper()])
    assert found.nonzero()[0].tolist() == [4_501, 4_502]


def test_a_repeat_of_a_repeat_is_kept_where_it_is_not_near_what_is_kept() -> None:
    second = FOG.replace("three gulls", "two crows").replace("at dawn", "at noon")
    third = second.replace("The fog rolled in", "A mist crept up")
    assert similarity(FOG, second) >= NEAR
    assert similarity(second, third) >= NEAR
    assert similarity(FOG, third) < NEAR
    assert repeated([FOG, second, third]).tolist() == [False, True, False]


def test_of_a_much_used_template_one_is_kept() -> None:
    forecasts = [f"Good evening, this is the weather at the tower: {number}" for number in range(5_000)]
    assert repeated(forecasts).tolist() == [False] + [True] * 4_999


def test_the_same_letters_are_a_repeat_however_short() -> None:
    assert repeated(["Good night!", "good night", "Good day", "👍", "👍"]).tolist() == [
        False,
        True,
        False,
        False,
        False,
    ]


def test_scripts_without_spaces() -> None:
    said = "霧が港に流れ込んで、三羽のかもめが手すりにとまっていました。朝の光はまだ弱いです。"
    assert repeated([said, said.replace("三羽", "四羽"), "灯台の階段は百段あります。"]).tolist() == [
        False,
        True,
        False,
    ]


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(st.text(), max_size=6))
def test_any_texts(texts: list[str]) -> None:
    assert len(repeated(texts)) == len(texts)
    assert not any(repeated(texts)[:1])
