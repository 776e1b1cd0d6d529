"""Drawing tokens: the shares of the nucleus, found fast, the same for a seed, and never what is forbidden."""

import math
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from trainer.engine import Sampling
from trainer.engine.sampling import draw, generator
from trainer.engine.vocabulary import Spelling


def nucleus(logits: numpy.ndarray[Any, Any], top_p: float, temperature: float) -> dict[int, float]:
    """By its definition: sort, and take the likeliest until their shares reach top_p."""
    shares = numpy.exp((logits.astype(float) - logits.max()) / temperature)
    shares /= shares.sum()
    kept: dict[int, float] = {}
    for token in numpy.argsort(-shares):
        if sum(kept.values()) >= top_p:
            break
        kept[int(token)] = float(shares[token])
    return {token: share / sum(kept.values()) for token, share in kept.items()}


@pytest.mark.parametrize(("top_p", "temperature"), [(1.0, 1.0), (0.95, 1.0), (0.5, 1.0), (0.9, 0.5), (0.05, 2.0)])
def test_tokens_are_drawn_with_the_shares_of_the_nucleus(top_p: float, temperature: float) -> None:
    logits = numpy.random.default_rng(1).normal(0, 2, 50).astype(numpy.float32)
    expected = nucleus(logits, top_p, temperature)
    sampling, draws = Sampling(top_p=top_p, temperature=temperature), 20_000
    chance = generator(4)
    counts = numpy.bincount([draw(logits, sampling, chance) for _ in range(draws)], minlength=50)
    assert set(numpy.flatnonzero(counts)) <= set(expected)
    for token, share in expected.items():  # five standard deviations
        assert abs(counts[token] / draws - share) <= 5 * math.sqrt(share * (1 - share) / draws)


@pytest.mark.parametrize("vocabulary", [255, 256, 257, 50_257])
def test_a_token_is_found_as_by_one_search_over_all(vocabulary: int) -> None:
    logits = numpy.random.default_rng(2).normal(0, 2, vocabulary).astype(numpy.float32)
    logits[-1] = 6  # the last is often drawn, and the last block is seldom full
    heights = numpy.cumsum(numpy.exp(logits - logits.max()), dtype=float)
    chance, same = generator(3), generator(3)
    for _ in range(500):
        expected = numpy.searchsorted(heights, same.random() * heights[-1], side="right")
        assert draw(logits, Sampling(top_p=1.0), chance) == expected


@settings(max_examples=200)
@given(
    arrays.arrays(numpy.float32, 12, elements=st.floats(-1e4, 1e4, width=32)),
    st.floats(0.01, 1.0),
    st.floats(0.01, 5.0),
    st.integers(-(2**70), 2**70),
)
def test_drawing_ends_and_never_takes_what_is_forbidden(
    logits: numpy.ndarray[Any, Any], top_p: float, temperature: float, seed: int
) -> None:
    logits[[2, 5]] = -numpy.inf
    sampling = Sampling(top_p=top_p, temperature=temperature)
    token = draw(logits, sampling, generator(seed))
    assert token not in (2, 5)
    assert token == draw(logits, sampling, generator(seed))


class TestSpelling:
    """Tokens 0 to 2 go on with a word, the others don't."""

    GOING_ON = numpy.array([1] * 3 + [0] * 5, numpy.float32)
    SPELLING = Spelling(GOING_ON, 1 - GOING_ON)

    @pytest.mark.parametrize("temperature", [1.0, 0.7])
    def test_how_a_word_goes_on_is_drawn_at_half_the_temperature_and_what_follows_it_at_the_whole(
        self, temperature: float
    ) -> None:
        logits = numpy.random.default_rng(5).normal(0, 1, 8).astype(numpy.float32)
        whole = numpy.exp(logits.astype(float) / temperature)
        end = whole[3:].sum()
        expected = numpy.concatenate([whole[:3] ** 2, end**2 * whole[3:] / end])
        expected /= expected.sum()
        sampling, chance, draws = Sampling(temperature=temperature, top_p=1.0), generator(6), 20_000
        drawn = [draw(logits, sampling, chance, self.SPELLING) for _ in range(draws)]
        for share, count in zip(expected, numpy.bincount(drawn, minlength=8), strict=True):
            assert abs(count / draws - share) <= 5 * math.sqrt(share * (1 - share) / draws)

    @pytest.mark.parametrize("forbidden", [slice(0, 3), slice(3, 8)])
    def test_what_is_forbidden_stays_so(self, forbidden: slice) -> None:
        logits = numpy.zeros(8, numpy.float32)
        logits[forbidden] = -numpy.inf
        drawn = {draw(logits, Sampling(), generator(seed), self.SPELLING) for seed in range(100)}
        assert drawn == set(range(8)) - set(range(8)[forbidden])
