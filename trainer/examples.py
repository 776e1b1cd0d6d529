"""What a new voice says when nobody chooses: examples for its card, and how much of what it says is copied."""

from collections.abc import Sequence
from dataclasses import replace

from data.likeness import LikenessIndex
from trainer.engine import Line, Sampling
from trainer.engine.torch_engine import TorchEngine
from trainer.voice import EXAMPLE_OPENING, Voice

EXAMPLES = 10
UNASKED = 40  # texts from an empty opening, of which the copied share is told
SAMPLING = Sampling(max_tokens=60)


def with_examples(voice: Voice, device: str) -> Voice:
    """The voice with its examples and copy rate, drawn with the seeds 0, 1, 2 ... and none left out."""
    speaker = TorchEngine(device).load(voice)
    lines = [Line(EXAMPLE_OPENING, seed) for seed in range(EXAMPLES)]
    lines += [Line("", EXAMPLES + number) for number in range(UNASKED)]
    said = [
        line.opening + continuation.text
        for line, continuation in zip(lines, speaker.speak(lines, SAMPLING), strict=True)
    ]
    rate = copy_rate(said[EXAMPLES:], voice.training_posts())
    return replace(voice, record=replace(voice.record, examples=tuple(said[:EXAMPLES]), copy_rate=rate))


def copy_rate(said: Sequence[str], posts: Sequence[str]) -> float:
    """Share of texts that are a training post, nearly, or share eight words in a row with one; 0 to 1."""
    index = LikenessIndex(posts)
    copied = [text for text in said if index.shares_run(text) or index.near(text) is not None]
    return len(copied) / max(1, len(said))
