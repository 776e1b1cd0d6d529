"""Which languages the built-in base knows: told by how it cuts words, whatever stands between them."""

import pytest
from tokenizers import Tokenizer

from tests.kinds_of_posts import written
from trainer.bases import BUILTIN_FOLDER
from trainer.familiar import is_strange


@pytest.fixture(name="tokenizer", scope="module")
def _tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(BUILTIN_FOLDER / "tokenizer.json"))


@pytest.mark.parametrize("kind", ["english", "long", "short", "emoji", "hashtags", "capitals"])
def test_english_of_any_kind_is_known(tokenizer: Tokenizer, kind: str) -> None:
    assert not is_strange(tokenizer, [text for text, _ in written(kind, 100)])


@pytest.mark.parametrize("kind", ["spanish", "japanese", "arabic"])
def test_other_languages_are_strange(tokenizer: Tokenizer, kind: str) -> None:
    assert is_strange(tokenizer, [text for text, _ in written(kind, 100)])


def test_of_many_posts_some_from_all_over_are_looked_at(tokenizer: Tokenizer) -> None:
    english, spanish = ([text for text, _ in written(kind, 500)] for kind in ("english", "spanish"))
    assert is_strange(tokenizer, english[:50] + spanish)
    assert not is_strange(tokenizer, spanish[:50] + english)


@pytest.mark.parametrize("posts", [[], [""], ["👍 123 !!!"]])
def test_posts_without_words_are_in_no_language(tokenizer: Tokenizer, posts: list[str]) -> None:
    assert not is_strange(tokenizer, posts)
