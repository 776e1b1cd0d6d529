"""Our Muon against torch's own, which knows bf16 only, and against what it is said to do."""

import pytest
import torch
from torch import nn

from trainer.muon import Muon, orthogonal


@pytest.mark.parametrize("shape", [(24, 64), (64, 24), (32, 32)], ids=["wide", "tall", "square"])
def test_it_steps_as_torchs_own(shape: tuple[int, int]) -> None:
    chance = torch.Generator().manual_seed(0)
    start = torch.randn(shape, generator=chance)
    ours, exact, theirs = (nn.Parameter(start.clone()) for _ in range(3))
    optimizers = (
        Muon([ours], 1e-2, 0.1, bf16=True),
        Muon([exact], 1e-2, 0.1, bf16=False),
        torch.optim.Muon([theirs], lr=1e-2, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"),
    )
    for _ in range(5):
        gradient = torch.randn(shape, generator=chance)
        for parameter, optimizer in zip((ours, exact, theirs), optimizers, strict=True):
            parameter.grad = gradient.clone()
            optimizer.step()
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(exact, theirs, atol=2e-3, rtol=0)
    assert (exact - start).abs().max() > 0.02


def test_what_is_orthogonal_has_singular_values_near_one() -> None:
    matrix = torch.randn(20, 50, generator=torch.Generator().manual_seed(1))
    values = torch.linalg.svdvals(orthogonal(matrix))
    assert 0.6 < values.min() < values.max() < 1.3
    assert torch.linalg.svdvals(matrix).max() > 5


@pytest.mark.parametrize("shape", [(24, 64), (64, 24)], ids=["wide", "tall"])
@pytest.mark.parametrize("smallest", [1e-1, 1e-4, 1e-8])
def test_the_short_way_ends_where_the_long_one_does(shape: tuple[int, int], smallest: float) -> None:
    chance = torch.Generator().manual_seed(2)
    left, right = (
        torch.linalg.qr(torch.randn(side, 24, generator=chance, dtype=torch.float64))[0] for side in shape
    )
    matrix = (
        left @ torch.logspace(0, torch.tensor(smallest).log10().item(), 24, dtype=torch.float64).diag() @ right.T
    )
    # Doubles go the long way.
    torch.testing.assert_close(orthogonal(matrix.float()).double(), orthogonal(matrix), atol=1e-3, rtol=0)


def test_a_matrix_without_a_gradient_stays() -> None:
    parameter = nn.Parameter(torch.ones(2, 3))
    Muon([parameter], 1.0, 1.0, bf16=False).step()
    assert torch.equal(parameter, torch.ones(2, 3))
