"""How well a model foresees posts it never saw: bits per byte, which models of any tokenizer share."""

import math
from collections.abc import Sequence


def text_bytes(texts: Sequence[str]) -> int:
    """Bytes of UTF-8, and one for the end of each text: foreseeing the end is part of the work."""
    return sum(len(text.encode("utf-8", "surrogatepass")) + 1 for text in texts)


def bits_per_byte(nats: float, texts: Sequence[str]) -> float:
    """From what all texts cost together in nats, their ends included. Raises ValueError for no texts."""
    if not texts:
        raise ValueError("no texts were foreseen")
    return nats / math.log(2) / text_bytes(texts)


def gain(ours: float, other: float) -> float:
    """By which share our bits per byte lie below the other's; negative where they lie above."""
    return 1 - ours / other
