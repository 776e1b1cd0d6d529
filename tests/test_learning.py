"""The loss and its gradients are the plain ones, only made in chunks; the checkpoint brings everything back."""

from pathlib import Path

import pytest
import torch
from torch.nn import functional
from transformers import GPT2LMHeadModel

from tests.tiny_voices import tiny_base
from trainer.checkpoint import load_checkpoint, save_checkpoint
from trainer.learning import Arithmetic, mean_loss, muon_and_adamw, next_token_loss
from trainer.tune import rate_factor

CPU = Arithmetic(torch.device("cpu"), bf16=False)


@pytest.fixture
def model(tmp_path: Path) -> GPT2LMHeadModel:
    return GPT2LMHeadModel.from_pretrained(tiny_base(tmp_path / "base"), dtype=torch.float32)


def test_the_chunked_loss_is_the_plain_one(model: GPT2LMHeadModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.loss.LOSS_CHUNK", 7)
    blocks = torch.randint(0, 300, (3, 17), generator=torch.Generator().manual_seed(0))
    weights = torch.rand(3, 17, generator=torch.Generator().manual_seed(1))
    model.eval()
    logits = model(blocks[:, :-1]).logits.flatten(0, 1)
    losses = functional.cross_entropy(logits, blocks[:, 1:].flatten(), reduction="none")
    counts = weights[:, 1:].flatten()
    assert next_token_loss(model, blocks).item() == pytest.approx(losses.mean().item(), rel=1e-5)
    weighted = next_token_loss(model, blocks, weights)
    assert weighted.item() == pytest.approx(((losses * counts).sum() / counts.sum()).item(), rel=1e-5)
    assert mean_loss(model, blocks, CPU, weights, batch=2) == pytest.approx(weighted.item(), rel=1e-5)


@pytest.mark.parametrize("frozen", [False, True], ids=["embedding learns", "embedding frozen"])
def test_the_chunked_gradients_are_the_plain_ones(
    model: GPT2LMHeadModel, monkeypatch: pytest.MonkeyPatch, frozen: bool
) -> None:
    monkeypatch.setattr("trainer.loss.LOSS_CHUNK", 7)
    model.eval().transformer.wte.requires_grad_(not frozen)
    blocks = torch.randint(0, 300, (3, 17), generator=torch.Generator().manual_seed(0))
    weights = torch.rand(3, 17, generator=torch.Generator().manual_seed(1))
    logits = model(blocks[:, :-1]).logits.flatten(0, 1)
    counts = weights[:, 1:].flatten()
    losses = functional.cross_entropy(logits, blocks[:, 1:].flatten(), reduction="none")
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    plain = torch.autograd.grad(2 * (losses * counts).sum() / counts.sum(), learning)
    chunked = torch.autograd.grad(2 * next_token_loss(model, blocks, weights), learning)
    for one, two in zip(plain, chunked, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-6)


def test_a_checkpoint_brings_weights_optimizers_and_progress_back(tmp_path: Path, model: GPT2LMHeadModel) -> None:
    def optimizers(of: GPT2LMHeadModel) -> list[torch.optim.Optimizer]:
        return muon_and_adamw(of, 1e-2, 1e-2, 0.1, bf16=False)

    def step(of: GPT2LMHeadModel, using: list[torch.optim.Optimizer]) -> None:
        next_token_loss(of.eval(), torch.arange(20).view(2, 10)).backward()
        for optimizer in using:
            optimizer.step()
            optimizer.zero_grad()

    ours = optimizers(model)
    step(model, ours)
    save_checkpoint(tmp_path / "checkpoint.safetensors", model, ours, {"step": 1})
    other = GPT2LMHeadModel.from_pretrained(tiny_base(tmp_path / "other", seed=9), dtype=torch.float32)
    theirs = optimizers(other)
    assert load_checkpoint(tmp_path / "checkpoint.safetensors", other, theirs) == {"step": 1}
    step(model, ours)
    step(other, theirs)
    for one, two in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, two)
    assert [path.name for path in tmp_path.glob("checkpoint*")] == ["checkpoint.safetensors"]


def test_without_a_checkpoint_there_is_nothing_to_go_on_from(tmp_path: Path, model: GPT2LMHeadModel) -> None:
    assert load_checkpoint(tmp_path / "none.safetensors", model, []) is None


def test_the_rate_warms_up_and_falls_to_zero() -> None:
    factors = [rate_factor(step, 100, 0.1) for step in range(101)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[10] == pytest.approx(1.0)
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert factors[100] == pytest.approx(0.0)
