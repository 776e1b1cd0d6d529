"""The logits of each int8 engine against those of transformers in fp32, for whole models and for adapters."""

import json
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from transformers import GPT2Config, GPT2LMHeadModel

from data.errors import InputError
from tests.engines import INT8_ENGINES, reader_of
from tests.tiny_voices import StoredAs, full_voice, lora_voice, tiny_base
from trainer.engine import Engine
from trainer.engine.weights import quantise
from trainer.voice import Voice

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")

ROWS = [(0, 17, 30, 99), (0,), (0, 5, 200, 200, 7, 300, 31, 64), (0, 12)]

# Measured on these random models: at most 0.0024 nats (0.0003 on a trained base of 7M), against 0.5 and more for
# a model with one mistake in it.
CLOSE = 0.01


def divergence(model: Any, rows: list[tuple[int, ...]], logits: numpy.ndarray[Any, Any]) -> float:
    """The largest KL divergence, in nats, of the given next-token logits from transformers' in fp32."""
    ours = torch.tensor(logits).double().log_softmax(-1)
    with torch.inference_mode():
        theirs = torch.stack([model(torch.tensor([row])).logits[0, -1] for row in rows]).double().log_softmax(-1)
    return float((theirs.exp() * (theirs - ours)).sum(-1).max())


@pytest.fixture(params=INT8_ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    return INT8_ENGINES[request.param](tmp_path / "cache")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("base"), seed=4)


@pytest.mark.parametrize("stored_as", ["float32", "float16", "bfloat16"])
def test_int8_agrees_with_transformers(engine: Engine, tmp_path: Path, stored_as: StoredAs) -> None:
    voice = full_voice(tmp_path / "voice", seed=5, stored_as=stored_as)
    model = GPT2LMHeadModel.from_pretrained(voice.folder, dtype=torch.float32).eval()
    reader = reader_of(engine, voice)
    assert divergence(model, ROWS, reader.read(ROWS)) < CLOSE

    grown = [(*row, token) for row, token in zip(ROWS, (8, 9, 10, 11), strict=True)]
    assert divergence(model, grown, reader.go_on([8, 9, 10, 11], range(4))) < CLOSE
    fewer = [(*grown[2], 40), (*grown[1], 41)]  # rows dropped and put in another order
    assert divergence(model, fewer, reader.go_on([40, 41], [2, 1])) < CLOSE
    more = [(*fewer[1], 50), (*fewer[1], 51), (*fewer[0], 52)]  # and doubled
    assert divergence(model, more, reader.go_on([50, 51, 52], [1, 1, 0])) < CLOSE


@pytest.mark.parametrize("activation", ["gelu", "gelu_new"])
def test_it_reads_what_the_hub_writes_and_other_shapes(engine: Engine, tmp_path: Path, activation: str) -> None:
    """The hub's GPT-2 has no prefix before its names; an untied head, and widths that are no multiples of 32."""
    config = GPT2Config(
        n_layer=1, n_head=4, n_embd=40, n_inner=84, n_positions=32, vocab_size=310, bos_token_id=0, eos_token_id=0,
        activation_function=activation, tie_word_embeddings=False, initializer_range=0.3,
    )  # fmt: skip
    voice = full_voice(tmp_path / "voice")
    torch.manual_seed(1)
    model = GPT2LMHeadModel(config).eval()
    config.save_pretrained(voice.folder)
    tensors = {name.removeprefix("transformer."): tensor for name, tensor in model.state_dict().items()}
    save_file(tensors, voice.folder / "model.safetensors")
    assert divergence(model, ROWS, reader_of(engine, voice).read(ROWS)) < CLOSE


def test_an_unknown_activation_is_refused(engine: Engine, tmp_path: Path) -> None:
    voice = full_voice(tmp_path / "voice")
    config = json.loads((voice.folder / "config.json").read_text())
    (voice.folder / "config.json").write_text(json.dumps({**config, "activation_function": "silu"}))
    with pytest.raises(InputError, match="silu"):
        engine.load(voice)


def test_adapters_agree_with_peft(engine: Engine, tmp_path: Path, base: Path) -> None:
    """At lora_alpha / r, here 2: any other scale is far off. One of them leaves most modules alone."""
    for voice in (lora_voice(tmp_path / "a", base), partial_voice(tmp_path / "b", base)):
        model = PeftModel.from_pretrained(GPT2LMHeadModel.from_pretrained(base), voice.folder).eval()
        logits = reader_of(engine, voice).read(ROWS)
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


def test_an_adapter_of_another_base_is_refused(engine: Engine, tmp_path: Path, base: Path) -> None:
    voice = lora_voice(tmp_path / "voice", base)
    wider = json.loads((base / "config.json").read_text())
    other = tiny_base(tmp_path / "other")
    (other / "config.json").write_text(json.dumps({**wider, "n_embd": 64}))
    moved = Voice(voice.record.from_json({**voice.record.to_json(), "base_folder": str(other)}), voice.folder)
    with pytest.raises(InputError, match=r"adapter_model\.safetensors is damaged"):
        engine.load(moved)


@given(arrays.arrays(numpy.float32, (3, 7), elements=st.floats(-100, 100, width=32)))
def test_int8_is_off_by_half_a_step_at_most(matrix: numpy.ndarray[Any, Any]) -> None:
    table, scale = quantise(matrix)
    assert scale.shape == (3, 1)
    assert numpy.all(numpy.abs(table * scale - matrix) <= scale * 0.5001 + 1e-30)
