"""Keeping to the topic: which candidate answers a prompt best, and how to begin so that a voice stays on it.

A small lexical measure, deterministic and without a model: words count by how rare they are in the voice's posts.
Where a script sets no spaces between words, each two characters in a row stand for one.
"""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from math import isclose, log

from data.likeness import count_words, normalise, sets_no_spaces
from data.topics import MOST_GIVEN, POSSESSIVE, content_words, in_pairs, spelled_topics

# What candidates are measured by, summing to 1: shared words first, then parts of words, then form.
_WORDS_WEIGHT, _PARTS_WEIGHT, _FORM_WEIGHT = 0.6, 0.25, 0.15
_SHORTEST, _LONGEST = 5, 40  # words; shorter says little, longer wanders
_SHORTEST_STEM = 3  # letters that must be left of a word when its ending goes
_ENDINGS = ("ings", "ing", "ies", "ed", "es", "s", "ly", "y")

# Whose thing a prompt talks of, as the voice would say it: "your fog" is "my fog" to the one who answers.
_TURNED = {"your": "my", "my": "your", "the": "the", "our": "our", "this": "this"}

# In a script without spaces: how many characters an opening has, and how many of a prompt are looked at.
_OPENING_CHARACTERS = range(2, 7)
_MOST_LOOKED_AT = 200
_CLAUSE_END = re.compile(r"[.!?\u2026\u3001\u3002\uff01\uff0c\uff1f\s]+")


class Relevance:
    """Knows the words of one voice's posts."""

    def __init__(self, posts: Sequence[str]) -> None:
        self._posts = max(1, len(posts))
        self._frequency: Counter[str] = Counter()
        self._before: Counter[tuple[str, str]] = Counter()  # (determiner, stem) as the voice pairs them
        starts: list[str] = []  # of what is said in scripts without spaces
        stem = cache(_stem)  # of 45,000 words in 2,300 posts few are new: 53 ms became 25
        for post in posts:
            words = normalise(post).split()
            if not post.isascii() and any(map(sets_no_spaces, words)):
                said = map(normalise, _CLAUSE_END.split(post))
                starts += [start[: _OPENING_CHARACTERS[-1]] for start in said if sets_no_spaces(start)]
                words = in_pairs(words)
            self._frequency.update(set(map(stem, words)))
            self._before.update([(first, stem(second)) for first, second in pairwise(words) if first in _TURNED])
        self._starts = sorted(starts)

    def score(self, prompt: str, text: str) -> float:
        """How well `text` answers `prompt`, 0 to 1; a prompt without a topic leaves only the form to judge."""
        asked = {_stem(word) for word in content_words(prompt)}
        said = {_stem(word) for word in in_pairs(normalise(text).split())}
        total = sum(self._weight(stem) for stem in asked)
        shared = sum(self._weight(stem) for stem in asked & said) / total if total else 0.0
        parts = _trigrams(asked)
        alike = len(parts & _trigrams(said)) / len(parts) if parts else 0.0
        ends_well = bool(re.search(r"[^\w\s,;:\-\u060c\u061b\u3001]$", text.rstrip()))
        form = 0.5 * (_SHORTEST <= count_words(text) <= _LONGEST) + 0.5 * ends_well
        return _WORDS_WEIGHT * shared + _PARTS_WEIGHT * alike + _FORM_WEIGHT * form

    def is_best(self, prompt: str, text: str) -> bool:
        """Whether no text could score higher."""
        most = _FORM_WEIGHT + (_WORDS_WEIGHT + _PARTS_WEIGHT if content_words(prompt) else 0)
        return isclose(self.score(prompt, text), most)

    def may_become_best(self, text: str) -> bool:
        """Whether a text that is not at its end yet is short enough for that."""
        return count_words(text) <= _LONGEST

    def rank(self, prompt: str, texts: Sequence[str]) -> list[int]:
        """Positions in `texts`, best answer first; equals keep their order."""
        scores = [self.score(prompt, text) for text in texts]
        return sorted(range(len(texts)), key=lambda position: -scores[position])

    def subject(self, prompt: str, context: Sequence[str] = ()) -> str:
        """What an answer should be about: the prompt, or, where it has no topic ("why?"), the last of the
        conversation that has one and the prompt.
        """
        if content_words(prompt):
            return prompt
        before = next((said for said in reversed(context) if content_words(said)), "")
        return f"{before} {prompt}".strip()

    def topics(self, prompt: str) -> list[str]:
        """The words a prompt is about: the voice's own first, of those the things ("the fog"), then the rarest.

        None in scripts without spaces, where nobody can see what is a word.
        """

        def place(word: str) -> tuple[bool, bool, float]:
            stem = _stem(word)
            return not self._frequency[stem], not self._determiners(prompt, word), -self._weight(stem)

        spaced = (word for word in content_words(prompt) if not sets_no_spaces(word))
        return sorted(dict.fromkeys(spaced), key=place)

    def spelled_topics(self, prompt: str) -> tuple[str, ...]:
        """The first of the topics as the prompt spells them, for a voice that can be told what to write about."""
        spelled = {normalise(word): word for word in spelled_topics(prompt)}
        return tuple(spelled[topic] for topic in self.topics(prompt) if topic in spelled)[:MOST_GIVEN]

    def openings(self, prompt: str, most: int = 4) -> list[str]:
        """Ways to begin an answer, the free one (`""`) first: `["", "The fog", "Fog", "My fog"]`.

        A voice only continues text, so a topic at its start is what keeps it there. Determiners are those that the
        prompt or the voice's own posts put before the word. Names keep their capital and get no determiner. In
        scripts without spaces it begins as the voice has begun, with what stands in the prompt.
        """
        found = ["", *self._own_starts(prompt)]
        prompt = POSSESSIVE.sub("", prompt)
        spelled = {normalise(word): word for word in re.findall(r"[^\W_]+", prompt)}
        for topic in self.topics(prompt):
            word = spelled.get(topic, topic)
            if word[0].isupper() and not prompt.lstrip().startswith(word):
                found.append(word)
                continue
            things = [f"{before.capitalize()} {word.lower()}" for before in self._determiners(prompt, topic)]
            found += [*things[:1], word.capitalize() if word.islower() else word, *things[1:2]]
        return list(dict.fromkeys(found))[:most]

    def _own_starts(self, prompt: str) -> list[str]:
        """The longest passages in scripts without spaces with which the voice began twice or more; of equal length
        the rarest first.
        """
        found: dict[str, int] = {}
        for run in filter(sets_no_spaces, normalise(prompt[:_MOST_LOOKED_AT]).split()):
            for place in range(len(run)):
                for length in reversed(_OPENING_CHARACTERS):
                    passage = run[place : place + length]
                    first = bisect_left(self._starts, passage)
                    times = bisect_left(self._starts, passage + "\U0010ffff") - first
                    if times > 1 and len(passage) == length:
                        found[passage] = times
                        break
        return sorted(found, key=lambda passage: (-len(passage), found[passage]))

    def _determiners(self, prompt: str, topic: str) -> list[str]:
        """What may stand before a topic: as the prompt has it, turned round, then as the voice mostly has it."""
        pairs = pairwise(normalise(prompt).split())
        asked = [_TURNED[before] for before, word in pairs if word == topic and before in _TURNED]
        used = {before: self._before[before, _stem(topic)] for before in _TURNED}
        usual = sorted((before for before in used if used[before]), key=lambda before: -used[before])
        return list(dict.fromkeys(asked + usual))

    def _weight(self, stem: str) -> float:
        """Inverse document frequency, from about 0.7 for a word of every post up; unknown words weigh most."""
        return log(1 + self._posts / (1 + self._frequency[stem]))


def _stem(word: str) -> str:
    """`lamps`, `lamp` -> `lamp`; `foggy`, `fog` -> `fog`. Crude, but the same for both sides of a comparison."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            word = word.removesuffix(ending)
            break
    return word[:-1] if len(word) > _SHORTEST_STEM and word[-1] == word[-2] else word


def _trigrams(stems: set[str]) -> set[str]:
    padded = [f" {stem} " for stem in stems]
    return {stem[start : start + 3] for stem in padded for start in range(len(stem) - 2)}
