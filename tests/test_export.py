"""An exported voice is a plain folder that transformers speaks with, prefix and sampling values included."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from huggingface_hub import ModelCard
from PIL import Image
from transformers import GPT2LMHeadModel, pipeline

from bot.cards import cover_of
from data.errors import InputError
from data.settings import Settings
from data.store import open_store
from tests.tiny_voices import full_voice, lora_voice, tiny_base
from trainer.card import Person, model_card
from trainer.export import export_voice, merged_model
from trainer.voice import Voice

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*is_gradient_checkpointing:FutureWarning",  # peft asks transformers for it
    "ignore:.*fan_in_fan_out:UserWarning",  # the base's layers are Conv1D, as peft says
)


@pytest.fixture(params=["full", "lora"])
def voice(request: pytest.FixtureRequest, tmp_path: Path) -> Voice:
    if request.param == "full":
        return full_voice(tmp_path / "voice")
    return lora_voice(tmp_path / "voice", tiny_base(tmp_path / "base"))


def test_a_pipeline_speaks_with_the_prefix_and_the_references_sampling(voice: Voice, tmp_path: Path) -> None:
    folder = tmp_path / "exported"
    export_voice(voice, folder)
    generator = pipeline("text-generation", model=str(folder))
    assert generator.prefix == "<|endoftext|>"
    config = generator.model.generation_config
    assert (config.do_sample, config.temperature, config.top_p) == (True, 1.0, 0.95)
    assert (config.min_length, config.max_length) == (10, 64)  # 160, but no longer than the model's context
    seen: list[torch.Tensor] = []
    generator.model.register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(kwargs["input_ids"]), with_kwargs=True
    )
    spoken = generator("The lamp", num_return_sequences=2)
    assert [text["generated_text"].startswith("The lamp") for text in spoken] == [True, True]
    end = generator.tokenizer.convert_tokens_to_ids("<|endoftext|>")
    assert seen[0][0, 0] == end


def test_the_exported_weights_are_the_voices(voice: Voice, tmp_path: Path) -> None:
    folder = tmp_path / "exported"
    export_voice(voice, folder)
    exported = GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32).eval()
    tokens = torch.arange(10)[None]
    with torch.no_grad():
        ours = merged_model(voice).eval()(tokens).logits
        assert torch.allclose(exported(tokens).logits, ours, atol=2e-2)


def test_the_folder_holds_safetensors_a_card_and_nothing_that_runs_code(voice: Voice, tmp_path: Path) -> None:
    folder = tmp_path / "exported"
    export_voice(voice, folder)
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "README.md",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert (folder / "README.md").read_text() == model_card(voice)
    assert ModelCard.load(folder / "README.md").data.pipeline_tag == "text-generation"
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    assert settings["tokenizer_class"] == "PreTrainedTokenizerFast"


async def test_a_voice_leaves_with_card_and_picture(voice: Voice, tmp_path: Path) -> None:
    said = replace(voice.record, examples=("My dream is to hear what the fog says.",))
    settings = Settings(home=tmp_path, _env_file=None)
    async with open_store(settings.database) as store:
        cover = await cover_of(store, settings, replace(voice, record=said), (Person("keeper", "The Keeper"),))
    export_voice(voice, tmp_path / "exported", cover)
    card = (tmp_path / "exported" / "README.md").read_text()
    assert "The Keeper" in card
    assert ModelCard(card).data.thumbnail == "predictions.png"
    with Image.open(tmp_path / "exported" / "predictions.png") as picture:
        assert picture.size == (1200, 628)


async def test_a_voice_that_copies_whatever_it_says_leaves_without_a_picture(voice: Voice, tmp_path: Path) -> None:
    said = replace(voice.record, examples=(voice.training_posts()[0],))
    settings = Settings(home=tmp_path, _env_file=None)
    async with open_store(settings.database) as store:
        cover = await cover_of(store, settings, replace(voice, record=said))
    assert cover.keys() == {"README.md"}
    assert ModelCard(cover["README.md"].decode()).data.get("thumbnail") is None


def test_a_folder_with_something_in_it_is_left_alone(voice: Voice, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match="not empty"):
        export_voice(voice, tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]


def test_a_broken_export_leaves_nothing_behind(voice: Voice, tmp_path: Path) -> None:
    (voice.folder / "tokenizer.json").write_text("{")
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(Exception):  # noqa: B017, PT011 - the tokenizers library raises a bare Exception
        export_voice(voice, tmp_path / "exported")
    assert sorted(path.name for path in tmp_path.iterdir()) == before
