"""Posts read by a model each by itself: after an end of text, as a voice says them, and up to the next."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

BATCH_TOKENS = 4096  # of one forward pass, padding counted; its logits are the largest tensor


@dataclass(frozen=True)
class Batch:
    """Rows of about one length: pieces of posts, padded behind, where no token looks."""

    posts: Tensor  # [rows]: the number of each row's post
    tokens: Tensor  # [rows, longest + 1]: the first of a row is not foreseen
    there: Tensor  # [rows, longest]: which of the foreseen tokens are no padding


def each_post(posts: Sequence[Sequence[int]], end: int, context: int) -> Iterator[Batch]:
    """All posts, as token ids closed by `end`, shortest first so that hardly anything is padded.

    What is longer than the context is cut into windows, each of which begins with the last token of the one
    before: every token is foreseen once.
    """
    windows: list[tuple[int, list[int]]] = []
    for number, tokens in enumerate(posts):
        whole = [end, *tokens]
        windows += [
            (number, whole[start : start + context + 1]) for start in range(0, max(1, len(whole) - 1), context)
        ]
    windows.sort(key=lambda window: len(window[1]))
    start = 0
    while start < len(windows):
        stop = start + 1
        while stop < len(windows) and len(windows[stop][1]) * (stop + 1 - start) <= BATCH_TOKENS:
            stop += 1
        rows = [tokens for _, tokens in windows[start:stop]]
        longest = len(rows[-1])
        lengths = torch.tensor([len(row) for row in rows])
        yield Batch(
            posts=torch.tensor([number for number, _ in windows[start:stop]]),
            tokens=torch.tensor([[*row, *[end] * (longest - len(row))] for row in rows]),
            there=torch.arange(1, longest)[None, :] < lengths[:, None],
        )
        start = stop
