"""What a new voice says when nobody chooses: always the same, all of it, and with its copies counted."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from data.likeness import normalise
from tests.tiny_voices import full_voice
from trainer.engine import Line
from trainer.engine.torch_engine import TorchEngine
from trainer.examples import EXAMPLES, SAMPLING, copy_rate, with_examples
from trainer.voice import EXAMPLE_OPENING, UNASKED


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """See `with_examples`."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


POSTS = [
    "Good morning, harbour!",
    "The lamp on the pier was lit again last night although nobody had climbed the stairs.",
]


def test_copies_are_counted_whole_near_and_by_eight_words_in_a_row() -> None:
    for copied in (
        "good morning HARBOUR",  # short as it is
        POSTS[1],
        POSTS[1].replace("nobody", "somebody"),
        "They say the lamp on the pier was lit again by a gull, a kettle and a rather old foghorn from the south.",
    ):
        assert copy_rate([copied, "Nothing of the kind was ever said here.", "", "Fog."], POSTS) == 0.25
    assert copy_rate([], POSTS) == 0


def test_the_record_gains_ten_examples_and_a_rate_the_same_each_time(tmp_path: Path) -> None:
    voice = full_voice(tmp_path / "voice")
    record = with_examples(voice, "cpu").record
    assert len(record.examples) == EXAMPLES == 10
    assert all(text.startswith(EXAMPLE_OPENING) for text in record.examples)
    assert len(set(record.examples)) == 10
    assert record.copy_rate == 0
    assert with_examples(voice, "cpu").record == record


def test_a_voice_that_says_what_it_read_is_found_out(tmp_path: Path) -> None:
    voice = full_voice(tmp_path / "voice")
    lines = [Line("", EXAMPLES + number) for number in range(UNASKED // 2)]
    said = [continuation.text for continuation in TorchEngine("cpu").load(voice).speak(lines, SAMPLING)]
    (voice.folder / "posts.json").write_text(json.dumps(said))
    telling = sum(bool(normalise(text)) for text in said)  # noise may be nothing but dots, which copy nobody
    assert telling > 10
    assert with_examples(voice, "cpu").record.copy_rate == pytest.approx(telling / UNASKED, abs=0.1)


def test_the_examples_are_those_of_the_seeds_from_0_on_and_no_part_of_the_copy_rate(tmp_path: Path) -> None:
    voice = full_voice(tmp_path / "voice")
    examples = with_examples(voice, "cpu").record.examples
    lines = [Line(EXAMPLE_OPENING, seed) for seed in range(EXAMPLES)]
    said = TorchEngine("cpu").load(voice).speak(lines, SAMPLING)
    assert examples == tuple(EXAMPLE_OPENING + continuation.text for continuation in said)
    (voice.folder / "posts.json").write_text(json.dumps(examples))
    assert with_examples(voice, "cpu").record.copy_rate == 0
