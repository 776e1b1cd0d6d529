"""Voices with the same tokenizer share one in memory; those with another one don't."""

import gc
import shutil
from pathlib import Path

import pytest

from data.errors import InputError, NotFoundError
from tests.tiny_voices import tiny_base
from trainer.engine.text import TOKENIZER, SharedTokenizers


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tiny_base(tmp_path / "base")


def test_equal_files_and_contexts_share_a_tokenizer(tmp_path: Path, base: Path) -> None:
    shared, copy = SharedTokenizers(), tmp_path / "copy"
    shutil.copytree(base, copy)
    first = shared.of(base, 64)
    assert shared.of(copy, 64) is first
    assert shared.of(base, 32) is not first
    (copy / TOKENIZER).write_bytes((base / TOKENIZER).read_bytes() + b"\n")
    assert shared.of(copy, 64) is not first


def test_a_tokenizer_goes_with_the_last_that_uses_it(base: Path) -> None:
    shared = SharedTokenizers()
    shared.of(base, 64)
    gc.collect()
    assert not shared._made


def test_a_missing_or_damaged_file_is_said_in_a_sentence(base: Path) -> None:
    shared = SharedTokenizers()
    (base / TOKENIZER).write_text("{")
    with pytest.raises(InputError, match="is damaged"):
        shared.of(base, 64)
    (base / TOKENIZER).unlink()
    with pytest.raises(NotFoundError, match="is missing"):
        shared.of(base, 64)
