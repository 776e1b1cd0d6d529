"""Tuning for real, on a tiny base: it learns, repeats itself exactly, goes on after a kill, and fails in words."""

import dataclasses
import json
import math
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from data.errors import RunFailedError
from tests.posts import texts, write_job
from tests.tiny_voices import tiny_base
from trainer.engine.neighbours import NEIGHBOURS
from trainer.job import Progress
from trainer.learning import mean_loss
from trainer.recipe import Recipe
from trainer.tune import tune
from trainer.voice import Voice

RECIPE = Recipe(epochs=3, block_size=32, batch=4, learning_rate=3e-3)
MUON = dataclasses.replace(RECIPE, optimizer="muon", others_rate=0.5, neighbours=True)
LORA = dataclasses.replace(RECIPE, method="lora", learning_rate=1e-2)

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # peft asks for it


class Killed(BaseException):
    """Stands for a kill: nothing below catches it."""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("base"))


def ignore(_: Progress) -> None:
    pass


@pytest.mark.parametrize("recipe", [RECIPE, MUON, LORA], ids=["full", "muon", "lora"])
def test_a_voice_learns_and_is_complete(base: Path, tmp_path: Path, recipe: Recipe) -> None:
    seen: list[Progress] = []
    record = tune(write_job(tmp_path, base, recipe), seen.append)
    assert record.held_out_loss < record.held_out_loss_before - 0.2
    voice = Voice.from_folder(tmp_path / "voice")
    assert voice.record == record
    assert sorted(voice.training_posts()) == sorted(texts(150))
    weights = "model.safetensors" if recipe.method == "full" else "adapter_model.safetensors"
    assert (voice.folder / weights).exists()
    assert (voice.folder / NEIGHBOURS).exists() == (record.neighbours_share > 0) == recipe.neighbours
    assert not list(tmp_path.rglob("*.bin"))
    assert not list(tmp_path.rglob("*.pt"))
    assert seen[-1].step == seen[-1].steps
    assert seen[-1].eta_seconds == 0
    assert seen[0].eta_seconds > 0


@pytest.mark.parametrize(("knows", "takes"), [(True, True), (False, False), ("yes", False), (None, False)])
@pytest.mark.parametrize("recipe", [RECIPE, LORA], ids=["full", "lora"])
def test_a_voice_takes_topics_as_its_base_does(
    base: Path, tmp_path: Path, recipe: Recipe, knows: object, takes: bool
) -> None:
    own = tmp_path / "base"
    shutil.copytree(base, own)
    config = json.loads((own / "config.json").read_text())
    (own / "config.json").write_text(json.dumps(config if knows is None else {**config, "takes_topics": knows}))
    quick = dataclasses.replace(recipe, epochs=1)
    assert tune(write_job(tmp_path / "job", own, quick), ignore).takes_topics is takes


def test_the_same_job_gives_the_same_voice(base: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        tune(write_job(tmp_path / name, base, RECIPE), ignore)
    one, two = (load_file(tmp_path / name / "voice" / "model.safetensors") for name in ("one", "two"))
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_another_seed_gives_another_voice(base: Path, tmp_path: Path) -> None:
    losses = {
        tune(write_job(tmp_path / str(seed), base, dataclasses.replace(RECIPE, seed=seed)), ignore).held_out_loss
        for seed in (0, 1)
    }
    assert len(losses) == 2


@pytest.mark.parametrize("recipe", [RECIPE, MUON, LORA], ids=["full", "muon", "lora"])
def test_a_killed_tuning_goes_on_and_ends_as_if_nothing_had_happened(
    base: Path, tmp_path: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer.tune.CHECKPOINT_SECONDS", 0.0)
    tune(write_job(tmp_path / "whole", base, recipe), ignore)
    folder = write_job(tmp_path / "killed", base, recipe)
    for before, moment in ((0, 5), (5, 11), (11, 30)):

        def kill(progress: Progress, before: int = before, moment: int = moment) -> None:
            assert progress.step > before  # it did go on, and not from the start
            if progress.step == moment:
                raise Killed

        with pytest.raises(Killed):
            tune(folder, kill)
        assert not (folder / "voice").exists()
    tune(folder, ignore)
    whole, killed = (
        load_file(next((tmp_path / name / "voice").glob("*model.safetensors"))) for name in ("whole", "killed")
    )
    assert all(torch.equal(whole[key], killed[key]) for key in whole)


def test_a_cyborg_learns_every_handle(base: Path, tmp_path: Path) -> None:
    record = tune(write_job(tmp_path, base, RECIPE, ("b", "a")), ignore)
    assert record.handles == ("a", "b")
    assert record.name == "a+b"
    assert record.posts == 300


def test_the_best_weights_are_kept_and_tuning_stops_early(base: Path, tmp_path: Path) -> None:
    recipe = dataclasses.replace(RECIPE, epochs=60, learning_rate=2e-2, warmup_share=0.0, patience=2)
    steps: list[Progress] = []
    record = tune(write_job(tmp_path, base, recipe), steps.append)
    losses = [entry["held_out_loss"] for entry in record.history]
    assert record.held_out_loss == min(losses[1:]) < losses[-1]
    assert steps[-1].step < steps[-1].steps


def test_few_posts_are_gone_through_until_there_were_enough_steps(base: Path, tmp_path: Path) -> None:
    usual = tune(write_job(tmp_path / "usual", base, RECIPE), ignore).history
    steps: list[Progress] = []
    least = int(usual[-1]["step"]) + 5
    recipe = dataclasses.replace(RECIPE, least_steps=least, patience=1000)
    record = tune(write_job(tmp_path / "more", base, recipe), steps.append)
    assert steps[-1].step == steps[-1].steps == least
    assert len(record.history) - len(usual) in (0, 1)  # no more looks for more steps, but for the last


def test_posts_far_from_what_the_base_read_are_gone_through_more_often(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Progress] = []
    recipe = dataclasses.replace(RECIPE, epochs=1, far_epochs=2, far_steps=1000)
    tune(write_job(tmp_path / "far", base, recipe), seen.append)  # a base that was never trained finds all far
    far = seen[-1].step
    monkeypatch.setattr("trainer.recipe.FAR", 100.0)
    tune(write_job(tmp_path / "near", base, recipe), seen.append)
    assert far == pytest.approx(2 * seen[-1].step, abs=1)


def test_a_loss_that_is_no_number_ends_in_words(base: Path, tmp_path: Path) -> None:
    recipe = dataclasses.replace(RECIPE, learning_rate=math.inf, warmup_share=0.0)
    with pytest.raises(RunFailedError, match="stopped being a number"):
        tune(write_job(tmp_path, base, recipe), ignore)
    assert not (tmp_path / "voice").exists()


def test_a_voice_that_learned_nothing_is_a_failed_run(base: Path, tmp_path: Path) -> None:
    recipe = dataclasses.replace(RECIPE, epochs=1, learning_rate=0.0)
    with pytest.raises(RunFailedError, match="learned nothing"):
        tune(write_job(tmp_path, base, recipe), ignore)
    assert not (tmp_path / "voice").exists()


def test_the_record_says_what_the_saved_weights_reach(base: Path, tmp_path: Path) -> None:
    """Not only what the loop believed: the voice is loaded again and measured."""
    from tokenizers import Tokenizer
    from transformers import GPT2LMHeadModel

    from trainer.blocks import epoch_blocks
    from trainer.learning import Arithmetic
    from trainer.prompt import encode_posts

    record = tune(write_job(tmp_path, base, RECIPE), ignore)
    job = json.loads((tmp_path / "job.json").read_text())
    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    held_out = [encode_posts(tokenizer, job["corpora"][0]["held_out"])]
    blocks, weights = epoch_blocks(held_out, 32, 0, seed=0, epoch=0, learning=False)
    model = GPT2LMHeadModel.from_pretrained(tmp_path / "voice", dtype=torch.float32)
    loss = mean_loss(model, blocks, Arithmetic(torch.device("cpu"), bf16=False), weights)
    assert loss == pytest.approx(record.held_out_loss, abs=0.02)  # fp16 on disk, bf16 in the loop
