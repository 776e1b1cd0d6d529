"""A lean GPT-2 is the same function with the same gradients, and what is saved of it says nothing of leanness."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from transformers import GPT2LMHeadModel

from tests.tiny_voices import tiny_base
from trainer.lean import make_lean
from trainer.learning import Arithmetic, language_model
from trainer.recipe import Recipe
from trainer.tune import load_model

CPU = Arithmetic(torch.device("cpu"), bf16=False)
LONG = "trainer.lean.LONGEST_PLAIN_ATTENTION"

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # peft asks for it


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("base"))


def logits_and_gradients(model: nn.Module) -> list[Tensor]:
    tokens = torch.randint(0, 300, (3, 17), generator=torch.Generator().manual_seed(0))
    logits = model(tokens).logits
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [logits, *torch.autograd.grad(logits.logsumexp(-1).square().mean(), learning)]


@pytest.mark.parametrize("longest", [512, 8], ids=["plain attention", "too long for plain attention"])
def test_a_lean_model_is_the_same_function(base: Path, monkeypatch: pytest.MonkeyPatch, longest: int) -> None:
    monkeypatch.setattr(LONG, longest)
    model = GPT2LMHeadModel.from_pretrained(base, dtype=torch.float32).eval()
    before = logits_and_gradients(model)
    make_lean(model, torch.device("cpu"))
    for plain, lean in zip(before, logits_and_gradients(model), strict=True):
        torch.testing.assert_close(plain, lean, rtol=1e-4, atol=1e-5)


def test_dropout_in_attention_is_left_to_torch(base: Path) -> None:
    model = load_model(base, Recipe(dropout=0.5), CPU)
    assert language_model(model).config._attn_implementation == "plain_causal"
    model.apply(lambda module: module.eval() if isinstance(module, nn.Dropout) else None)  # all but attention's
    tokens = torch.arange(16).view(1, 16)
    torch.manual_seed(0)
    one, two = model(tokens).logits, model(tokens).logits
    assert not torch.equal(one, two)


@pytest.mark.parametrize("method", ["full", "lora"])
def test_what_is_saved_is_the_base_s_own(base: Path, tmp_path: Path, method: str) -> None:
    model = load_model(base, Recipe.from_json({"method": method}), CPU)
    language_model(model).save_pretrained(tmp_path)
    saved, own = (json.loads((folder / "config.json").read_text()) for folder in (tmp_path, base))
    ours = ("resid_pdrop", "embd_pdrop", "attn_pdrop", "dtype")  # as tuning sets them
    assert {k: v for k, v in saved.items() if k not in ours} == {k: v for k, v in own.items() if k not in ours}
