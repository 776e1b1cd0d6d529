"""What pre-training and tuning share: the device, its arithmetic, the loss and the optimizers."""

import contextlib
import warnings
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from peft import PeftModel
from torch import Tensor, nn
from transformers import GPT2LMHeadModel
from transformers.pytorch_utils import Conv1D
from transformers.utils.logging import disable_progress_bar

from trainer.loss import weighted_loss
from trainer.muon import Muon


def quiet_libraries() -> None:
    """Call before the libraries work: a bar for a file of 14 MB, or a warning that peft calls transformers by an
    old name, tells nobody anything.
    """
    disable_progress_bar()
    warnings.filterwarnings("ignore", ".*is_gradient_checkpointing", FutureWarning)


@dataclass(frozen=True)
class Arithmetic:
    """Where to compute and whether in bf16 (weights stay fp32: pure bf16 loses small updates)."""

    device: torch.device
    bf16: bool

    @classmethod
    def of_this_machine(cls) -> "Arithmetic":
        """CUDA when there, else the CPU; bf16 only where the hardware multiplies in it (else it is slower)."""
        if torch.cuda.is_available():
            return cls(torch.device("cuda"), torch.cuda.is_bf16_supported())
        return cls(torch.device("cpu"), torch.ops.mkldnn._is_mkldnn_bf16_supported())

    def autocast(self) -> contextlib.AbstractContextManager[None]:
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bf16)


def language_model(model: nn.Module) -> GPT2LMHeadModel:
    """The GPT-2 itself, also where peft has wrapped it."""
    return model.get_base_model() if isinstance(model, PeftModel) else model


def next_token_loss(model: nn.Module, blocks: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean loss in nats per token of `blocks` (batch, block_size + 1), each token given those before it in its
    row. `weights`, of the same shape, says how much each token counts; the first of a row is never predicted.
    """
    gpt2 = language_model(model)
    hidden = gpt2.transformer(blocks[:, :-1], use_cache=False).last_hidden_state.flatten(0, 1)
    targets = blocks[:, 1:].flatten()
    counts = torch.ones_like(targets, dtype=torch.float32) if weights is None else weights[:, 1:].flatten()
    return weighted_loss(hidden, gpt2.lm_head.weight, targets, counts) / counts.sum()


@torch.no_grad()
def mean_loss(
    model: nn.Module, blocks: Tensor, arithmetic: Arithmetic, weights: Tensor | None = None, batch: int = 16
) -> float:
    """Nats per token over all `blocks`, without dropout or gradients."""
    was_training = model.training
    model.eval()
    total, count = 0.0, 0.0
    if weights is None:
        weights = torch.ones_like(blocks, dtype=torch.float32)
    with arithmetic.autocast():
        for part, counts in zip(blocks.split(batch), weights.split(batch), strict=True):
            size = counts[:, 1:].sum().item()
            loss = next_token_loss(model, part.to(arithmetic.device), counts.to(arithmetic.device))
            total += loss.item() * size
            count += size
    model.train(was_training)
    return total / count


def matrices_and_others(model: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """The hidden weight matrices, and everything else that learns (embeddings, norms, biases)."""
    matrices = [
        module.weight for module in model.modules() if isinstance(module, Conv1D) and module.weight.requires_grad
    ]
    known = {id(parameter) for parameter in matrices}
    others = [p for p in model.parameters() if p.requires_grad and id(p) not in known]
    return matrices, others


def adamw(parameters: Iterable[nn.Parameter], learning_rate: float, weight_decay: float) -> torch.optim.AdamW:
    """AdamW that decays matrices only, as GPT-2's own training did."""
    every = list(parameters)
    groups = [
        {"params": [p for p in every if p.dim() >= 2], "weight_decay": weight_decay},
        {"params": [p for p in every if p.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.95), fused=True)


def muon_and_adamw(
    model: nn.Module, learning_rate: float, others_rate: float, weight_decay: float, *, bf16: bool
) -> list[torch.optim.Optimizer]:
    """Muon for the hidden matrices, AdamW at a rate of its own for everything else."""
    matrices, others = matrices_and_others(model)
    return [
        Muon(matrices, learning_rate, weight_decay, bf16=bf16),
        adamw(others, others_rate, weight_decay),
    ]
