"""What a text is about: words that stand in it, and none that only ask or bind."""

import numpy
import pytest

from data.topics import content_words, drawn_topics, spelled_topics


@pytest.mark.parametrize(
    ("text", "topics"),
    [
        ("What do you think of the Fog tonight?", ["Fog"]),
        ("The gull's lamp, my LAMP and a Gull", ["gull", "lamp"]),
        ("don't go there, it's a ship-wreck", ["ship", "wreck"]),
        ("@user #Fog 2019 \U0001f327", ["Fog", "2019"]),
        ("Why?", []),
        ("霧が深い", []),  # where no spaces are set, nobody can see what is a word
        ("Nebel über 東京 heute", ["Nebel", "über", "heute"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),  # vowel signs are no letters to Python, but parts of words
    ],
)
def test_topics_are_spelled_as_the_text_has_them(text: str, topics: list[str]) -> None:
    assert spelled_topics(text) == topics


def test_content_words_are_normalised() -> None:
    assert content_words("The Gull's LAMP, and the lamp") == ["gull", "lamp", "lamp"]
    assert content_words("霧が深い") == ["霧が", "が深", "深い"]


def test_topics_are_drawn_by_chance() -> None:
    text = "The Gull took the Lamp across the Harbour in Fog and Rain"
    draws = [drawn_topics(text, numpy.random.default_rng(seed)) for seed in range(200)]
    every = spelled_topics(text)
    assert {len(draw) for draw in draws} == {1, 2, 3}
    assert {word for draw in draws for word in draw} == {*every, *map(str.lower, every)}
    assert all(len({word.lower() for word in draw}) == len(draw) for draw in draws)
    assert draws[7] == drawn_topics(text, numpy.random.default_rng(7))
    assert drawn_topics("Why?", numpy.random.default_rng(0)) == []
