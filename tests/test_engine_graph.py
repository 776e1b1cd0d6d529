"""Beneath the OpenVINO engine: the int8 graph against transformers, its cache on disk, the drawing of tokens."""

import json
import math
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import openvino
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import GPT2LMHeadModel

from data.errors import InputError
from tests.tiny_voices import StoredAs, lora_voice, tiny_base
from trainer.bases import BUILTIN_FOLDER
from trainer.engine import Sampling, gpt2_graph, graph_cache
from trainer.engine.gpt2_graph import build_graph, quantise
from trainer.engine.graph_cache import GraphCache
from trainer.engine.openvino_engine import OpenVinoEngine
from trainer.engine.running_graph import RunningGraph
from trainer.engine.sampling import draw, generator
from trainer.engine.weights import Gpt2Shape, TensorFile
from trainer.voice import Voice

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")

ROWS = [(0, 17, 30, 99), (0,), (0, 5, 200, 200, 7, 300, 31, 64), (0, 12)]


def divergence(model: Any, rows: list[tuple[int, ...]], logits: numpy.ndarray[Any, Any]) -> float:
    """The largest KL divergence, in nats, of the given next-token logits from transformers' in fp32."""
    ours = torch.tensor(logits).double().log_softmax(-1)
    with torch.inference_mode():
        theirs = torch.stack([model(torch.tensor([row])).logits[0, -1] for row in rows]).double().log_softmax(-1)
    return float((theirs.exp() * (theirs - ours)).sum(-1).max())


def running(cache: Path, folder: Path) -> RunningGraph:
    return RunningGraph(*GraphCache(cache).compiled(folder, adapters=False))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("base"), seed=4)


# Measured on these random models: at most 0.0024 nats (0.0003 on a trained base of 7M), against 0.5 and more for
# a graph with one mistake in it.
CLOSE = 0.01


@pytest.mark.parametrize("stored_as", ["float32", "float16", "bfloat16"])
def test_the_int8_graph_agrees_with_transformers(tmp_path: Path, stored_as: StoredAs) -> None:
    folder = tiny_base(tmp_path / "base", seed=5, stored_as=stored_as)
    model = GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32).eval()
    graph = running(tmp_path / "cache", folder)
    assert divergence(model, ROWS, graph._read(ROWS)) < CLOSE

    grown = [(*row, token) for row, token in zip(ROWS, (8, 9, 10, 11), strict=True)]
    assert divergence(model, grown, graph._go_on([8, 9, 10, 11], range(4))) < CLOSE
    fewer = [(*grown[2], 40), (*grown[1], 41)]  # rows dropped and put in another order
    assert divergence(model, fewer, graph._go_on([40, 41], [2, 1])) < CLOSE
    more = [(*fewer[1], 50), (*fewer[1], 51), (*fewer[0], 52)]  # and doubled
    assert divergence(model, more, graph._go_on([50, 51, 52], [1, 1, 0])) < CLOSE


def test_it_reads_what_the_hub_writes_and_other_shapes(tmp_path: Path) -> None:
    """The hub's GPT-2 has no prefix before its names; an untied head, another width inside, the exact GELU."""
    from safetensors.torch import save_file
    from transformers import GPT2Config

    config = GPT2Config(
        n_layer=1, n_head=4, n_embd=32, n_inner=80, n_positions=32, vocab_size=310, bos_token_id=0, eos_token_id=0,
        activation_function="gelu", tie_word_embeddings=False, initializer_range=0.3,
    )  # fmt: skip
    torch.manual_seed(1)
    model = GPT2LMHeadModel(config).eval()
    config.save_pretrained(tmp_path)
    tensors = {name.removeprefix("transformer."): tensor for name, tensor in model.state_dict().items()}
    save_file(tensors, tmp_path / "model.safetensors")
    assert divergence(model, ROWS, running(tmp_path / "cache", tmp_path)._read(ROWS)) < CLOSE


@pytest.mark.parametrize(("name", "mode"), [("gelu_new", "tanh"), ("gelu_pytorch_tanh", "tanh"), ("gelu", "erf")])
def test_each_activation_is_the_one_asked_for(tmp_path: Path, name: str, mode: str) -> None:
    """They differ by less than int8 does, so that only the graph itself can tell."""
    folder = tiny_base(tmp_path)
    shape = replace(Gpt2Shape.from_folder(folder), activation=name)
    graph = build_graph(shape, TensorFile(folder / "model.safetensors", "transformer."), adapters=False)
    gelus = [node for node in graph.get_ops() if node.get_type_name() == "Gelu"]
    assert [node.get_attributes()["approximation_mode"].lower() for node in gelus] == [mode] * shape.layers


def test_an_unknown_activation_is_refused(tmp_path: Path) -> None:
    folder = tiny_base(tmp_path / "base")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "activation_function": "silu"}))
    with pytest.raises(InputError, match="silu"):
        GraphCache(tmp_path / "cache").compiled(folder, adapters=False)


def logits_of(engine: OpenVinoEngine, voice: Voice) -> numpy.ndarray[Any, Any]:
    speaker = engine.load(voice)
    speaker._graph._wear(speaker._adapter)
    return speaker._graph._read(ROWS)


def test_adapters_agree_with_peft(tmp_path: Path, base: Path) -> None:
    """At lora_alpha / r, here 2: any other scale is far off. One of them leaves most modules alone."""
    engine = OpenVinoEngine(tmp_path / "cache")
    for voice in (lora_voice(tmp_path / "a", base), partial_voice(tmp_path / "b", base)):
        model = PeftModel.from_pretrained(GPT2LMHeadModel.from_pretrained(base), voice.folder).eval()
        logits = logits_of(engine, voice)
        assert divergence(model, ROWS, logits) < CLOSE
        with model.disable_adapter():
            assert divergence(model, ROWS, logits) > 10 * CLOSE


def partial_voice(folder: Path, base: Path) -> Voice:
    """An adapter on the attention's input alone, on top of the files of an ordinary one."""
    lora_voice(folder, base)
    config = LoraConfig(
        r=3, lora_alpha=9, target_modules=["c_attn"], fan_in_fan_out=True, task_type="CAUSAL_LM",
        init_lora_weights=False,
    )  # fmt: skip
    torch.manual_seed(2)
    get_peft_model(GPT2LMHeadModel.from_pretrained(base), config).save_pretrained(str(folder))
    return Voice.from_folder(folder)


def test_an_adapter_of_another_base_is_refused(tmp_path: Path, base: Path) -> None:
    voice = lora_voice(tmp_path / "voice", base)
    wider = json.loads((base / "config.json").read_text())
    other = tiny_base(tmp_path / "other")
    (other / "config.json").write_text(json.dumps({**wider, "n_embd": 64}))
    moved = Voice(voice.record.from_json({**voice.record.to_json(), "base_folder": str(other)}), voice.folder)
    with pytest.raises(InputError, match=r"adapter_model\.safetensors is damaged"):
        OpenVinoEngine(tmp_path / "cache").load(moved)


def test_the_graph_is_made_once(tmp_path: Path, base: Path) -> None:
    cache = tmp_path / "cache"
    running(cache, base)
    (made,) = cache.iterdir()
    times = {file.name: file.stat().st_mtime_ns for file in made.iterdir()}
    assert set(times) == {"graph.blob", "stamps.json"}
    running(cache, base)
    assert {file.name: file.stat().st_mtime_ns for file in made.iterdir()} == times
    assert list(cache.iterdir()) == [made]


@pytest.mark.parametrize("name", ["graph.blob", "stamps.json"])
@pytest.mark.parametrize("damage", ["missing", "cut", "changed"])
def test_a_damaged_cache_is_made_again(tmp_path: Path, base: Path, name: str, damage: str) -> None:
    cache = tmp_path / "cache"
    whole = running(cache, base)._read(ROWS)
    (made,) = cache.iterdir()
    file, content = made / name, (made / name).read_bytes()
    match damage:
        case "missing":
            file.unlink()
        case "cut":
            file.write_bytes(content[: len(content) // 2])
        case "changed":
            file.write_bytes(content[:-3000] + bytes(byte ^ 1 for byte in content[-3000:]))
    assert numpy.array_equal(running(cache, base)._read(ROWS), whole)
    assert list(cache.iterdir()) == [made]
    mended = file.stat().st_mtime_ns
    running(cache, base)
    assert file.stat().st_mtime_ns == mended  # whole again, so not made a third time


def test_a_blob_of_another_openvino_or_processor_is_made_again(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the same place, so that an update leaves nothing behind."""
    cache = tmp_path / "cache"
    whole = running(cache, base)._read(ROWS)
    (made,) = cache.iterdir()
    first = (made / "graph.blob").stat().st_mtime_ns
    monkeypatch.setattr(openvino, "__version__", "2031.1.0")
    assert numpy.array_equal(running(cache, base)._read(ROWS), whole)
    assert list(cache.iterdir()) == [made]
    assert (made / "graph.blob").stat().st_mtime_ns > first


@pytest.mark.parametrize("stamped", [b"UPCVO", b"ov=", b"isa="])
def test_a_blob_that_openvino_refuses_is_made_again(tmp_path: Path, base: Path, stamped: bytes) -> None:
    """Its stamps may promise what OpenVINO then finds to be another's, or broken."""
    cache = tmp_path / "cache"
    whole = running(cache, base)._read(ROWS)
    (made,) = cache.iterdir()
    blob = made / "graph.blob"
    assert stamped in blob.read_bytes()
    blob.write_bytes(blob.read_bytes().replace(stamped, bytes(byte ^ 1 for byte in stamped)))
    (made / "stamps.json").write_text(json.dumps(GraphCache(cache)._stamps(made)))
    assert numpy.array_equal(running(cache, base)._read(ROWS), whole)
    assert stamped in blob.read_bytes()
    assert list(cache.iterdir()) == [made]


def test_other_weights_and_other_graphs_have_other_places(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = GraphCache(tmp_path / "cache")
    cache.compiled(base, adapters=False)
    cache.compiled(base, adapters=True)
    cache.compiled(tiny_base(tmp_path / "other", seed=9), adapters=False)
    monkeypatch.setattr(gpt2_graph, "VERSION", 1_000_000)
    cache.compiled(base, adapters=False)
    assert len(list((tmp_path / "cache").iterdir())) == 4


def test_several_may_make_the_same_graph_at_once(tmp_path: Path, base: Path) -> None:
    with ThreadPoolExecutor(6) as pool:
        logits = list(pool.map(lambda _: running(tmp_path / "cache", base)._read(ROWS), range(6)))
    assert all(numpy.array_equal(one, logits[0]) for one in logits)
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_a_cache_that_cannot_be_written_says_so(tmp_path: Path, base: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(InputError, match="MYNAH_HOME"):
        GraphCache(tmp_path / "cache").compiled(base, adapters=False)


@pytest.mark.skipif(sys.platform != "linux", reason="the pages in memory are read from /proc")
def test_packed_weights_do_not_stay_mapped_in_memory(tmp_path: Path, base: Path) -> None:
    graph = running(tmp_path, base)
    lines = iter(Path("/proc/self/smaps").read_text().splitlines())
    sizes = [next(size for size in lines if size.startswith("Rss:")) for line in lines if str(tmp_path) in line]
    assert sizes
    assert sum(int(size.split()[1]) for size in sizes) < graph.memory_bytes / 1024 / 10
    assert numpy.isfinite(graph._read(ROWS)).all()  # what is still looked up there comes back by itself


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
def test_graphs_that_went_leave_no_threads(tmp_path: Path, base: Path) -> None:
    cache = GraphCache(tmp_path)

    def threads_after(loads: int) -> int:
        for _ in range(loads):
            RunningGraph(*cache.compiled(base, adapters=False))
        return len(list(Path("/proc/self/task").iterdir()))

    before = threads_after(3)
    assert threads_after(10) == before


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_after_many_graphs_those_that_went_leave_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_cache, "_GRAPHS_WITH_A_LEAK", 1)
    cache = GraphCache(tmp_path)

    def megabytes_after(loads: int) -> float:
        for _ in range(loads):
            RunningGraph(*cache.compiled(BUILTIN_FOLDER, adapters=False))
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

    before = megabytes_after(8)
    assert megabytes_after(30) < before + 5  # 11 of the graphs that leak


def test_a_graph_that_was_used_speaks_as_a_new_one(tmp_path: Path, base: Path) -> None:
    """What was let go of after a batch comes back with the next."""
    graph, sampling = running(tmp_path, base), Sampling(max_tokens=12)
    drawn = [graph.generate([ROWS[0]] * 3, [1, 2, 3], 12, [0], sampling, {}) for _ in range(3)]
    assert drawn[1:] == drawn[:1] * 2
    assert running(tmp_path, base).generate([ROWS[0]] * 3, [1, 2, 3], 12, [0], sampling, {}) == drawn[0]


def test_the_fewest_and_the_most_tokens(tmp_path: Path, base: Path) -> None:
    graph, ends = running(tmp_path, base), list(range(0, 320, 2))  # half of all tokens end a post
    drawn = graph.generate([(0,)] * 64, range(64), 9, ends, Sampling(min_tokens=3), {})
    lengths = {len(ids) for ids in drawn}
    assert min(lengths) == 4
    assert max(lengths) > 5
    for ids in drawn:
        assert not set(ids[:-1]) & set(ends)
        assert ids[-1] in ends or len(ids) == 9


@given(arrays.arrays(numpy.float32, (3, 7), elements=st.floats(-100, 100, width=32)))
def test_int8_is_off_by_half_a_step_at_most(matrix: numpy.ndarray[Any, Any]) -> None:
    table, scale = quantise(matrix)
    assert scale.shape == (3, 1)
    assert numpy.all(numpy.abs(table * scale - matrix) <= scale * 0.5001 + 1e-30)


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
