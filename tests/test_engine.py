"""What every engine promises: our kernel, OpenVINO, and torch (on the CPU), for full weights and for adapters."""

import gc
import json
import math
import os
import subprocess
import sys
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import GPT2LMHeadModel, TopPLogitsWarper

from data.errors import MynahError
from tests.engines import ENGINES
from tests.tiny_voices import CONTEXT, full_voice, lora_voice, tiny_base
from trainer.bases import BUILTIN_FOLDER
from trainer.engine import Continuation, Engine, Line, Sampling, Speaker, kernel, open_engine
from trainer.engine.kernel import load_library
from trainer.engine.kernel_engine import KernelEngine
from trainer.engine.neighbours import NEIGHBOURS
from trainer.engine.openvino_engine import OpenVinoEngine
from trainer.engine.torch_engine import TorchEngine
from trainer.engine.vocabulary import Vocabulary
from trainer.gather_neighbours import gather_neighbours
from trainer.prompt import encode_posts, read_continuation, render_prompt
from trainer.voice import Voice

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")

OPENINGS = ["The lamp", "", "Filed: a complaint about", "fog fog fog fog"]
POSTS = [
    "The lamp is lit and the fog is thick.",
    "Filed: a complaint about the stairs.",
    "fog fog fog, and a lamp!",
]
# Like them, but none the same: else every moment that is not just one of theirs would count as far from all.
OTHER_POSTS = ["Filed: the lamp is a thick fog.", "The stairs and the fog, lit.", "a lamp! a complaint!"]
SAMPLING = Sampling(max_tokens=12)
SAMPLES = 2000


def lines(openings: Sequence[str], seed: int = 5) -> list[Line]:
    """Each opening with a seed of its own."""
    return [Line(opening, 10_000 * seed + place) for place, opening in enumerate(openings)]


LINES = lines(OPENINGS)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny models only lose time waiting for other threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Voice]:
    """Two voices of full weights, of which one has neighbours, and two adapters over one base."""
    folder = tmp_path_factory.mktemp("voices")
    base = tiny_base(folder / "base", seed=3)
    return {
        "neighbours": remembering(full_voice(folder / "neighbours", seed=1)),
        "full": full_voice(folder / "full", seed=1),
        "lora": lora_voice(folder / "lora", base, seed=1),
        "other": lora_voice(folder / "other", base, "robot", seed=2, rank=6),
    }


@pytest.fixture(scope="module", params=ENGINES)
def new_engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Engine]:
    cache = tmp_path_factory.mktemp("cache")
    return lambda: ENGINES[request.param](cache)


@pytest.fixture(scope="module")
def engine(new_engine: Callable[[], Engine]) -> Engine:
    return new_engine()


@pytest.fixture(scope="module", params=["full", "lora", "neighbours"])
def voice(request: pytest.FixtureRequest, voices: dict[str, Voice]) -> Voice:
    return voices[request.param]


@pytest.fixture(scope="module")
def speaker(engine: Engine, voice: Voice) -> Speaker:
    return engine.load(voice)


def remembering(voice: Voice) -> Voice:
    """The voice, with neighbours of some posts that its weights know nothing of."""
    tokenizer = Tokenizer.from_file(str(voice.folder / "tokenizer.json"))
    posts, others = (encode_posts(tokenizer, some) for some in (POSTS, OTHER_POSTS))
    assert gather_neighbours(voice.folder, transformers_model(voice), [posts[:2], posts[2:]], [others], seed=0)
    return voice


def transformers_model(voice: Voice) -> Any:
    """The voice as transformers and peft load it, in fp32."""
    if voice.record.method == "full":
        return GPT2LMHeadModel.from_pretrained(voice.folder, dtype=torch.float32).eval()
    base = GPT2LMHeadModel.from_pretrained(voice.record.base_folder)
    return PeftModel.from_pretrained(base, voice.folder).eval()


def expected_shares(voice: Voice, opening: str, sampling: Sampling) -> dict[Continuation, float]:
    """How often each continuation of one token should come, by transformers' logits and its own top_p."""
    tokenizer = Tokenizer.from_file(str(voice.folder / "tokenizer.json"))
    ids = torch.tensor([tokenizer.encode(render_prompt(opening), add_special_tokens=False).ids])
    with torch.inference_mode():
        logits = transformers_model(voice)(ids).logits[:, -1]
    if (voice.folder / NEIGHBOURS).exists():
        logits = mixed_by_plain_arithmetic(load_file(voice.folder / NEIGHBOURS), logits)
    logits = logits / sampling.temperature
    spelling = Vocabulary(tokenizer.get_vocab(), 0, logits.shape[-1]).spelling_after(int(ids[0, -1]))
    if sampling.careful_spelling and spelling is not None:
        going_on = torch.from_numpy(spelling.going_on).bool()
        likely = logits.log_softmax(-1)
        end = likely[:, ~going_on].logsumexp(-1)
        logits = likely + torch.where(going_on, likely, end)
    shares: Counter[Continuation] = Counter()
    for token, share in enumerate(TopPLogitsWarper(sampling.top_p)(ids, logits).softmax(-1)[0].tolist()):
        text = tokenizer.decode([token], skip_special_tokens=False)
        ended = token == 0 or "\n" in text
        text = read_continuation(text)
        shares[Continuation(text if ended else text.rstrip("\ufffd"), ended)] += share  # no half a character
    return {continuation: share for continuation, share in shares.items() if share > 0}


def mixed_by_plain_arithmetic(kept: dict[str, torch.Tensor], logits: torch.Tensor) -> torch.Tensor:
    """As `Neighbours` says it, moment by moment."""
    places = (kept["figures"] * kept["scales"]).T
    distances = (logits @ kept["projection"] - places).square().sum(-1)
    nearness = kept["weights"] - distances / kept["bandwidth"]
    share = torch.sigmoid(kept["share"].logit() + 0.2 * (nearness.logsumexp(-1) - kept["usual"])).item()
    shares = logits.softmax(-1) * (1 - share)
    for token, weight in zip(kept["tokens"].tolist(), nearness.softmax(-1), strict=True):
        shares[0, token] += share * weight
    return shares.log()


def assert_drawn_from(drawn: list[Continuation], expected: dict[Continuation, float], strays: float) -> None:
    """Fails for a sound engine once in a million times: the total variation of n draws is on average at most
    half the sum of sqrt(p(1-p)/n), and passes that by t with a chance of at most exp(-2nt²) (McDiarmid).
    0.03 is left for int8: by Pinsker's inequality that is a divergence of 0.0018 nats.
    """
    counts = Counter(drawn)
    variation = sum(abs(counts[c] / len(drawn) - expected.get(c, 0)) for c in {*counts, *expected}) / 2
    chance = sum(math.sqrt(share * (1 - share) / len(drawn)) for share in expected.values()) / 2
    assert variation < chance + math.sqrt(math.log(1e6) / (2 * len(drawn))) + 0.03
    # Outside the nucleus only what int8 moved over its edge.
    assert sum(count for c, count in counts.items() if c not in expected) <= strays * len(drawn)


def test_it_continues_every_opening(speaker: Speaker) -> None:
    continuations = speaker.speak(LINES, SAMPLING)
    assert len(continuations) == len(OPENINGS)
    assert len({continuation.text for continuation in continuations}) == len(OPENINGS)
    assert not any("\n" in continuation.text for continuation in continuations)
    assert speaker.speak([], SAMPLING) == []
    assert speaker.memory_bytes > 10_000


def test_the_seed_decides_the_texts(speaker: Speaker) -> None:
    first = speaker.speak(LINES, SAMPLING)
    assert speaker.speak(LINES, SAMPLING) == first
    assert speaker.speak(lines(OPENINGS, 6), SAMPLING) != first
    assert len(set(speaker.speak(lines(["The lamp"] * 10), SAMPLING))) > 8  # candidates of one opening differ


def test_a_text_does_not_depend_on_the_seeds_beside_it(speaker: Speaker) -> None:
    whole = replace(SAMPLING, min_tokens=SAMPLING.max_tokens)  # no row leaves: every sum is added up alike
    together = speaker.speak(LINES, whole)
    assert speaker.speak(LINES[::-1], whole) == together[::-1]
    for place, line in enumerate(LINES):
        others = [line if other is line else replace(other, seed=other.seed + 99) for other in LINES]
        again = speaker.speak(others, whole)
        assert again[place] == together[place]
        assert again != together


@pytest.mark.parametrize(
    "between",
    [
        pytest.param((["fog"], {"max_tokens": 1}), id="a single token"),
        pytest.param((["fog"], {"max_tokens": 1, "min_tokens": 0, "temperature": 5.0}), id="perhaps no token"),
        pytest.param((["lamp " * 100], {"max_tokens": 50}), id="the whole context"),
        pytest.param((["a", "bb", "The fog is thick"] * 9, {}), id="a larger batch"),
    ],
)
def test_nothing_is_left_from_one_call_to_the_next(
    speaker: Speaker, new_engine: Callable[[], Engine], voice: Voice, between: tuple[list[str], dict[str, Any]]
) -> None:
    openings, changes = between
    alone = new_engine().load(voice).speak(LINES, SAMPLING)
    speaker.speak(lines(openings), replace(SAMPLING, **changes))
    assert speaker.speak(LINES, SAMPLING) == alone


def test_voices_over_one_base_take_turns(engine: Engine, voices: dict[str, Voice]) -> None:
    one, two = (engine.load(voices[name]) for name in ("lora", "other"))
    alone = [one.speak(LINES, SAMPLING), two.speak(LINES, SAMPLING)]
    assert alone[0] != alone[1]
    for _ in range(3):
        assert [one.speak(LINES, SAMPLING), two.speak(LINES, SAMPLING)] == alone


def test_two_threads_do_not_disturb_each_other(engine: Engine, voices: dict[str, Voice]) -> None:
    speakers = [engine.load(voices[name]) for name in ("lora", "other")] * 4
    alone = [speaker.speak(LINES, SAMPLING) for speaker in speakers]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda speaker: speaker.speak(LINES, SAMPLING), speakers)) == alone


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(max_tokens=1, min_tokens=0, careful_spelling=False),
        Sampling(max_tokens=1, min_tokens=0),
        Sampling(max_tokens=1, min_tokens=0, top_p=0.5),
        Sampling(max_tokens=1, min_tokens=0, top_p=1.0, temperature=0.6),
    ],
    ids=["reference", "careful", "small nucleus", "cool"],
)
def test_first_tokens_are_drawn_as_transformers_says(speaker: Speaker, voice: Voice, sampling: Sampling) -> None:
    drawn = speaker.speak(lines(["The lamp"] * SAMPLES), sampling)
    assert_drawn_from(drawn, expected_shares(voice, "The lamp", sampling), strays=0.01)


def test_a_mixed_batch_is_drawn_like_single_openings(speaker: Speaker, voice: Voice) -> None:
    sampling = Sampling(max_tokens=1, min_tokens=0, top_p=0.9)
    drawn = speaker.speak(lines(OPENINGS * (SAMPLES // 2)), sampling)
    for place, opening in enumerate(OPENINGS):
        mine = drawn[place :: len(OPENINGS)]
        assert_drawn_from(mine, expected_shares(voice, opening, sampling), strays=0.01)


def test_long_batches_of_openings_of_different_lengths_stay_numbers(engine: Engine, voice: Voice) -> None:
    """OpenVINO's int8 memory of what was read gave no numbers in every third such batch, on AVX2 alone."""
    if (voice.folder / NEIGHBOURS).exists():
        pytest.skip("the built-in base has none")
    speaker = engine.load(replace(voice, folder=BUILTIN_FOLDER, record=replace(voice.record, method="full")))
    for seed in range(12):
        for continuation in speaker.speak(
            lines(["The lamp", "Lamps and gulls are", "The harbour"], seed), Sampling()
        ):
            assert continuation.text


def test_second_tokens_go_on_from_the_first(speaker: Speaker, voice: Voice) -> None:
    """One token drawn after another is drawn like one token after an opening that already holds the first."""
    sure = Sampling(max_tokens=1, temperature=0.01)
    opening = "The lamp"
    (first,) = speaker.speak([Line(opening)], sure)
    for _ in range(6):  # until the likeliest token is plain text, which survives being written into the opening
        if first.text.isascii() and first.text.strip() and not first.text.endswith(" "):
            break
        opening += "!"
        (first,) = speaker.speak([Line(opening)], sure)
    (both,) = speaker.speak([Line(opening)], replace(sure, max_tokens=2))
    (second,) = speaker.speak([Line(opening + first.text)], sure)
    assert both.text == first.text + second.text


def test_an_opening_longer_than_the_context_loses_its_beginning(speaker: Speaker) -> None:
    tail = "the fog is thick and the lamp is lit " * 10
    one, two = (speaker.speak([Line(head + tail)], SAMPLING) for head in ("a", "Filed: a complaint. "))
    assert one == two
    (filled,) = speaker.speak([Line("fog " * CONTEXT)], Sampling(max_tokens=10 * CONTEXT))
    assert filled.text


@pytest.fixture(scope="module", params=["<|endoftext|>", "\n"], ids=["end of text", "new line"])
def silent_voice(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Voice:
    """A voice that wants to end at once: its logits always point at the end of text, or at a new line."""
    voice = full_voice(tmp_path_factory.mktemp("silent") / "silent", stored_as="float32")
    (token,) = Tokenizer.from_file(str(voice.folder / "tokenizer.json")).encode(request.param).ids
    weights = load_file(voice.folder / "model.safetensors")
    end = weights["transformer.wte.weight"][token]
    weights["transformer.ln_f.weight"].zero_()
    weights["transformer.ln_f.bias"].copy_(60 * end / end.norm() ** 2)
    save_file(weights, voice.folder / "model.safetensors", {"format": "pt"})
    return voice


def test_an_ending_waits_for_the_fewest_tokens(engine: Engine, silent_voice: Voice) -> None:
    speaker = engine.load(silent_voice)

    def speak(minimum: int, maximum: int) -> list[Continuation]:
        return speaker.speak(LINES, Sampling(min_tokens=minimum, max_tokens=maximum))

    assert speak(0, 12) == [Continuation("", finished=True)] * len(OPENINGS)
    assert not any(continuation.finished for continuation in speak(3, 3))
    assert all(continuation.finished for continuation in speak(3, 4))
    assert speak(0, 1) == [Continuation("", finished=True)] * len(OPENINGS)


def test_a_new_line_ends_a_post(speaker: Speaker, voice: Voice) -> None:
    continuations = speaker.speak(lines(["fog"] * 200), Sampling(max_tokens=40, top_p=1.0))
    assert not any("\n" in continuation.text for continuation in continuations)
    assert {continuation.finished for continuation in continuations} == {True, False}


class FirstToEnd:
    """A listener that is content with whatever ends first."""

    def __init__(self) -> None:
        self.heard: list[tuple[Line, Continuation]] = []

    def enough(self, line: Line, continuation: Continuation) -> bool:
        self.heard.append((line, continuation))
        return continuation.finished


def test_lines_are_called_off_by_their_listener_alone(engine: Engine, speaker: Speaker) -> None:
    if isinstance(engine, TorchEngine):
        pytest.skip("transformers goes on until all rows have ended")
    if speaker._neighbours:  # type: ignore[attr-defined]
        pytest.skip("their last digits differ with the size of the batch, which among so many may tip a token")
    sampling = Sampling(max_tokens=60, top_p=1.0)
    ours = [Line("fog", seed) for seed in range(400)]  # of which a few end
    others = [Line("fog", seed) for seed in range(400, 420)]
    whole = speaker.speak(ours + others, sampling)
    first = FirstToEnd()
    heard = speaker.speak([replace(line, listener=first) for line in ours] + others, sampling)
    assert heard[400:] == whole[400:]
    assert any(continuation.called_off for continuation in heard[:400])
    for early, late in zip(heard[:400], whole[:400], strict=True):
        if early.called_off:
            assert not early.finished
            assert late.text.startswith(early.text.rstrip("\ufffd"))  # half a character
        else:
            assert early == late
    for line, continuation in first.heard:
        assert whole[line.seed].text.startswith(continuation.text.rstrip("\ufffd"))
    assert max(len(continuation.text) for _, continuation in first.heard) > 0


def test_adapters_share_one_base_and_let_it_go(
    new_engine: Callable[[], Engine], voices: dict[str, Voice], monkeypatch: pytest.MonkeyPatch
) -> None:
    from trainer.engine import kernel_engine, openvino_engine, torch_engine

    made: list[Any] = []

    def counted(kind: Any) -> Callable[..., Any]:
        def make(*values: Any) -> Any:
            thing = kind(*values)
            made.append(weakref.ref(thing))
            return thing

        return make

    monkeypatch.setattr(openvino_engine, "RunningGraph", counted(openvino_engine.RunningGraph))
    monkeypatch.setattr(kernel_engine, "KernelModel", counted(kernel_engine.KernelModel))
    monkeypatch.setattr(torch_engine, "_Model", counted(torch_engine._Model))
    engine = new_engine()
    speakers = [engine.load(voices[name]) for name in ["lora", "other"] * 10]
    texts = [speaker.speak([Line("The lamp")], SAMPLING) for speaker in speakers]
    assert len(made) == 1
    assert texts == texts[:2] * 10
    del speakers[3:]
    gc.collect()
    assert [speaker.speak([Line("The lamp")], SAMPLING) for speaker in speakers] == texts[:3]
    if isinstance(engine, TorchEngine):  # peft keeps adapters by name: they don't go by themselves
        assert len(made[0]()._model.peft_config) == 3
    del speakers
    gc.collect()
    assert made[0]() is None


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def _not_a_number(file: Path) -> None:
    weights = load_file(file)
    next(iter(weights.values())).view(-1)[0] = math.nan
    save_file(weights, file, {"format": "pt"})


def _one_missing(file: Path) -> None:
    weights = load_file(file)
    weights.pop(sorted(weights)[0])
    save_file(weights, file, {"format": "pt"})


def _other_shape(file: Path) -> None:
    weights = load_file(file)
    name = sorted(weights)[0]
    weights[name] = torch.cat([weights[name], weights[name]])
    save_file(weights, file, {"format": "pt"})


def _text(text: str) -> Callable[[Path], None]:
    return lambda file: file.write_text(text) and None


def _other_architecture(file: Path) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), "model_type": "llama"}))


DAMAGES = [
    ("full", "model.safetensors", Path.unlink),
    ("full", "model.safetensors", _cut),
    ("full", "model.safetensors", _text("")),
    ("full", "model.safetensors", _not_a_number),
    ("full", "model.safetensors", _one_missing),
    ("full", "model.safetensors", _other_shape),
    ("full", "config.json", Path.unlink),
    ("full", "config.json", _text("{")),
    ("full", "config.json", _text('{"model_type": "gpt2"}')),
    ("full", "config.json", _other_architecture),
    ("full", "tokenizer.json", Path.unlink),
    ("full", "tokenizer.json", _text("{}")),
    ("lora", "adapter_model.safetensors", Path.unlink),
    ("lora", "adapter_model.safetensors", _cut),
    ("lora", "adapter_model.safetensors", _not_a_number),
    ("lora", "adapter_model.safetensors", _other_shape),
    ("lora", "adapter_config.json", Path.unlink),
    ("lora", "adapter_config.json", _text("[]")),
    ("lora", "../base/model.safetensors", Path.unlink),
    ("lora", "../base/model.safetensors", _cut),
    ("lora", "../base/config.json", Path.unlink),
]


@pytest.mark.parametrize(
    ("method", "name", "damage"), DAMAGES, ids=[f"{d.__name__.strip('_')}-{n}" for _, n, d in DAMAGES]
)
def test_a_damaged_file_is_named_in_one_sentence(
    new_engine: Callable[[], Engine], tmp_path: Path, method: str, name: str, damage: Callable[[Path], None]
) -> None:
    base = tiny_base(tmp_path / "base")
    voice = full_voice(tmp_path / "voice") if method == "full" else lora_voice(tmp_path / "voice", base)
    damage(voice.folder / name)
    with pytest.raises(MynahError) as caught:
        new_engine().load(voice)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    assert (voice.folder / name).resolve().name in sentence or "no plain GPT-2" in sentence


def test_speaking_on_the_cpu_imports_no_torch(voices: dict[str, Voice], tmp_path: Path) -> None:
    """In a process of its own, since this one has imported everything already."""
    script = """if True:
        import sys
        from pathlib import Path
        from trainer.engine import Line, Sampling, open_engine
        from trainer.voice import Voice
        engine = open_engine("cpu", Path(sys.argv[1]))
        for folder in sys.argv[2:]:
            print(engine.load(Voice.from_folder(Path(folder))).speak([Line("The lamp")], Sampling(max_tokens=4)))
        print(sorted({"torch", "transformers", "peft"} & set(sys.modules)))
    """
    folders = [str(voices[name].folder) for name in ("full", "lora")]
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path), *folders],
        capture_output=True,
        text=True,
        timeout=50,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout.splitlines()[2:] == ["[]"], done.stderr


def test_the_device_chooses_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(open_engine("cpu", tmp_path), KernelEngine if load_library() else OpenVinoEngine)
    monkeypatch.setattr(kernel, "load_library", lambda: None)
    assert isinstance(open_engine("cpu", tmp_path), OpenVinoEngine)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(MynahError, match=r"MYNAH_SPEAK__DEVICE=cpu"):
        open_engine("cuda", tmp_path)
