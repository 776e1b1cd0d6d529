"""Does a base know the language of somebody's posts? Told by how small the pieces are that it cuts words into.

A byte-level BPE can spell everything, also what it never read, byte by byte. A voice made on it then writes
letters that look right and words that are none, which people should know before they wait for it.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from trainer.bases import Base

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# Tokens a byte of the words in small letters. With the built-in base English takes 0.24 to 0.33, German, French
# and Spanish 0.41 to 0.43, Arabic and Japanese 1.
MOST = 0.38
_ASKED = 200  # posts, evenly taken of all
_WORD = re.compile(r"[^\W\d_]+")  # emoji, digits and marks are the same in every language


def is_strange(tokenizer: "Tokenizer", posts: Sequence[str]) -> bool:
    """Whether the base that cuts text so hardly knows the language of the posts."""
    some = posts[:: max(1, len(posts) // _ASKED)]
    words = [" ".join(_WORD.findall(post.casefold())) for post in some]
    tokens = sum(len(encoding.ids) for encoding in tokenizer.encode_batch(words, add_special_tokens=False))
    size = sum(len(text.encode("utf-8", "replace")) for text in words)
    return tokens > MOST * size


def strange_to(base: Base, corpora: Sequence[Sequence[str]]) -> list[bool]:
    """Of the posts of each, whether they are in a language that the base hardly knows."""
    from tokenizers import Tokenizer  # here, as the start of the bot need not pay for it

    tokenizer = Tokenizer.from_file(str(base.folder / "tokenizer.json"))
    return [is_strange(tokenizer, posts) for posts in corpora]
