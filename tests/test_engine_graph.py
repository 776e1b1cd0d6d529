"""Beneath the OpenVINO engine: its graph, the cache of graphs on disk, and what it leaves behind in memory."""

import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy
import openvino
import pytest

from data.errors import InputError
from tests.tiny_voices import tiny_base
from trainer.bases import BUILTIN_FOLDER
from trainer.engine import Sampling, gpt2_graph, graph_cache
from trainer.engine.gpt2_graph import build_graph
from trainer.engine.graph_cache import GraphCache
from trainer.engine.running_graph import RunningGraph
from trainer.engine.vocabulary import Vocabulary
from trainer.engine.weights import Gpt2Shape, TensorFile

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")

ROWS = [(0, 17, 30, 99), (0,), (0, 5, 200, 200, 7, 300, 31, 64), (0, 12)]


def alone(_row: int, _ids: Sequence[int]) -> list[int]:
    """No row that ends calls off others."""
    return []


def running(cache: Path, folder: Path) -> RunningGraph:
    return RunningGraph(*GraphCache(cache).compiled(folder, adapters=False))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("base"), seed=4)


@pytest.mark.parametrize(("name", "mode"), [("gelu_new", "tanh"), ("gelu_pytorch_tanh", "tanh"), ("gelu", "erf")])
def test_each_activation_is_the_one_asked_for(tmp_path: Path, name: str, mode: str) -> None:
    """They differ by less than int8 does, so that only the graph itself can tell."""
    folder = tiny_base(tmp_path)
    shape = replace(Gpt2Shape.from_folder(folder), activation=name)
    graph = build_graph(shape, TensorFile(folder / "model.safetensors", "transformer."), adapters=False)
    gelus = [node for node in graph.get_ops() if node.get_type_name() == "Gelu"]
    assert [node.get_attributes()["approximation_mode"].lower() for node in gelus] == [mode] * shape.layers


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
    whole = running(cache, base).read(ROWS)
    (made,) = cache.iterdir()
    file, content = made / name, (made / name).read_bytes()
    match damage:
        case "missing":
            file.unlink()
        case "cut":
            file.write_bytes(content[: len(content) // 2])
        case "changed":
            file.write_bytes(content[:-3000] + bytes(byte ^ 1 for byte in content[-3000:]))
    assert numpy.array_equal(running(cache, base).read(ROWS), whole)
    assert list(cache.iterdir()) == [made]
    mended = file.stat().st_mtime_ns
    running(cache, base)
    assert file.stat().st_mtime_ns == mended  # whole again, so not made a third time


def test_a_blob_of_another_openvino_or_processor_is_made_again(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the same place, so that an update leaves nothing behind."""
    cache = tmp_path / "cache"
    whole = running(cache, base).read(ROWS)
    (made,) = cache.iterdir()
    first = (made / "graph.blob").stat().st_mtime_ns
    monkeypatch.setattr(openvino, "__version__", "2031.1.0")
    assert numpy.array_equal(running(cache, base).read(ROWS), whole)
    assert list(cache.iterdir()) == [made]
    assert (made / "graph.blob").stat().st_mtime_ns > first


@pytest.mark.parametrize("stamped", [b"UPCVO", b"ov=", b"isa="])
def test_a_blob_that_openvino_refuses_is_made_again(tmp_path: Path, base: Path, stamped: bytes) -> None:
    """Its stamps may promise what OpenVINO then finds to be another's, or broken."""
    cache = tmp_path / "cache"
    whole = running(cache, base).read(ROWS)
    (made,) = cache.iterdir()
    blob = made / "graph.blob"
    assert stamped in blob.read_bytes()
    blob.write_bytes(blob.read_bytes().replace(stamped, bytes(byte ^ 1 for byte in stamped)))
    (made / "stamps.json").write_text(json.dumps(GraphCache(cache)._blobs._stamps(made)))
    assert numpy.array_equal(running(cache, base).read(ROWS), whole)
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
        logits = list(pool.map(lambda _: running(tmp_path / "cache", base).read(ROWS), range(6)))
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
    assert numpy.isfinite(graph.read(ROWS)).all()  # what is still looked up there comes back by itself


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


def vocabulary(ends: set[int]) -> Vocabulary:
    """Of 320 tokens, of which these end a post."""
    tokens = {f"{number}\u010a" if number in ends else f"{number}": number for number in range(320)}
    return Vocabulary(tokens, 0, 320)


def test_a_graph_that_was_used_speaks_as_a_new_one(tmp_path: Path, base: Path) -> None:
    """What was let go of after a batch comes back with the next."""
    graph, sampling, words = running(tmp_path, base), Sampling(max_tokens=12), vocabulary({0})
    drawn = [graph.generate([ROWS[0]] * 3, [1, 2, 3], 12, words, sampling, {}, None, alone) for _ in range(3)]
    assert drawn[1:] == drawn[:1] * 2
    assert (
        running(tmp_path, base).generate([ROWS[0]] * 3, [1, 2, 3], 12, words, sampling, {}, None, alone)
        == drawn[0]
    )


def test_the_fewest_and_the_most_tokens(tmp_path: Path, base: Path) -> None:
    graph, ends = running(tmp_path, base), set(range(0, 320, 2))  # half of all tokens end a post
    drawn = graph.generate([(0,)] * 64, range(64), 9, vocabulary(ends), Sampling(min_tokens=3), {}, None, alone)
    lengths = {len(ids) for ids in drawn}
    assert min(lengths) == 4
    assert max(lengths) > 5
    for ids in drawn:
        assert not set(ids[:-1]) & ends
        assert ids[-1] in ends or len(ids) == 9
