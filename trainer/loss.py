"""The cross-entropy of a whole vocabulary, whose logits are made once and never all at the same time."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

# Rows of logits made at once. Whole-batch logits of an 8k-50k vocabulary would be the largest tensor of the run.
LOSS_CHUNK = 512


def weighted_loss(hidden: Tensor, embedding: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Sum in nats of each target's loss times its weight. `hidden` is (tokens, width), `embedding` (vocabulary,
    width); the other two are (tokens,). Both of the first learn from it, where they require gradients.

    The products are made in autocast's type where autocast is on, sums and exponentials in fp32.
    """
    device = hidden.device.type
    autocast = torch.is_autocast_enabled(device)
    dtype = torch.get_autocast_dtype(device) if autocast else hidden.dtype
    if torch.is_grad_enabled():
        return _WeightedLoss.apply(hidden, embedding, targets, weights, dtype)  # type: ignore[no-any-return, no-untyped-call]
    hidden, embedding = hidden.to(dtype), embedding.to(dtype)
    total = hidden.new_zeros((), dtype=torch.float32)
    for part in _chunks(len(targets)):
        losses = functional.cross_entropy((hidden[part] @ embedding.T).float(), targets[part], reduction="none")
        total += (losses * weights[part]).sum()
    return total


class _WeightedLoss(torch.autograd.Function):
    """Takes the gradients while a chunk's probabilities are there, so that the backward pass makes no logits."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, embedding: Tensor, targets: Tensor, weights: Tensor, dtype: torch.dtype
    ) -> Tensor:
        total = hidden.new_zeros((), dtype=torch.float32)
        low, matrix = hidden.to(dtype), embedding.to(dtype)
        hidden_gradient = torch.empty_like(low)
        embedding_gradient = torch.zeros_like(embedding) if ctx.needs_input_grad[1] else None
        for part in _chunks(len(targets)):
            target, weight = targets[part].unsqueeze(1), weights[part].unsqueeze(1)
            probabilities = torch.softmax(low[part] @ matrix.T, -1, dtype=torch.float32)
            chosen = probabilities.gather(1, target)
            smallest = torch.finfo(torch.float32).tiny  # the logarithm of what underflowed is none
            total -= (chosen.clamp_min(smallest).log() * weight).sum()
            gradient = probabilities.scatter_(1, target, chosen - 1).to(dtype)
            hidden_gradient[part] = (gradient @ matrix) * weight
            if embedding_gradient is not None:
                embedding_gradient += gradient.T @ (low[part] * weight).to(dtype)
        ctx.save_for_backward(hidden_gradient.to(hidden.dtype), embedding_gradient)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        of_hidden, of_embedding = ctx.saved_tensors
        return of_hidden * gradient, None if of_embedding is None else of_embedding * gradient, None, None, None


def _chunks(length: int) -> list[slice]:
    return [slice(start, start + LOSS_CHUNK) for start in range(0, length, LOSS_CHUNK)]
