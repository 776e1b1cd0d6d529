"""The loop over tokens, the same for every engine on the CPU: read the prompts, then draw one token per row until
all ended. Each row has a seed of its own, equal prompts are read once, and rows that ended leave the batch.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import numpy
from numpy.typing import NDArray

from trainer.engine import Sampling
from trainer.engine.sampling import draw, generator
from trainer.engine.vocabulary import Vocabulary

Prompt = tuple[int, ...]
# Hears the ids of a row that ended, or has come so far, and gives all rows that need not go on.
Heard = Callable[[int, Sequence[int]], Iterable[int]]
HEARD_EVERY = 8  # tokens


class Reader(Protocol):
    """A model that keeps what it has read. Both calls return the logits of each row's last token.

    They are float32 [rows, vocabulary].
    """

    def read(self, prompts: Sequence[Prompt]) -> NDArray[numpy.float32]:
        """Forget everything and read the prompts, one a row."""
        ...

    def go_on(self, tokens: Sequence[int], sources: Sequence[int]) -> NDArray[numpy.float32]:
        """One more token for each row, which goes on from the row `sources` of the call before: rows can be
        dropped and doubled.
        """
        ...


def generate(
    reader: Reader,
    prompts: Sequence[Prompt],
    seeds: Sequence[int],
    tokens: int,
    vocabulary: Vocabulary,
    sampling: Sampling,
    heard: Heard,
) -> list[list[int]]:
    """For each prompt the ids drawn after it with its seed: at most `tokens`, an ending only as the last."""
    drawn: list[list[int]] = [[] for _ in prompts]
    chances = [generator(seed) for seed in seeds]
    distinct = list(dict.fromkeys(prompts))  # candidates share their opening: it is read once
    sources = [distinct.index(prompt) for prompt in prompts]  # each row's place in the batch before
    rows = list(range(len(prompts)))  # those that have not ended
    logits = reader.read(distinct)
    ends = frozenset(vocabulary.endings)
    for length in range(tokens):
        if length < sampling.min_tokens:
            logits[:, vocabulary.endings] = -numpy.inf
        for row, source in zip(rows, sources, strict=True):
            spelling = vocabulary.spelling_after((drawn[row] or prompts[row])[-1])
            drawn[row].append(draw(logits[source], sampling, chances[row], spelling))
        over = {row for row in rows if drawn[row][-1] in ends}
        spoken = rows if length % HEARD_EVERY == HEARD_EVERY - 1 else sorted(over)
        over = over.union(*(heard(row, drawn[row]) for row in spoken))
        going_on = [place for place, row in enumerate(rows) if row not in over]
        if not going_on or length == tokens - 1:
            break
        rows = [rows[place] for place in going_on]
        logits = reader.go_on([drawn[row][-1] for row in rows], [sources[place] for place in going_on])
        sources = list(range(len(rows)))
    return drawn
