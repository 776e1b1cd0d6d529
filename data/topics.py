"""What a text is about: its words that neither ask, bind nor point. Which ones do is known of English only."""

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from data.likeness import MARKS, normalise, sets_no_spaces

# Words that ask, bind or point: they say nothing about the topic, however rare a voice uses them.
_ASKING_AND_BINDING = """
a about after again all also always am an and any anyone anything are arent as ask at be because been before
being best both but by can cant come could did didnt do does doesnt doing dont even ever every everyone
everything feel few for from get give go going gonna good got great had has have havent he hello her here hes
hey hi him his how i id if ill im in into is isnt it its ive just know let lets like lot made make many may
maybe me mean more most much must my need never new no nor not nothing now of off oh ok okay on once one only
or other our out over people please put really right said same say see she should so some someone something
still such sure take talk tell than thank thanks that thats the their them then there these they theyre thing
things think this those thought thoughts to today together tomorrow tonight too two under until up us user
very want was wasnt way we well were what whats when where which while who whos why will with wont would yeah
yes yesterday yet you youd youll your youre yours
"""
_FUNCTION_WORDS = frozenset(_ASKING_AND_BINDING.split())
POSSESSIVE = re.compile(r"['\u2019]s\b")
_LETTERS = rf"(?:[^\W_]|[{MARKS}])+"
_WORD = re.compile(rf"{_LETTERS}(?:['\u2019]{_LETTERS})*")
MOST_GIVEN = 3  # words that tell a voice what to write about


def content_words(text: str) -> list[str]:
    """Normalised, in their order; of a script without spaces each two characters in a row."""
    words = in_pairs(normalise(POSSESSIVE.sub("", text)).split())
    return [word for word in words if word not in _FUNCTION_WORDS and len(word) > 1]


def in_pairs(words: Sequence[str]) -> list[str]:
    """The words, and in place of each run in a script without spaces its characters, two by two."""
    parts: list[str] = []
    for word in words:
        if len(word) > 2 and sets_no_spaces(word):
            parts += map("".join, pairwise(word))
        else:
            parts.append(word)
    return parts


def spelled_topics(text: str) -> list[str]:
    """The content words as the text spells them, each once; none of scripts without spaces."""
    words = _WORD.findall(POSSESSIVE.sub("", text))
    found = {normalise(word): word for word in reversed(words) if not sets_no_spaces(word)}
    topics = (word for word in dict.fromkeys(map(normalise, words)) if word in found)
    return [found[word] for word in topics if word not in _FUNCTION_WORDS and len(word) > 1]


def drawn_topics(text: str, chance: np.random.Generator) -> list[str]:
    """One to three of them in any order, half of them in small letters: as somebody might ask for this text."""
    topics = spelled_topics(text)
    count = min(len(topics), int(chance.integers(1, MOST_GIVEN + 1)))
    drawn = (topics[place] for place in chance.permutation(len(topics))[:count])
    return [word.lower() if chance.random() < 0.5 else word for word in drawn]
