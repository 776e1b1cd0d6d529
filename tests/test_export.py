"""An exported voice is a plain folder that transformers speaks with, prefix and sampling values included."""

import json
from pathlib import Path

import pytest
import torch
from huggingface_hub import ModelCard
from transformers import GPT2LMHeadModel, pipeline

from data.errors import InputError
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


def test_the_card_may_be_given(voice: Voice, tmp_path: Path) -> None:
    card = model_card(voice, people=(Person("keeper", "The Keeper"),), contact="ada@example.org")
    export_voice(voice, tmp_path / "exported", card)
    assert (tmp_path / "exported" / "README.md").read_text() == card


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
