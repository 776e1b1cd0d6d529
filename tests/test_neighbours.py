"""What followed in the posts where a voice foresaw much the same: weighed, mixed in, gathered and kept."""

from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from transformers import GPT2LMHeadModel

from data.errors import InputError
from tests.tiny_voices import CONTEXT, VOCABULARY, tiny_base
from trainer import gather_neighbours as gathering
from trainer.engine.neighbours import NEIGHBOURS, Neighbours, save_neighbours, share_of
from trainer.gather_neighbours import gather_neighbours
from trainer.measure import Request, held_out_nats
from trainer.prompt import encode_posts

Tensors = dict[str, NDArray[Any]]
MOMENTS, FIGURES, TOKENS = 200, 5, 30


def some_tensors(share: float = 0.25) -> Tensors:
    chance = numpy.random.default_rng(6)
    return {
        "projection": chance.normal(0, 0.3, (TOKENS, FIGURES)).astype(numpy.float32),
        "figures": chance.integers(-127, 128, (FIGURES, MOMENTS)).astype(numpy.int8),
        "scales": chance.uniform(0.01, 0.03, (FIGURES, 1)).astype(numpy.float32),
        "tokens": numpy.sort(chance.integers(3, TOKENS - 4, MOMENTS)).astype(numpy.int32),
        "weights": chance.normal(0, 1, MOMENTS).astype(numpy.float32),
        "bandwidth": numpy.array(1.7, numpy.float32),
        "usual": numpy.array(-2.5, numpy.float32),
        "share": numpy.array(share, numpy.float32),
    }


def some_logits(rows: int) -> NDArray[numpy.float32]:
    return numpy.random.default_rng(7).normal(0, 2, (rows, TOKENS)).astype(numpy.float32)


def shares_of(logits: NDArray[Any]) -> NDArray[Any]:
    shares: NDArray[Any] = numpy.exp(logits.astype(float))
    return shares / shares.sum(axis=1, keepdims=True)


def test_each_moment_counts_by_its_distance() -> None:
    tensors, logits = some_tensors(), some_logits(4)
    expected = numpy.zeros((4, TOKENS))
    places = (tensors["figures"] * tensors["scales"]).T.astype(float)
    for row, here in enumerate(logits.astype(float) @ tensors["projection"]):
        for place, token, weight in zip(places, tensors["tokens"], tensors["weights"], strict=True):
            expected[row, token] += numpy.exp(weight - numpy.square(here - place).sum() / tensors["bandwidth"])
    many = expected.sum(axis=1, keepdims=True)
    expected /= many
    neighbours = Neighbours(tensors, TOKENS)
    followed, near = neighbours.foreseen(logits)
    assert followed == pytest.approx(expected, abs=1e-5)
    assert near == pytest.approx(numpy.log(many[:, 0]), abs=1e-3)
    odds = (many / numpy.exp(-2.5)) ** 0.2 / 3  # a quarter where as many are near as usually
    mixed = (shares_of(logits) + odds * expected) / (1 + odds)
    assert shares_of(neighbours.mixed(logits)) == pytest.approx(mixed, abs=1e-5)
    assert share_of(0.25, near).dtype == near.dtype == followed.dtype == numpy.float32  # twice as fast as float64


def test_the_more_moments_are_near_the_more_comes_from_them() -> None:
    """A voice that foresees nothing in particular, near some moments and far from all."""
    tensors = some_tensors()
    neighbours = Neighbours(tensors, TOKENS)
    here = (tensors["figures"] * tensors["scales"])[:, 17]
    logits = numpy.linalg.lstsq(tensors["projection"].T, here, rcond=None)[0].astype(numpy.float32)
    _, near = neighbours.foreseen(numpy.stack([logits, -20 * logits]))
    assert near[0] > near[1] + 10
    assert share_of(0.25, near[:1] - near[0])[0] == pytest.approx(0.25)
    assert share_of(0.25, near[1:] - near[0])[0] < 0.1


def test_a_row_is_foreseen_alike_alone_and_among_many() -> None:
    neighbours, logits = Neighbours(some_tensors(), TOKENS), some_logits(150)
    alone = numpy.vstack([neighbours.mixed(row[None]) for row in logits])
    assert neighbours.mixed(logits) == pytest.approx(alone, abs=1e-4)


def test_what_neither_foresees_is_impossible_and_no_number_stays_none() -> None:
    logits = some_logits(2)
    logits[:, :3] = -numpy.inf  # no post goes on with these
    logits[1, 5] = numpy.nan
    sure = Neighbours(
        {**some_tensors(share=0.9), "projection": numpy.zeros((TOKENS, FIGURES), numpy.float32)}, TOKENS
    )
    with numpy.errstate(invalid="ignore"):
        mixed = sure.mixed(numpy.where(numpy.isinf(logits), numpy.float32(-1e30), logits))
    assert (mixed[0, :3] == -numpy.inf).all()
    assert numpy.isnan(mixed[1]).any()


@pytest.mark.parametrize(
    "change",
    [
        {"projection": numpy.zeros((TOKENS + 1, FIGURES), numpy.float32)},
        {"tokens": numpy.full(MOMENTS, TOKENS, numpy.int32)},
        {"tokens": numpy.arange(MOMENTS, dtype=numpy.int32)[::-1] % TOKENS},
        {"tokens": numpy.zeros(3, numpy.int32)},
        {"weights": numpy.zeros(3, numpy.float32)},
        {"bandwidth": numpy.array(0.0, numpy.float32)},
        {"usual": numpy.array(numpy.inf, numpy.float32)},
        {"share": numpy.array(1.0, numpy.float32)},
        {"scales": numpy.full((FIGURES, 1), numpy.nan, numpy.float32)},
    ],
)
def test_a_file_that_does_not_fit_is_named_in_a_sentence(tmp_path: Path, change: Tensors) -> None:
    assert Neighbours.of(tmp_path, TOKENS) is None
    save_neighbours(tmp_path, some_tensors())
    assert Neighbours.of(tmp_path, TOKENS) is not None
    save_neighbours(tmp_path, {**some_tensors(), **change})
    with pytest.raises(InputError, match=rf"{NEIGHBOURS} is damaged .*\.$"):
        Neighbours.of(tmp_path, TOKENS)
    (tmp_path / NEIGHBOURS).write_bytes(b"cut")
    with pytest.raises(InputError, match=rf"{NEIGHBOURS} is damaged .*\.$"):
        Neighbours.of(tmp_path, TOKENS)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tiny_base(tmp_path / "base")


def gathered(base: Path, learned: list[str], held_out: list[str]) -> float:
    """The share, with the neighbours of a model that was never tuned, in its own folder."""
    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    model = GPT2LMHeadModel.from_pretrained(base).eval()
    return gather_neighbours(
        base, model, [encode_posts(tokenizer, learned)], [encode_posts(tokenizer, held_out)], 0
    )


def test_posts_like_those_learned_are_foreseen_better(base: Path) -> None:
    posts = [f"The {lamp} is lit and the {fog} is thick." for lamp in ("lamp", "fire") for fog in ("fog", "ice")]
    posts += ["é" * CONTEXT]  # two tokens each: twice the context
    request = Request(str(base), "", posts)
    alone = sum(held_out_nats(request))
    assert gathered(base, posts, posts) > 0.3
    assert sum(held_out_nats(request)) < 0.8 * alone


def test_nothing_is_kept_where_it_does_not_help(base: Path) -> None:
    assert gathered(base, ["aaaa aaaa", "aa aaa"], ["Z" * 60]) == 0
    assert not (base / NEIGHBOURS).exists()


def test_of_very_many_moments_some_are_kept(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    posts = [f"The lamp {number} is lit and the fog is thick." for number in range(9)]

    def kept() -> int:
        assert gathered(base, posts, posts) > 0
        neighbours = Neighbours.of(base, VOCABULARY)
        assert neighbours is not None
        return neighbours._nearness.shape[1]

    every = kept()
    monkeypatch.setattr(gathering, "MOST_MOMENTS", every // 3)
    assert kept() == every // 3  # the posts are equally long


def test_people_count_alike_however_much_they_wrote(base: Path) -> None:
    """At the start of a post, what one wrote a hundred times is as likely as what the other wrote once."""
    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    model = GPT2LMHeadModel.from_pretrained(base).eval()
    people = [encode_posts(tokenizer, ["A"] * 100), encode_posts(tokenizer, ["B"])]
    others = encode_posts(tokenizer, ["A lamp", "B fog", "lamp A B", "A A A B B"])  # at moments of their own
    assert gather_neighbours(base, model, people, [others], 0)
    neighbours = Neighbours.of(base, VOCABULARY)
    assert neighbours is not None
    with torch.inference_mode():
        shares = neighbours.foreseen(model(torch.tensor([[0]])).logits[0].numpy())[0][0]
    ours, theirs = (shares[posts[0][0]] for posts in people)
    assert ours == pytest.approx(theirs, rel=1e-2)
    assert ours > 0.1
