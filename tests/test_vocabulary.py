"""Tokens seen from their spelling, by the tokenizer of the built-in base."""

import pytest
from tokenizers import Tokenizer

from trainer.bases import BUILTIN_FOLDER
from trainer.engine.vocabulary import Vocabulary
from trainer.prompt import end_of_text_id

SIZE = 8192


@pytest.fixture(name="tokenizer", scope="module")
def _tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(BUILTIN_FOLDER / "tokenizer.json"))


@pytest.fixture(name="vocabulary", scope="module")
def _vocabulary(tokenizer: Tokenizer) -> Vocabulary:
    return Vocabulary(tokenizer.get_vocab(), end_of_text_id(tokenizer), SIZE)


@pytest.mark.parametrize(
    "text",
    [
        "counterrevolutionaries unthinkingly",  # each word in several pieces
        "corazón Ångström Straße",
        "невероятно правда",
        "ευχαριστώ πολύ",
        "مرحبا بالعالم",
    ],
)
def test_within_a_word_every_piece_goes_on_and_the_next_word_does_not(
    text: str, tokenizer: Tokenizer, vocabulary: Vocabulary
) -> None:
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    firsts = {0}
    for place, number in enumerate(ids[1:], 1):
        spelling = vocabulary.spelling_after(ids[place - 1])
        if tokenizer.id_to_token(number).startswith("Ġ"):
            firsts.add(place)
        if spelling is not None:  # None: the space before a letter of two bytes is a piece by itself
            assert spelling.going_on[number] == (place not in firsts)
            assert spelling.others[number] == (place in firsts)
        else:
            assert tokenizer.id_to_token(ids[place - 1]) == "Ġ"
    assert len(firsts) == len(text.split()) < len(ids)


@pytest.mark.parametrize("text", ["2026", "!", " ...", "#", "@", " ", "<|endoftext|>", '"'])
def test_after_what_is_no_letter_no_word_is_under_way(
    text: str, tokenizer: Tokenizer, vocabulary: Vocabulary
) -> None:
    assert vocabulary.spelling_after(tokenizer.encode(text).ids[-1]) is None


@pytest.mark.parametrize("text", ["!", " the", "\n", "猫", "👍", "7", "\u2019s"])
def test_what_is_no_letter_does_not_go_on_with_a_word(
    text: str, tokenizer: Tokenizer, vocabulary: Vocabulary
) -> None:
    spelling = vocabulary.spelling_after(tokenizer.encode("fog").ids[-1])
    assert spelling is not None
    assert not spelling.going_on[tokenizer.encode(text).ids[0]]


def test_every_token_with_a_new_line_ends_a_post(tokenizer: Tokenizer, vocabulary: Vocabulary) -> None:
    with_new_line = {n for n in range(SIZE) if "\n" in tokenizer.decode([n], skip_special_tokens=False)}
    assert set(vocabulary.endings) == {*with_new_line, end_of_text_id(tokenizer)}


def test_the_model_may_know_fewer_tokens_or_more(tokenizer: Tokenizer) -> None:
    for size in (SIZE - 100, SIZE + 100):
        spelling = Vocabulary(tokenizer.get_vocab(), 0, size).spelling_after(tokenizer.encode("fog").ids[-1])
        assert spelling is not None
        assert len(spelling.going_on) == len(spelling.others) == size
