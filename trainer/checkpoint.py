"""One file from which a killed training goes on: weights, optimizer state and progress, never half-written.

Tensors are safetensors, progress is its text header: nothing in it can run code when it is read back.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from trainer.durable import appearing


def save_checkpoint(
    file: Path, model: nn.Module, optimizers: Sequence[torch.optim.Optimizer], progress: dict[str, Any]
) -> None:
    """Write everything that learns; the file appears at once or not at all. Raises OSError on a full disk."""
    tensors = {f"model/{name}": parameter.detach() for name, parameter in _learning(model).items()}
    for number, optimizer in enumerate(optimizers):
        for index, state in optimizer.state_dict()["state"].items():
            for name, value in state.items():
                tensors[f"optimizer/{number}/{index}/{name}"] = torch.as_tensor(value)
    with appearing(file) as partial:
        save_file({k: v.contiguous() for k, v in tensors.items()}, partial, {"progress": json.dumps(progress)})


def load_checkpoint(
    file: Path, model: nn.Module, optimizers: Sequence[torch.optim.Optimizer]
) -> dict[str, Any] | None:
    """Put the state back in place and return the progress; None where there is no checkpoint that can be read."""
    if not is_whole(file):
        return None
    learning = _learning(model)
    states: list[dict[int, dict[str, Tensor]]] = [{} for _ in optimizers]
    with safe_open(file, "pt") as tensors:
        for key in tensors.keys():  # noqa: SIM118 - safe_open cannot be iterated
            kind, rest = key.split("/", 1)
            if kind == "model":
                learning[rest].data.copy_(tensors.get_tensor(key))
            else:
                number, index, name = rest.split("/")
                states[int(number)].setdefault(int(index), {})[name] = tensors.get_tensor(key)
        progress: dict[str, Any] = json.loads(tensors.metadata()["progress"])
    for optimizer, state in zip(optimizers, states, strict=True):
        optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
    return progress


def is_whole(file: Path) -> bool:
    """Whether a checkpoint is there, all of it: safetensors checks its own length."""
    try:
        with safe_open(file, "pt"):
            return True
    except (OSError, SafetensorError):
        return False


def _learning(model: nn.Module) -> dict[str, nn.Parameter]:
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
