"""Packed blocks: nothing lost, nothing padded in, every handle's posts weighing the same."""

from itertools import islice

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainer.blocks import Blocks, balance, batches, epoch_blocks

END = 0
POST = st.lists(st.integers(1, 50), min_size=1, max_size=30).map(lambda tokens: [*tokens, END])
HANDLE = st.lists(POST, min_size=1, max_size=20)


def learned(tokens: torch.Tensor, weights: torch.Tensor) -> list[int]:
    """The tokens that are predicted, in order, without the weightless filling."""
    flat, counts = tokens[:, 1:].flatten(), weights[:, 1:].flatten()
    return flat[counts > 0].tolist()


@given(st.lists(HANDLE, min_size=1, max_size=3), st.integers(2, 16))
def test_every_token_is_predicted_exactly_once_per_repeat(handles: list[list[list[int]]], block_size: int) -> None:
    tokens, weights = epoch_blocks(handles, block_size, END, seed=1, epoch=0)
    assert tokens.shape == weights.shape
    assert tokens.shape[1] == block_size + 1
    expected = [
        token
        for own, (count, _) in zip(handles, balance(handles), strict=True)
        for post in own
        for token in post * count
    ]
    assert sorted(learned(tokens, weights)) == sorted(expected)


@given(st.lists(HANDLE, min_size=2, max_size=3))
def test_the_posts_of_every_handle_of_a_cyborg_weigh_the_same_exactly(handles: list[list[list[int]]]) -> None:
    sizes = [len(own) for own in handles]
    shares = [size * count * weight for size, (count, weight) in zip(sizes, balance(handles), strict=True)]
    assert shares == pytest.approx([max(sizes)] * len(handles), rel=1e-12)
    assert all(1 <= weight < 2 for _, weight in balance(handles))


@given(st.lists(HANDLE, min_size=1, max_size=2), st.integers(0, 5))
def test_the_blocks_of_an_epoch_depend_on_seed_and_epoch_alone(handles: list[list[list[int]]], epoch: int) -> None:
    first = epoch_blocks(handles, 8, END, seed=3, epoch=epoch)
    again = epoch_blocks(handles, 8, END, seed=3, epoch=epoch)
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])


def test_epochs_shuffle_anew() -> None:
    posts = [[number, END] for number in range(1, 40)]
    epochs = [epoch_blocks([posts], 16, END, seed=0, epoch=epoch)[0] for epoch in (0, 1)]
    assert not torch.equal(*epochs)


def test_posts_stay_whole_and_follow_an_end_of_text() -> None:
    posts = [[number, number, END] for number in range(1, 20)]
    tokens, _ = epoch_blocks([posts], 7, END, seed=0, epoch=0)
    stream = numpy.concatenate([tokens[0, :1].numpy(), tokens[:, 1:].flatten().numpy()])
    assert stream[0] == END
    text = "".join(chr(64 + token) if token else "." for token in stream)
    assert {part for part in text.split(".") if part} == {chr(64 + number) * 2 for number in range(1, 20)}


def test_batches_go_through_the_epochs_without_end_and_can_be_resumed() -> None:
    def epoch(number: int) -> Blocks:
        rows = 3 + number % 2
        return torch.full((rows, 5), number), torch.full((rows, 5), float(number))

    def epochs_of(first: int, size: int, few: int) -> list[int]:
        found = list(islice(batches(epoch, size, first), few))
        assert all(tokens.shape == weights.shape == (size, 5) for tokens, weights in found)
        return torch.cat([tokens[:, 0] for tokens, _ in found]).tolist()

    assert epochs_of(0, 2, 6) == [0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 3, 3]
    for first in range(6):
        assert epochs_of(first, 2, 6 - first) == epochs_of(0, 2, 6)[2 * first :]
    assert epochs_of(0, 9, 1) == [0, 0, 0, 1, 1, 1, 1, 2, 2]
