"""The checkpoint of a training: one safetensors file with tensors, and the rest as JSON in its metadata.

It holds no state of random numbers: crops, noise and times of a step are decided by the seed and the step's number.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from m2l_bench.errors import UserError
from m2l_bench.runs.files import explain_write_errors, write_atomically

NAME = "checkpoint.safetensors"
FORMAT = "m2l-bench.generation"
WEIGHTS, AVERAGE, OPTIMISER = "weights", "average", "optimiser"


@dataclass
class Place:
    """How far a training has come."""

    step: int = 0
    """Steps that are done."""
    losses: list[float] = field(default_factory=list)
    """Losses since the last row of the log."""
    seconds: float = 0.0
    """Seconds of training, over all sessions, without validation."""
    validation_loss: float | None = None
    """The latest one."""


def save(folder: Path, place: Place, network: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer) -> None:
    """Write the checkpoint; the one before it stays if that fails.

    Raises:
        UserError: it cannot be written.
    """
    from safetensors.torch import save as to_bytes

    modules = {WEIGHTS: network, AVERAGE: average}
    tensors = {f"{kind}.{name}": t for kind, module in modules.items() for name, t in module.state_dict().items()}
    for number, state in optimiser.state_dict()["state"].items():
        tensors |= {f"{OPTIMISER}.{number}.{name}": tensor for name, tensor in state.items()}
    here = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with explain_write_errors(folder):
        write_atomically(folder / NAME, to_bytes(here, {FORMAT: json.dumps(asdict(place))}))


def load(folder: Path, network: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer) -> Place:
    """Read the checkpoint of a folder into a training; without one, the training begins.

    Raises:
        UserError: it is damaged.
    """
    from safetensors import SafetensorError, safe_open

    path = folder / NAME
    if not path.is_file():
        return Place()
    try:
        with safe_open(path, framework="pt") as file:
            place = Place(**json.loads((file.metadata() or {})[FORMAT]))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        network.load_state_dict(_part(tensors, WEIGHTS))
        average.load_state_dict(_part(tensors, AVERAGE))
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _part(tensors, OPTIMISER).items():
            number, _, key = name.partition(".")
            state.setdefault(int(number), {})[key] = tensor
        content: dict[str, Any] = optimiser.state_dict()
        optimiser.load_state_dict({**content, "state": state})
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError, OSError) as error:
        raise UserError(f"{path}: damaged; delete it, and the training begins anew") from error
    return place


def _part(tensors: dict[str, Tensor], kind: str) -> dict[str, Tensor]:
    beginning = f"{kind}."
    return {name.removeprefix(beginning): tensor for name, tensor in tensors.items() if name.startswith(beginning)}
