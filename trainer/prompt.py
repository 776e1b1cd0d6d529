"""How posts look to the model: when it learns from them and when it is asked to write one. Kept side by side
so that the two can't drift apart. Every post is opened and closed by `<|endoftext|>`, as in the reference.
Words that say what a post shall be about may stand before it, on a line of their own that begins with a space: no
post does, and none holds a new line.
"""

from collections.abc import Sequence

import numpy
from tokenizers import Tokenizer

from data.errors import InputError
from data.topics import drawn_topics

END_OF_TEXT = "<|endoftext|>"
TAKES_TOPICS = "takes_topics"  # true in the configuration of a base that has learned what topics are


def end_of_text_id(tokenizer: Tokenizer) -> int:
    """The token that opens and closes every post. Raises InputError for a tokenizer that lacks it."""
    token: int | None = tokenizer.token_to_id(END_OF_TEXT)
    if token is None:
        raise InputError(f"The base's tokenizer has no {END_OF_TEXT} token; use a GPT-2-shaped base.")
    return token


def encode_posts(tokenizer: Tokenizer, posts: Sequence[str]) -> list[list[int]]:
    """What is learned: each post as tokens, closed by `<|endoftext|>`. A stream of them begins with one more."""
    end = end_of_text_id(tokenizer)
    return [[*encoding.ids, end] for encoding in tokenizer.encode_batch(list(posts), add_special_tokens=False)]


def encode_topics(tokenizer: Tokenizer, posts: Sequence[str], chance: numpy.random.Generator) -> list[list[int]]:
    """What is put before each post, drawn anew at each call; nothing before one that is about nothing."""
    drawn = [render_topics(drawn_topics(post, chance)) for post in posts]
    encodings = tokenizer.encode_batch(drawn, add_special_tokens=False)
    return [encoding.ids for encoding in encodings]


def render_topics(topics: Sequence[str]) -> str:
    """What stands before a post that shall be about these words: `" fog gull\\n"`, or nothing for none."""
    return f" {' '.join(topics)}\n" if topics else ""


def render_prompt(opening: str, topics: Sequence[str] = ()) -> str:
    """What the model continues: a fresh post that starts with `opening` (which may be empty)."""
    return END_OF_TEXT + render_topics(topics) + opening.rstrip()


def read_continuation(text: str) -> str:
    """The part of a continuation that belongs to this post: up to the first new line or end of text."""
    return text.split(END_OF_TEXT, 1)[0].split("\n", 1)[0].rstrip()
