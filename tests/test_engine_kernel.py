"""Our own kernel: rows that don't depend on each other or on threads, packed weights, and where it can't run."""

from pathlib import Path

import numpy
import pytest

from data.errors import InputError
from tests.engines import ROOM, kernel_engine
from tests.tiny_voices import full_voice, lora_voice, tiny_base
from trainer.engine import kernel
from trainer.engine.kernel import load_library
from trainer.engine.kernel_engine import KernelSpeaker
from trainer.engine.kernel_reader import KernelReader
from trainer.engine.packed_weights import PackedMatrix
from trainer.voice import Voice

LONG = tuple(numpy.random.default_rng(3).integers(1, 320, 30).tolist())


@pytest.fixture(scope="module", params=["full", "lora"])
def speaker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> KernelSpeaker:
    folder = tmp_path_factory.mktemp("kernel")
    engine = kernel_engine(folder / "cache")
    if request.param == "full":
        return engine.load(full_voice(folder / "voice"))
    return engine.load(lora_voice(folder / "voice", tiny_base(folder / "base")))


def new_reader(speaker: KernelSpeaker, threads: int = 2) -> KernelReader:
    reader = KernelReader(speaker._model, speaker._adapter, ROOM, ROOM)
    reader._threads = threads
    return reader


def test_a_prompt_read_at_once_is_the_same_as_token_by_token(speaker: KernelSpeaker) -> None:
    """To the last digit: each number is added up in the same order whatever stands beside it."""
    at_once = new_reader(speaker).read([LONG])
    reader = new_reader(speaker)
    logits = reader.read([LONG[:1]])
    for token in LONG[1:]:
        logits = reader.go_on([token], [0])
    assert numpy.array_equal(logits, at_once)


@pytest.mark.parametrize("rows", range(1, 15))
def test_a_row_does_not_depend_on_the_rows_beside_it(speaker: KernelSpeaker, rows: int) -> None:
    prompts = [LONG[place : 2 * place + 3] for place in range(rows)]
    together = new_reader(speaker).read(prompts)
    alone = [new_reader(speaker).read([prompt])[0] for prompt in prompts]
    assert numpy.array_equal(together, alone)


@pytest.mark.parametrize("threads", [1, 3, 16, 100])
def test_any_number_of_threads_comes_to_the_same(speaker: KernelSpeaker, threads: int) -> None:
    prompts = [LONG, LONG[:7]]
    assert numpy.array_equal(new_reader(speaker, threads).read(prompts), new_reader(speaker).read(prompts))


def test_a_doubled_row_leaves_the_other_as_it_was(speaker: KernelSpeaker) -> None:
    reader = new_reader(speaker)
    reader.read([LONG[:4], LONG[4:9]])
    reader.go_on([7, 8, 9], [1, 1, 0])
    grown = reader.go_on([1, 2, 3], [0, 1, 2])
    whole = [(*LONG[4:9], 7, 1), (*LONG[4:9], 8, 2), (*LONG[:4], 9, 3)]
    assert numpy.array_equal(grown, new_reader(speaker).read(whole))


@pytest.mark.parametrize(("outputs", "inputs"), [(1, 1), (32, 64), (33, 31), (70, 36)])
def test_packing_puts_every_weight_where_the_kernel_looks(outputs: int, inputs: int) -> None:
    matrix = numpy.random.default_rng(1).normal(size=(outputs, inputs)).astype(numpy.float32)
    packed = PackedMatrix.pack(matrix, None)
    for row in range(outputs):
        for column in range(inputs):
            weight = int(packed.weights[row // 32, column // 4, row % 32, column % 4]) - 128
            assert abs(weight * packed.scales[row] - matrix[row, column]) <= packed.scales[row] * 0.5001
    assert packed.weights.size == (outputs + -outputs % 32) * (inputs + -inputs % 32)


def packed_file(tmp_path: Path) -> Path:
    (made,) = (tmp_path / "cache").iterdir()
    assert sorted(file.name for file in made.iterdir()) == ["packed.bin", "stamps.json"]
    return made / "packed.bin"


@pytest.mark.parametrize("content", [b"", b"x" * 1000, None], ids=["empty", "cut", "missing"])
def test_damaged_packed_weights_are_made_again(tmp_path: Path, content: bytes | None) -> None:
    voice = full_voice(tmp_path / "voice")

    def logits() -> numpy.ndarray:  # type: ignore[type-arg]
        return new_reader(kernel_engine(tmp_path / "cache").load(voice)).read([LONG])

    whole = logits()
    file = packed_file(tmp_path)
    made = file.stat().st_mtime_ns
    assert numpy.array_equal(logits(), whole)
    assert file.stat().st_mtime_ns == made  # used again
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    assert numpy.array_equal(logits(), whole)
    assert packed_file(tmp_path).stat().st_mtime_ns > made


def test_weights_that_changed_are_packed_again(tmp_path: Path) -> None:
    engine = kernel_engine(tmp_path / "cache")
    first = new_reader(engine.load(full_voice(tmp_path / "voice", seed=1))).read([LONG])
    other = new_reader(engine.load(full_voice(tmp_path / "voice", seed=2))).read([LONG])
    assert not numpy.array_equal(first, other)


def test_a_cache_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(InputError, match="MYNAH_HOME"):
        kernel_engine(tmp_path / "cache").load(full_voice(tmp_path / "voice"))


def test_figures_that_overflow_are_said_in_a_sentence(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    from trainer.engine import Line, Sampling

    voice: Voice = full_voice(tmp_path / "voice", stored_as="float32")
    weights = load_file(voice.folder / "model.safetensors")
    for name in weights:
        if "mlp" in name:
            weights[name] *= 1e30
    save_file(weights, voice.folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(InputError, match="overflow"):
        kernel_engine(tmp_path / "cache").load(voice).speak([Line("fog")], Sampling(max_tokens=3))


def test_without_a_compiled_kernel_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "_LIBRARY", "trainer.engine.nothing")
    assert load_library() is None


def test_a_kernel_compiled_elsewhere_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "foreign_kernel.py").write_text("no machine code")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(kernel, "_LIBRARY", "foreign_kernel")
    assert load_library() is None
