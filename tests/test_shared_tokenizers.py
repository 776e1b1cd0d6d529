"""Voices with the same tokenizer share one in memory; those with another one don't."""

import gc
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from data.errors import InputError, NotFoundError
from tests.tiny_voices import tiny_base
from trainer.engine.text import TOKENIZER, SharedTokenizers
from trainer.engine.weights import Gpt2Shape


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tiny_base(tmp_path / "base")


def test_equal_files_and_shapes_share_a_tokenizer(tmp_path: Path, base: Path) -> None:
    shared, copy, shape = SharedTokenizers(), tmp_path / "copy", Gpt2Shape.from_folder(base)
    shutil.copytree(base, copy)
    first = shared.of(base, shape)
    assert shared.of(copy, shape) is first
    assert shared.of(base, replace(shape, context=32)) is not first
    (copy / TOKENIZER).write_bytes((base / TOKENIZER).read_bytes() + b"\n")
    assert shared.of(copy, shape) is not first


def test_a_tokenizer_goes_with_the_last_that_uses_it(base: Path) -> None:
    shared = SharedTokenizers()
    shared.of(base, Gpt2Shape.from_folder(base))
    gc.collect()
    assert not shared._made


def test_a_missing_or_damaged_file_is_said_in_a_sentence(base: Path) -> None:
    shared, shape = SharedTokenizers(), Gpt2Shape.from_folder(base)
    (base / TOKENIZER).write_text("{")
    with pytest.raises(InputError, match="is damaged"):
        shared.of(base, shape)
    (base / TOKENIZER).unlink()
    with pytest.raises(NotFoundError, match="is missing"):
        shared.of(base, shape)
