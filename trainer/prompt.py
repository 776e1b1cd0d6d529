"""How posts look to the model: when it learns from them and when it is asked to write one. Kept side by side
so that the two can't drift apart. Every post is opened and closed by `<|endoftext|>`, as in the reference.
"""

from collections.abc import Sequence

from tokenizers import Tokenizer

from data.errors import InputError

END_OF_TEXT = "<|endoftext|>"


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


def render_prompt(opening: str) -> str:
    """What the model continues: a fresh post that starts with `opening` (which may be empty)."""
    return END_OF_TEXT + opening.rstrip()


def read_continuation(text: str) -> str:
    """The part of a continuation that belongs to this post: up to the first new line or end of text."""
    return text.split(END_OF_TEXT, 1)[0].split("\n", 1)[0].rstrip()
