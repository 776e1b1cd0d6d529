"""Where a base comes from, and one clear sentence where it does not."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from data.errors import InputError, NotFoundError
from tests.tiny_voices import tiny_base
from trainer.bases import BUILTIN_FOLDER, Base, default_base, resolve_base
from trainer.prompt import TAKES_TOPICS
from trainer.recipe import SMALL_BASE, Recipe, voice_key


def test_the_builtin_base_is_complete_and_small() -> None:
    base = resolve_base("builtin")
    assert base.context == 256
    assert base.parameters < SMALL_BASE
    assert (BUILTIN_FOLDER / "model.safetensors").stat().st_size < 16_000_000
    assert (BUILTIN_FOLDER / "README.md").read_text().startswith("---")
    assert json.loads((BUILTIN_FOLDER / "config.json").read_text())[TAKES_TOPICS] is True


def test_a_local_folder_is_a_base(tmp_path: Path) -> None:
    folder = tiny_base(tmp_path / "base")
    base = resolve_base(str(folder))
    from transformers import GPT2LMHeadModel

    model = GPT2LMHeadModel.from_pretrained(folder)
    assert base.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert base.name == str(folder)


def test_other_weights_are_another_base(tmp_path: Path) -> None:
    digests = {resolve_base(str(tiny_base(tmp_path / str(seed), seed=seed))).digest for seed in (0, 1)}
    assert len(digests) == 2


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    folder = tiny_base(tmp_path / "base")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"lacks model\.safetensors"):
        resolve_base(str(folder))


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    folder = tiny_base(tmp_path / "base")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "llama"}))
    with pytest.raises(InputError, match="is a llama model"):
        resolve_base(str(folder))


def test_a_base_that_is_nowhere_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"'no-such-base'.*--base builtin"):
        resolve_base("no-such-base", offline=True)
    with pytest.raises(NotFoundError, match="not/a/hub/id"):
        resolve_base("not/a/hub/id", offline=True)


def test_the_default_falls_back_to_the_builtin_base_and_says_so(tmp_path: Path) -> None:
    base, note = default_base("no-such-base", offline=True)
    assert base.name == "builtin"
    assert note is not None
    assert "no-such-base" in note
    own, nothing = default_base(str(tiny_base(tmp_path / "base")), offline=True)
    assert (own.name, nothing) == (str(tmp_path / "base"), None)


def test_the_hubs_cache_is_a_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The layout huggingface_hub writes: offline, a base that was fetched once is there."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    snapshot = tmp_path / "hub" / "models--some--base" / "snapshots" / ("0" * 40)
    shutil.copytree(tiny_base(tmp_path / "base"), snapshot)
    refs = tmp_path / "hub" / "models--some--base" / "refs"
    refs.mkdir()
    (refs / "main").write_text("0" * 40)
    found = resolve_base("some/base", offline=True)
    assert isinstance(found, Base)
    assert found.name == "some/base"
    assert found.folder == snapshot


def test_small_bases_are_tuned_whole_and_large_ones_with_adapters() -> None:
    small, large = Recipe.for_base(6_900_000), Recipe.for_base(124_000_000)
    assert (small.method, small.optimizer) == ("full", "muon")
    assert (large.method, large.optimizer) == ("lora", "adamw")
    assert (small.epochs, small.batch) == (2, 16)
    assert [small.pace(blocks, bits_per_byte=1.99) for blocks in (10, 300, 2000)] == [(30, 3), (38, 4), (250, 31)]
    far = [small.pace(blocks, bits_per_byte=2.0) for blocks in (10, 300, 500, 600, 2000)]
    assert far == [(30, 3), (75, 4), (125, 7), (128, 9), (250, 31)]
    assert large.pace(300, bits_per_byte=8.0) == (300, 37)
    assert Recipe.for_base(6_900_000, strange=True) == replace(small, epochs=4, batch=4, far_epochs=0, far_steps=0)
    assert Recipe.for_base(124_000_000, strange=True) == large
    reference = Recipe.for_base(124_000_000, "reference")
    assert (reference.method, reference.learning_rate, reference.epochs) == ("full", 1.372e-4, 4)
    assert (reference.block_size, reference.batch, reference.warmup_share) == (1024, 1, 0.0)


def test_a_voice_is_keyed_by_corpora_base_and_recipe() -> None:
    recipe = Recipe()
    key = voice_key({"a": "1", "b": "2"}, "base", recipe)
    assert key == voice_key({"b": "2", "a": "1"}, "base", recipe)
    others = [
        voice_key({"a": "1"}, "base", recipe),
        voice_key({"a": "1", "b": "3"}, "base", recipe),
        voice_key({"a": "1", "b": "2"}, "other", recipe),
        voice_key({"a": "1", "b": "2"}, "base", Recipe(seed=1)),
    ]
    assert len({key, *others}) == 5
    # Also once recipes say more: a voice is not made again for what it makes no use of.
    assert key == "a65d113775666bfa"
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


def test_a_recipe_from_before_there_was_a_choice_of_optimizers_says_adamw() -> None:
    older = Recipe().to_json()
    del older["optimizer"], older["others_rate"], older["least_steps"]
    assert (Recipe.from_json(older).optimizer, Recipe.from_json(older).least_steps) == ("adamw", 0)


def test_a_recipe_from_when_there_was_more_to_say_is_read() -> None:
    assert Recipe.from_json({**Recipe().to_json(), "topics_share": 0.5}) == Recipe()
    with pytest.raises(TypeError, match="of_tomorrow"):
        Recipe.from_json({**Recipe().to_json(), "of_tomorrow": 1})
