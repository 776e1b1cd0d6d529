"""What the bench's rows make of what they measured, and that the models they measure say what they should."""

import math
from dataclasses import replace
from pathlib import Path

import numpy
import pytest
import torch
from transformers import GPT2LMHeadModel

from bench import shape
from bench.figures import Spread
from bench.peers.nucleus import draw_rows
from bench.peers.trainer import PADDED, REFERENCE, _rows
from bench.posts import drawn_posts
from bench.rows import bandwidth, speaking, time_to_loss, voices
from bench.workload import Measurement, Terms
from tests.tiny_voices import tiny_base
from trainer.engine.weights import Gpt2Shape, read_adapter

TERMS = Terms(Path("nowhere"), quick=False, threads=1, corpora=None, base=None)


def test_the_wide_shape_says_what_its_base_says(tmp_path: Path) -> None:
    narrow = tiny_base(tmp_path / "narrow")
    shape.widen(narrow, tmp_path / "wide", layers=3, vocabulary=400, context=100)
    wide = tmp_path / "wide"
    assert Gpt2Shape.from_folder(wide).width == 3 * Gpt2Shape.from_folder(narrow).width
    ids = torch.arange(1, 21)[None]
    with torch.no_grad():
        said, meant = (GPT2LMHeadModel.from_pretrained(folder).eval()(ids).logits for folder in (wide, narrow))
    assert said.shape == (1, 20, 400)
    torch.testing.assert_close(said[..., :320], meant, atol=0.02, rtol=0)

    shape.write_adapter(wide, tmp_path / "adapter", seed=1)
    adapter = read_adapter(tmp_path / "adapter", Gpt2Shape.from_folder(wide))
    assert adapter.keys() == Gpt2Shape.from_folder(wide).modules().keys()
    merged = shape.load_base(shape.merged_folder(replace(TERMS, scratch=tmp_path, base=wide)))
    down, up = read_adapter(shape.write_adapter(wide, tmp_path / "first", 0), Gpt2Shape.from_folder(wide))[
        "h.0.attn.c_attn"
    ]
    change = merged["h.0.attn.c_attn.weight"] - shape.load_base(wide)["h.0.attn.c_attn.weight"]
    numpy.testing.assert_allclose(change, (up @ down).T, atol=1e-5)  # adapters are kept in fp16


def test_a_look_at_held_out_posts_does_not_run_the_clock() -> None:
    times = [15.0, 16.0, 27.0, 28.0, 39.0]  # started at 10; the third and the last step looked, for ten seconds
    looked, losses = [False, False, True, False, True], [5.0, 5.0, 4.0, 4.0, 3.0]
    seconds, found = time_to_loss.loss_over_time(10.0, times, looked, losses)
    assert (seconds, found) == ([7.0, 9.0], [4.0, 3.0])
    measurement = Measurement(series={"seconds": seconds, "losses": found})
    assert [time_to_loss.time_to(loss, measurement) for loss in (4.5, 3.5, 2.0)] == [7.0, 9.0, math.inf]


def test_time_to_loss_compares_each_corpus_with_itself() -> None:
    def own(corpus: str, seconds: float) -> Measurement:
        return Measurement({"final_loss": 3.0}, {"seconds": [seconds], "losses": [3.0]}, corpus=corpus)

    plain = [Measurement({"seconds": 100.0, "final_loss": loss}) for loss in (3.5, 3.2, 2.9)]
    reading = time_to_loss.read({"ours": [own("ada", 10), own("bo", 20), own("cy", 30)], "reference": plain})[
        "train.time_to_loss_ratio"
    ]
    assert reading.spread == Spread(0.2, 0.1, math.inf)
    assert not reading.conditions[0].met
    assert reading.beside["cy.ratio"] == math.inf
    assert reading.beside["bo.final_loss_of_the_reference"] == 3.2
    assert reading.beside.keys() == {
        f"{corpus}.{figure}"
        for corpus in ("ada", "bo", "cy")
        for figure in ("ratio", "final_loss", "final_loss_of_the_reference")
    }


def test_the_recipes_see_every_post_in_every_epoch() -> None:
    posts = [[number] * (number + 1) + [0] for number in range(1, 8)]
    size = sum(map(len, posts))
    assert sorted(map(len, _rows(posts, 0, PADDED))) == sorted(4 * [len(post) for post in posts])
    packed = _rows(posts, 0, replace(REFERENCE, block_size=10))
    assert {len(row) for row in packed} == {10}
    assert len(packed) == (1 + 4 * size) // 10


def test_speaking_is_held_against_the_fastest_peer_and_the_gates() -> None:
    def side(one: float, ten: float, text: str, texts_a_round: int = 0) -> list[Measurement]:
        """By seeds the same texts in each round, or other ones."""
        return [
            Measurement(
                {"one_seconds": one, "ten_seconds": ten},
                texts=[f"{text} {n + number * texts_a_round}." for n in range(10)],
            )
            for number in range(3)
        ]

    said = "The thing about fog is that it has no handle, said number"
    results = {
        "ours": side(0.5, 1.0, said),
        "transformers": side(2.0, 8.0, said, texts_a_round=10),
        "onnxruntime": side(1.0, 0.8, said),
        "memory_read": [Measurement({"tokens_per_second": 200.0})] * 3,
    }
    readings = speaking.read(results)
    assert readings["speak.ten_ratio"].spread.median == 8
    assert readings["speak.one_ratio"].spread.median == 4
    assert readings["speak.one_bandwidth_share"].spread.median == 0.5
    assert [condition.met for condition in readings["speak.ten_ratio"].conditions] == [True, False]
    mute = speaking.read({**results, "ours": side(0.5, 1.0, "@somebody look")})
    assert not mute["speak.ten_ratio"].conditions[0].met
    assert "speak.one_bandwidth_share" not in speaking.read(
        {k: v for k, v in results.items() if k != "memory_read"}
    )


def test_the_share_of_the_bandwidth_counts_each_weight_once(tmp_path: Path) -> None:
    base = tiny_base(tmp_path)
    model = GPT2LMHeadModel.from_pretrained(base)
    matrices = sum(values.numel() for values in model.parameters() if values.dim() == 2)
    terms = replace(TERMS, base=base, quick=True)
    assert bandwidth.weight_bytes(terms) == matrices - model.transformer.wpe.weight.numel()
    assert bandwidth.share([100, 120], [200, 200]).spread == Spread(0.55, 0.5, 0.6)


def test_requests_follow_zipf_and_are_the_same_each_time() -> None:
    asked = voices.zipf(1000, 5000)
    assert asked == voices.zipf(1000, 5000)
    assert asked.count(0) == pytest.approx(5000 / 7.485, rel=0.15)  # of the harmonic sum
    assert asked.count(0) > asked.count(1) > asked.count(9)


def test_the_peers_draw_from_the_nucleus() -> None:
    logits = numpy.log(numpy.array([[0.6, 0.36, 0.02, 0.02]] * 400, numpy.float32))
    drawn = draw_rows(logits, numpy.random.default_rng(0))
    assert set(drawn) == {0, 1}
    assert drawn.count(0) / 400 == pytest.approx(0.6 / 0.96, abs=0.08)


def test_made_up_posts_differ_and_come_again_for_the_same_seed() -> None:
    posts = drawn_posts(300, seed=3)
    assert len(set(posts)) == 300
    assert posts == drawn_posts(300, seed=3)
    assert posts != drawn_posts(300, seed=4)
