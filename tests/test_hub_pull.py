"""Pulling: what a good repository becomes, and the one sentence that a hostile one gets."""

import json
import pickle
import shutil
import struct
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub.constants
import numpy
import pytest
from huggingface_hub.utils._xet_progress_reporting import XetDownloadProgressReporter
from safetensors.numpy import load, load_file, save

from bot.erasing import erase
from bot.hub.checks import ORIGIN, byte_level_tokenizer
from bot.hub.names import handles_of
from bot.hub.pull import look, pull
from bot.hub.push import plan_push
from bot.imitator import Imitator, Occasion
from bot.shelf import VoiceShelf
from data.errors import InputError, MynahError, NotFoundError, RefusedError
from data.store import Right
from tests.discord_fronts import BabblingEngine
from tests.hubs import Place, bring_posts
from tests.tiny_voices import full_voice, tiny_base
from trainer.card import model_card
from trainer.engine import Line, Sampling, open_engine
from trainer.engine.openvino_engine import OpenVinoEngine
from trainer.engine.torch_engine import TorchEngine
from trainer.export import export_voice
from trainer.voice import Voice

LINES = [Line("The lamp", 3), Line("", 4)]
OLD_CARD = b"""---
language: en
thumbnail: https://www.huggingtweets.com/keeper/1616888395440/predictions.png
license: mit
tags:
- huggingtweets
---

<div>
    <div style="text-align: center; font-size: 14px;">@keeper-the_gull</div>
</div>
I was made with [huggingtweets](https://github.com/borisdayma/huggingtweets).
"""


@pytest.fixture(name="exported", scope="module")
def _exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a good repository."""
    folder = tmp_path_factory.mktemp("hub")
    export_voice(full_voice(folder / "voice"), folder / "exported")
    return folder / "exported"


@pytest.fixture(name="old")
def _old(tmp_path: Path) -> Path:
    """A repository as huggingtweets left it: vocab.json and merges.txt, masks among the weights, odd settings."""
    base, folder = tiny_base(tmp_path / "base"), tmp_path / "old"
    folder.mkdir()
    tokenizer = json.loads((base / "tokenizer.json").read_text())["model"]
    (folder / "vocab.json").write_text(json.dumps(tokenizer["vocab"]))
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in tokenizer["merges"]]
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]))
    config = json.loads((base / "config.json").read_text())
    more = {
        "task_specific_params": {"text-generation": {"max_length": 160}},
        "n_ctx": 64,
        "auto_map": {"AutoModel": "x.Y"},
    }
    (folder / "config.json").write_text(json.dumps(config | more))
    weights = load_file(base / "model.safetensors")
    weights = {f"transformer.{name.removeprefix('transformer.')}": weight for name, weight in weights.items()}
    weights["transformer.h.0.attn.bias"] = numpy.tril(numpy.ones((1, 1, 64, 64), numpy.uint8))
    weights["transformer.h.0.attn.masked_bias"] = numpy.array(-1e4, numpy.float32)
    (folder / "model.safetensors").write_bytes(save(weights))
    (folder / "pytorch_model.bin").write_bytes(b"never read")
    (folder / "README.md").write_bytes(OLD_CARD)
    return folder


async def pulled(place: Place, repo: str = "ode/keeper", name: str = "") -> Voice:
    async with look(place.store, place.settings, place.hub, repo, name=name) as offer:
        return await pull(place.store, place.settings, place.hub, offer)


def spoken(voice: Voice, cache: Path) -> list[str]:
    speaker = open_engine("cpu", cache).load(voice)
    return [said.text for said in speaker.speak(LINES, Sampling(max_tokens=20))]


async def test_a_pushed_voice_speaks_elsewhere_as_it_did_at_home(
    place: Place, exported: Path, tmp_path: Path
) -> None:
    place.server.folder("ode/keeper", exported)
    voice = await pulled(place)
    assert spoken(voice, tmp_path / "one") == spoken(
        Voice.from_folder(exported.parent / "voice"), tmp_path / "two"
    )
    record = voice.record
    assert (record.name, record.base, record.method, record.posts) == ("keeper", "ode/keeper", "full", 0)
    assert (record.learned, voice.training_posts()) == ((), [])
    row = await place.store.voices.newest("keeper")
    assert row is not None
    assert row.key == record.key
    origin = json.loads((voice.folder / ORIGIN).read_text())
    assert origin["revision"] == place.server.world.repositories["ode/keeper"].commits[-1].sha
    assert {file.name for file in voice.folder.iterdir()} == {
        "voice.json", "posts.json", "pulled.json", "config.json", "model.safetensors", "tokenizer.json"
    }  # fmt: skip
    assert not any((place.settings.home / "incoming").iterdir())


@pytest.mark.parametrize(("said", "takes"), [(True, True), ("true", False), (None, False)])
async def test_a_pulled_voice_takes_topics_where_its_configuration_says_so(
    place: Place, exported: Path, said: object, takes: bool
) -> None:
    file = exported / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "takes_topics": said}))
    place.server.folder("ode/keeper", exported)
    voice = await pulled(place)
    assert voice.record.takes_topics is takes
    assert json.loads((voice.folder / "config.json").read_text())["takes_topics"] is takes


async def test_a_pulled_voice_can_leave_again_as_the_same_weights(
    place: Place, exported: Path, tmp_path: Path
) -> None:
    place.server.folder("ode/keeper", exported)
    export_voice(await pulled(place), tmp_path / "again")
    ours, theirs = (load_file(folder / "model.safetensors") for folder in (tmp_path / "again", exported))
    assert ours.keys() == theirs.keys()
    assert all((ours[name] == theirs[name]).all() for name in ours)


async def test_what_is_here_already_is_not_downloaded_again(place: Place, exported: Path) -> None:
    place.server.folder("ode/keeper", exported)
    first = await pulled(place)
    assert [call for call in place.server.calls if call.path.startswith("/large/")]
    place.server.calls.clear()
    assert (await pulled(place)).record == first.record
    assert not [call for call in place.server.calls if call.path.startswith("/large/")]


async def test_a_pulled_voice_speaks_on_every_engine(place: Place, exported: Path, tmp_path: Path) -> None:
    place.server.folder("ode/keeper", exported)
    voice = await pulled(place)
    sampling = Sampling(max_tokens=20)
    for engine in (open_engine("cpu", tmp_path), OpenVinoEngine(tmp_path), TorchEngine("cpu")):
        here, there = (engine.load(one).speak(LINES, sampling) for one in (voice, Voice(voice.record, exported)))
        assert here == there


async def test_a_pulled_voice_is_forgotten_whole(place: Place, exported: Path) -> None:
    place.server.folder("ode/keeper", exported)
    voice = await pulled(place)
    await erase(place.store, place.settings, "keeper")
    assert not voice.folder.exists()
    assert not place.settings.cache.exists()
    assert await place.store.voices.all() == []


async def test_a_pulled_voice_is_not_pushed_as_if_it_were_of_the_posts_that_came_later(
    place: Place, exported: Path
) -> None:
    place.server.folder("ode/keeper", exported)
    voice = await pulled(place)
    await bring_posts(place.store, "keeper", may_publish=True)
    with pytest.raises(RefusedError, match="was pulled from ode/keeper"):
        await plan_push(place.store, place.settings, place.hub, voice, repo="mine")


async def test_a_pulled_voices_card_claims_nothing_of_a_training(place: Place, exported: Path) -> None:
    place.server.folder("ode/keeper", exported)
    card = model_card(await pulled(place))
    assert "[ode/keeper](https://huggingface.co/ode/keeper)" in card
    for claim in ("Hyperparameter", "made with Mynah", "- mynah", "was trained on posts"):
        assert claim not in card


async def test_without_posts_gates_and_relevance_still_work(place: Place, exported: Path) -> None:
    place.server.folder("ode/keeper", exported)
    voice = await pulled(place)
    async with VoiceShelf(BabblingEngine(), 10) as shelf:
        imitator = Imitator(shelf, place.store, place.settings)
        occasion = Occasion("terminal")
        assert await imitator.continue_opening(voice, "The lamp", 2, seed=1, occasion=occasion)
        assert await imitator.answer(voice, "How is the fog?", seed=1, occasion=occasion)


async def test_a_repository_of_huggingtweets_comes_in(place: Place, old: Path, tmp_path: Path) -> None:
    place.server.folder("huggingtweets/keeper-the_gull", old)
    async with look(place.store, place.settings, place.hub, "huggingtweets/keeper-the_gull") as offer:
        assert (offer.handles, offer.licence) == (("keeper", "the_gull"), "mit")
        assert set(offer.tags) == {"huggingtweets", "license:mit"}
        assert offer.files.keys() == {"model.safetensors", "config.json", "README.md", "vocab.json", "merges.txt"}
        assert offer.size == sum((old / name).stat().st_size for name in offer.files)
        voice = await pull(place.store, place.settings, place.hub, offer)
    assert not [call for call in place.server.calls if "pytorch_model" in call.path]
    assert "auto_map" not in json.loads((voice.folder / "config.json").read_text())
    home = Voice(voice.record, tmp_path / "there")
    shutil.copytree(tmp_path / "base", home.folder)
    assert spoken(voice, tmp_path / "one") == spoken(home, tmp_path / "two")


async def test_the_revision_that_was_looked_at_is_the_one_that_comes(place: Place, exported: Path) -> None:
    repo = place.server.folder("ode/keeper", exported)
    async with look(place.store, place.settings, place.hub, "ode/keeper") as offer:
        repo.commit("worse", {"model.safetensors": repo.files["README.md"]})
        assert (await pull(place.store, place.settings, place.hub, offer)).record.base == "ode/keeper"


async def test_a_broken_line_is_taken_up_where_it_broke(
    place: Place, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", 10_000
    )  # else all of a tiny voice is one
    repo = place.server.folder("ode/keeper", exported)
    place.server.fail("GET", "/large/.*", after=50_000)
    await pulled(place)
    ranges = [call.headers.get("Range") for call in place.server.calls if call.path.startswith("/large/")]
    assert ranges[0] is None
    assert ranges[-1] is not None
    assert 0 < int(ranges[-1].removeprefix("bytes=").rstrip("-")) < len(repo.files["model.safetensors"].content)


async def test_the_token_is_not_told_to_where_the_large_files_lie(place: Place, exported: Path) -> None:
    place.server.folder("ode/keeper", exported).private = True
    await pulled(place)
    assert all(
        "Authorization" not in call.headers for call in place.server.calls if call.path.startswith("/large/")
    )


# Whose voice it is


@pytest.mark.parametrize(
    ("repo", "card", "handles"),
    [
        ("ode/x", "<p>@keeper + @a.bsky.social</p>", ["keeper", "a.bsky.social"]),
        ("huggingtweets/x", '<div style="font-size: 15px">@snack_m bot</div>', ["snack_m"]),
        ("huggingtweets/a-b-c", '<div style="x">@a-b-c</div>', ["a", "b", "c"]),
        ("huggingtweets/a_1-b", "", ["a_1", "b"]),
        ("ode/Keeper-Two", "Nothing.", ["keeper-two"]),
        ("ode/-", "", []),
    ],
)
def test_whose_voice_it_is_stands_in_the_card_or_in_the_name(repo: str, card: str, handles: list[str]) -> None:
    assert handles_of(repo, card) == handles


@pytest.mark.parametrize("silent", ["keeper", "the_gull", "keeper-the_gull"])
async def test_nobody_who_opted_out_comes_in_under_any_name(place: Place, old: Path, silent: str) -> None:
    place.server.folder("huggingtweets/keeper-the_gull", old)
    await place.store.consent.opt_out(silent, None)
    with pytest.raises(RefusedError, match=f"@{silent} has opted out"):
        await pulled(place, "huggingtweets/keeper-the_gull", name="somebody_else")


async def test_a_handle_with_an_owner_here_is_not_stood_for(place: Place, exported: Path) -> None:
    place.server.folder("ode/keeper", exported)
    await place.store.consent.claim(Right("keeper", "discord:1", "discord:9"))
    with pytest.raises(RefusedError, match=r"--handle NAME"):
        await pulled(place)
    assert (await pulled(place, name="keeper_of_ode")).record.handles == ("keeper_of_ode",)


async def test_a_handle_whose_posts_are_here_is_not_stood_for(place: Place, exported: Path) -> None:
    place.server.folder("ode/keeper", exported)
    await bring_posts(place.store, "keeper", may_publish=True)
    with pytest.raises(RefusedError, match=r"Posts of @keeper are here.*--handle NAME"):
        await pulled(place)
    with pytest.raises(RefusedError, match="Posts of @keeper are here"):
        await pulled(place, name="gull+keeper")
    assert (await pulled(place, name="keeper_of_ode")).record.handles == ("keeper_of_ode",)


async def test_an_opt_out_during_the_download_stops_it(place: Place, exported: Path) -> None:
    place.server.folder("ode/keeper", exported)
    async with look(place.store, place.settings, place.hub, "ode/keeper") as offer:
        await place.store.consent.opt_out("keeper", None)
        with pytest.raises(RefusedError):
            await pull(place.store, place.settings, place.hub, offer)
    assert await place.store.voices.all() == []
    assert not (place.settings.voices / offer.key).exists()


# What may be wrong with a repository


def with_config(**changes: Any):  # type: ignore[no-untyped-def]
    def change(files: dict[str, bytes]) -> None:
        files["config.json"] = json.dumps(json.loads(files["config.json"]) | changes).encode()

    return change


def with_tokenizer(**changes: Any):  # type: ignore[no-untyped-def]
    def change(files: dict[str, bytes]) -> None:
        files["tokenizer.json"] = json.dumps(json.loads(files["tokenizer.json"]) | changes).encode()

    return change


def with_file(name: str, content: bytes):  # type: ignore[no-untyped-def]
    def change(files: dict[str, bytes]) -> None:
        files[name] = content

    return change


def without(*names: str):  # type: ignore[no-untyped-def]
    def change(files: dict[str, bytes]) -> None:
        for name in names:
            del files[name]

    return change


def only_a_pickle(files: dict[str, bytes]) -> None:
    del files["model.safetensors"]
    files["pytorch_model.bin"] = pickle.dumps({"weights": [1]})


def in_parts(files: dict[str, bytes]) -> None:
    files["model-00001-of-00002.safetensors"] = files.pop("model.safetensors")


def with_a_nan(files: dict[str, bytes]) -> None:
    length = struct.unpack("<Q", files["model.safetensors"][:8])[0]
    weights = bytearray(files["model.safetensors"])
    weights[8 + length : 8 + length + 2] = b"\xff\xff"
    files["model.safetensors"] = bytes(weights)


def with_weights_of(value: float):  # type: ignore[no-untyped-def]
    def change(files: dict[str, bytes]) -> None:
        weights = load(files["model.safetensors"])
        files["model.safetensors"] = save(
            {name: numpy.full(weight.shape, value, numpy.float32) for name, weight in weights.items()}
        )

    return change


def with_header(**changes: Any):  # type: ignore[no-untyped-def]
    """Of the first tensor."""

    def change(files: dict[str, bytes]) -> None:
        length = struct.unpack("<Q", files["model.safetensors"][:8])[0]
        header = json.loads(files["model.safetensors"][8 : 8 + length])
        header["transformer.wte.weight"] |= changes
        text = json.dumps(header).encode()
        files["model.safetensors"] = struct.pack("<Q", len(text)) + text + files["model.safetensors"][8 + length :]

    return change


HOSTILE = {
    "pickle": (only_a_pickle, r"only in pytorch_model.bin, a format that can run code"),
    "parts": (in_parts, "several files"),
    "empty": (without("model.safetensors"), "holds no model.safetensors"),
    "no tokenizer": (without("tokenizer.json"), "lacks vocab.json and merges.txt"),
    "no config": (without("config.json"), "lacks config.json"),
    "up and out": (with_file("../../.bashrc", b"rm"), "names a file outside of itself"),
    "absolute": (with_file("/etc/passwd", b"x"), "names a file outside of itself"),
    "backwards": (with_file("..\\..\\x", b"x"), "names a file outside of itself"),
    "hidden inside": (with_file("a/../../x", b"x"), "names a file outside of itself"),
    "html config": (with_file("config.json", b"<html>"), "config.json of ode/keeper is no JSON"),
    "list config": (with_file("config.json", b"[1]"), "is no JSON"),
    "deep config": (with_file("config.json", b"[" * 100_000), "is no JSON"),
    "bytes config": (with_file("config.json", b"\xff\xfe\x00"), "is no JSON"),
    "bert": (with_config(model_type="bert"), "is a bert model"),
    "odd kind": (with_config(model_type=["x" * 9999]), "only GPT-2-shaped"),
    "cross": (with_config(add_cross_attention=True), "unusual kind"),
    "huge": (with_config(n_embd=100_000), "million parameters"),
    "deep": (with_config(n_layer=100_000), "says n_layer 100,000; at most 48"),
    "long": (with_config(n_positions=10_000_000, n_embd=8), "says n_positions 10,000,000"),
    "many words": (with_config(vocab_size=390_000_000, n_embd=2), "says vocab_size 390,000,000"),
    "many heads": (with_config(n_head=1000, n_embd=1000), "says n_head 1,000"),
    "epsilon": (with_config(layer_norm_epsilon=10**400), "lacks figures"),
    "headless": (with_config(tie_word_embeddings=False), "can't speak.*lm_head"),
    "endless": (with_config(n_positions=10**30), "lacks figures"),
    "negative": (with_config(n_embd=-32), "lacks figures"),
    "no heads": (with_config(n_head=0), "lacks figures"),
    "words": (with_config(n_layer="two"), "lacks figures"),
    "truth": (with_config(n_layer=True), "lacks figures"),
    "uneven": (with_config(n_head=5), "figures that no GPT-2 has"),
    "blind": (with_config(n_positions=4), "figures that no GPT-2 has"),
    "activation": (with_config(activation_function="os.system"), "can't speak"),
    "other shape": (with_config(n_embd=64), "can't speak.*shape"),
    "more layers": (with_config(n_layer=3), "can't speak.*h.2"),
    "no weights": (with_file("model.safetensors", b"<html>"), "can't speak"),
    "long header": (with_file("model.safetensors", b"\xff" * 64), "can't speak"),
    "not finite": (with_a_nan, "can't speak.*not finite"),
    "overflow": (with_weights_of(3e38), "can't speak.*overflow"),
    "whole numbers": (with_header(dtype="I16"), "can't speak.*stored as I16"),
    "huge shape": (with_header(shape=[2**62, 2**62]), "can't speak"),
    "overlap": (with_header(data_offsets=[0, 64]), "can't speak"),
    "far away": (with_header(data_offsets=[0, 10**18]), "can't speak"),
    "crowd": (with_file("README.md", b"<p>@keeper</p>" + b" @a%d" * 2000 % (*range(2000),)), "mentions 2,"),
    "long word": (
        with_tokenizer(model={"vocab": {"<|endoftext|>": 0, "a" * 10**6: 1}, "merges": []}),
        "tokenizer",
    ),
    "no tokens": (with_file("tokenizer.json", b"{}"), "tokenizer of ode/keeper is damaged"),
    "html tokens": (with_file("tokenizer.json", b"<html>"), "tokenizer.json of ode/keeper is no JSON"),
    "regex": (with_tokenizer(pre_tokenizer={"type": "Split", "pattern": {"Regex": "(a+)+$"}}), "tokenizer of"),
    "normalizer": (with_tokenizer(normalizer={"type": "Replace"}), "tokenizer of"),
    "outside": (with_tokenizer(added_tokens=[{"content": "<|endoftext|>", "id": 999}]), "tokenizer of"),
    "wordpiece": (with_tokenizer(model={"type": "WordPiece", "vocab": {}, "merges": []}), "tokenizer of"),
    "bad merges": (with_tokenizer(model={"vocab": {"<|endoftext|>": 0}, "merges": ["a b"]}), "tokenizer of"),
    "no end": (with_tokenizer(model={"vocab": {"a": 0}, "merges": []}, added_tokens=[]), "tokenizer of"),
}


@pytest.mark.parametrize("case", HOSTILE)
async def test_a_bad_repository_gets_one_sentence_and_leaves_nothing(
    place: Place, exported: Path, case: str
) -> None:
    change, sentence = HOSTILE[case]
    files = {name: blob.content for name, blob in place.server.folder("ode/keeper", exported).files.items()}
    change(files)
    place.server.repository("ode/keeper", files)
    with pytest.raises(InputError, match=sentence) as caught:
        await pulled(place)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    assert await place.store.voices.all() == []
    assert not place.settings.voices.exists() or not any(place.settings.voices.iterdir())
    assert not any((place.settings.home / "incoming").glob("*"))


@pytest.mark.parametrize(
    ("sizes", "sentence"),
    [
        ({"model.safetensors": 10**13}, r"10,000,000 MB; at most 1,800 MB are taken"),
        ({"config.json": 10**7}, "config.json of ode/keeper is 10 MB"),
        ({"tokenizer.json": -1}, "tokenizer.json of ode/keeper is"),
        ({"README.md": None}, "of unknown size"),
        ({"tokenizer.json": "12"}, "lists the files"),
        ({"model.safetensors": 1000}, "larger than it claims"),
        ({"config.json": 10}, "larger than it claims"),
        ({f"file{number}": 1 for number in range(10_001)}, "lists 10,00"),
    ],
)
async def test_sizes_are_bounded_before_and_while_it_downloads(
    place: Place, exported: Path, sizes: dict[str, Any], sentence: str
) -> None:
    place.server.folder("ode/keeper", exported).claims = sizes
    with pytest.raises(InputError, match=sentence):
        await pulled(place)
    assert await place.store.voices.all() == []


async def test_what_xet_fetches_for_a_file_is_not_taken_for_the_file(place: Place, exported: Path) -> None:
    """Xet, which the hub on loopback does not speak, tells of both: bytes written, and bytes fetched for them."""
    place.server.folder("ode/keeper", exported)
    hub, excess = place.hub, 0
    really = hub.api.hf_hub_download

    def through_xet(*where: Any, tqdm_class: Any, **how: Any) -> str:
        file: str = really(*where, **how)
        size = Path(file).stat().st_size
        told = SimpleNamespace(
            total_bytes=size,
            total_bytes_completed=size + excess,
            total_bytes_completion_rate=1.0,
            total_transfer_bytes_completed=size + 1000,
            total_transfer_bytes_completion_rate=1.0,
        )
        with XetDownloadProgressReporter(
            reconstruction_desc="", transfer_desc="", total=size, log_level=0, tqdm_class=tqdm_class
        ) as progress:
            progress.update_progress(told)
        return file

    hub.api.hf_hub_download = through_xet  # type: ignore[assignment]
    async with look(place.store, place.settings, hub, "ode/keeper") as offer:
        await pull(place.store, place.settings, hub, offer)
    excess = 1
    with pytest.raises(InputError, match="larger than it claims"):
        async with look(place.store, place.settings, hub, "ode/keeper"):
            pass


async def test_tags_that_are_no_list_are_none(place: Place, exported: Path) -> None:
    repo = place.server.folder("ode/keeper", exported)
    listing = json.dumps(repo.to_json(repo.commits[-1], sizes=True) | {"tags": 5}).encode()
    place.server.fail("GET", "/api/models/.*", status=200, body=listing)
    async with look(place.store, place.settings, place.hub, "ode/keeper") as offer:
        assert offer.tags == ()


async def test_weights_that_are_not_those_of_the_listing_are_refused(place: Place, exported: Path) -> None:
    repo = place.server.folder("ode/keeper", exported)
    blob = repo.files["model.safetensors"]
    place.server.world.objects[blob.sha256] = blob.content[:-1] + bytes([blob.content[-1] ^ 1])
    with pytest.raises(MynahError, match="is not what it promised"):
        await pulled(place)


# When hub or line fail


@pytest.mark.parametrize(
    ("path", "fault", "kind", "sentence"),
    [
        ("/api/models/.*", {"status": 200, "body": b"<html>"}, MynahError, "can't be understood"),
        ("/api/models/.*", {"status": 200, "body": b'{"id": 7}'}, InputError, "names no commit"),
        ("/api/models/.*", {"status": 200, "body": b'{"siblings": [{}]}'}, MynahError, "can't be understood"),
        ("/api/models/.*", {"status": 200, "body": b"[]"}, MynahError, "can't be understood"),
        ("/api/models/.*", {"status": 403, "headers": {"X-Error-Code": "GatedRepo"}}, RefusedError, "ask there"),
        ("/api/models/.*", {"status": 429}, MynahError, "asks for a pause"),
        ("/api/models/.*", {"status": 500}, MynahError, "in trouble"),
        ("/api/models/.*", {"cut": True}, MynahError, "line broke"),
        (".*/resolve/.*", {"status": 200, "body": b"<html>"}, MynahError, "can't be understood"),
        (".*/resolve/.*", {"status": 404, "headers": {"X-Error-Code": "EntryNotFound"}}, NotFoundError, "has no"),
        ("/large/.*", {"status": 410}, InputError, "refuses model.safetensors of ode/keeper: status 410"),
    ],
)
async def test_what_goes_wrong_there_is_one_sentence(
    place: Place, exported: Path, path: str, fault: dict[str, Any], kind: type[MynahError], sentence: str
) -> None:
    place.server.folder("ode/keeper", exported)
    place.server.fail(".*", path, times=3, **fault)
    with pytest.raises(kind, match=sentence) as caught:
        await pulled(place)
    assert "\n" not in str(caught.value)
    place.server.door.faults.clear()
    await pulled(place)


async def test_a_hub_that_never_answers_is_given_up(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.hub.client.ANSWER_SECONDS", 0.2)
    place.server.fail("GET", "/api/models/.*", hold=True)
    with pytest.raises(MynahError, match="can't be reached, or the line broke"):
        await pulled(place)


async def test_what_is_not_there_offline_and_odd_names(place: Place) -> None:
    with pytest.raises(NotFoundError, match="has no repository ode/nobody"):
        await pulled(place, "ode/nobody")
    with pytest.raises(RefusedError, match="MYNAH_OFFLINE"):
        await pulled(place.with_settings(offline=True))
    for odd in ("", "a/b/c", "../x", "a--b"):
        with pytest.raises(InputError, match="can't be a repository"):
            await pulled(place, odd)
    with pytest.raises(NotFoundError, match="has no repository ode/nobody"):
        await pulled(place, "https://huggingface.co/ode/nobody")


def test_a_tokenizer_made_anew_cuts_text_as_the_old_one(exported: Path, old: Path) -> None:
    text = "The fog, the 12 gulls\nand a lamp 🐦 <|endoftext|>x"
    one, other = (byte_level_tokenizer("r", folder, 320).encode(text).ids for folder in (exported, old))
    assert one == other
    assert 0 in one
