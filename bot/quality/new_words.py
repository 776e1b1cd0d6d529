"""Does a voice invent words? No list of all words is needed: a person's real posts hold new ones too."""

from collections.abc import Sequence

from data.likeness import normalise


def new_words(texts: Sequence[str], learned: Sequence[str]) -> float:
    """Share of the words of `texts`, 0 to 1, that stand in none of the posts `learned`; 0 for no words.

    Says something beside that of posts held out, which are as new to the voice. Numbers don't count.
    """
    known = {word for post in learned for word in normalise(post).split()}
    words = [word for text in texts for word in normalise(text).split() if word.isalpha()]
    return sum(word not in known for word in words) / len(words) if words else 0.0
