"""Made-up posts in any number: pieces of the bundled samples put together, so that words come as often, and follow
each other as often, as in something that people write. No two are alike.
"""

from pathlib import Path

import numpy

SAMPLES = Path(__file__).parent.parent / "data" / "samples"
LAMPKEEPER = SAMPLES / "lampkeeper_ode.txt"  # one post a line
PIECES = (3, 6)  # of a post
WORDS = (2, 6)  # of a piece: too few for a run that counts as copied


def drawn_posts(count: int, seed: int = 0) -> list[str]:
    """`count` different posts of 6 to 36 words; the same for the same seed."""
    words = [word for file in sorted(SAMPLES.glob("*.txt")) for word in file.read_text(encoding="utf-8").split()]
    chance = numpy.random.default_rng(seed)
    found: dict[str, None] = {}  # in the order in which they were drawn
    while len(found) < count:
        lengths = chance.integers(WORDS[0], WORDS[1] + 1, chance.integers(PIECES[0], PIECES[1] + 1))
        starts = chance.integers(0, len(words) - WORDS[1], len(lengths))
        pieces = [words[start : start + length] for start, length in zip(starts, lengths, strict=True)]
        found[" ".join(word for piece in pieces for word in piece)] = None
    return list(found)
