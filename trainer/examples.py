"""What a new voice says when nobody chooses: examples for its card, and how much of what it says is copied."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch

from data.likeness import LikenessIndex
from trainer.engine import Line, Sampling
from trainer.engine.torch_engine import TorchEngine
from trainer.voice import UNASKED, Voice

EXAMPLES = 10
SAMPLING = Sampling(max_tokens=60)


def with_examples(voice: Voice, device: str) -> Voice:
    """The voice with its examples and copy rate, drawn with the seeds 0, 1, 2 ... and none left out."""
    lines = [Line(voice.record.opening, seed) for seed in range(EXAMPLES)]
    lines += [Line("", EXAMPLES + number) for number in range(UNASKED)]
    with _one_thread():
        sampling = replace(SAMPLING, max_tokens=voice.record.as_long_as(SAMPLING.max_tokens))
        continuations = TorchEngine(device).load(voice).speak(lines, sampling)
    said = [line.opening + continuation.text for line, continuation in zip(lines, continuations, strict=True)]
    rate = copy_rate(said[EXAMPLES:], voice.training_posts())
    return replace(voice, record=replace(voice.record, examples=tuple(said[:EXAMPLES]), copy_rate=rate))


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Token by token there is little for a thread to do, and where another process holds a core, the threads wait
    for each other ten times as long as one takes.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def copy_rate(said: Sequence[str], posts: Sequence[str]) -> float:
    """Share of texts that are a training post, nearly, or share eight words in a row with one; 0 to 1.

    A post is counted as short as it may be: below its 20 characters `near` would let it pass.
    """
    index = LikenessIndex(posts)
    copied = [
        text
        for text in said
        if index.exact(text) is not None or index.shares_run(text) or index.near(text) is not None
    ]
    return len(copied) / max(1, len(said))
