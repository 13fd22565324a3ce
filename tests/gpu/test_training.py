"""Training with tensors that claim to be on a GPU: no step waits for the device, and nothing of a CPU gets in between.

Gradients are given in place of a backward pass, which cannot run on fake tensors of a PyTorch without CUDA.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from m2l_bench.music2latent import Music2Latent
from m2l_bench.music2latent.networks import Networks
from m2l_bench.music2latent.training import loop
from m2l_bench.music2latent.training.loop import Settings, Validation
from m2l_bench.music2latent.training.objective import Batch, Objective
from m2l_bench.music2latent.training.recipe import Recipe
from m2l_bench.music2latent.training.state import State

from .conftest import SMALL

DEVICE = torch.device("cuda:0")
RECIPE = Recipe(crop_frames=16, batch_size=4, iterations=6, warmup_iterations=2, optimiser="muon")
SAMPLES = (RECIPE.crop_frames + 3) * SMALL.hop


class FakeFabric:
    """One process on one GPU, with bfloat16 where autocast says so."""

    device, world_size, global_rank, is_global_zero = DEVICE, 1, 0, True
    _precision = SimpleNamespace()

    def setup(self, module: Objective, *optimisers: torch.optim.Optimizer) -> tuple[Any, ...]:
        assert all(parameter.device == DEVICE for parameter in module.parameters())
        return module, *optimisers

    def backward(self, loss: torch.Tensor) -> None:
        assert (loss.device, loss.dtype) == (DEVICE, torch.float32)

    def all_reduce(self, value: torch.Tensor, reduce_op: str) -> torch.Tensor:
        return value

    def barrier(self) -> None:
        pass


def batch() -> Batch:
    return Batch(torch.zeros(4, SAMPLES, dtype=torch.int16), torch.zeros(4, 2, dtype=torch.float64), (0, 1, 2, 3))


@pytest.fixture
def run(fake_cuda: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A run whose networks are on the GPU; of its state, what a checkpoint would bring is on the CPU."""
    weights = Networks(SMALL).state_dict()
    state = State(SMALL, RECIPE, 0, weights, {name: tensor.clone() for name, tensor in weights.items()})
    made = Networks(SMALL).to(DEVICE)
    monkeypatch.setattr(loop, "Networks", lambda config: made)  # its parameters keep their identity
    monkeypatch.setattr(torch.nn.Module, "load_state_dict", lambda module, content: None)
    settings = Settings(tmp_path, validate=lambda model: Validation(score(model)))
    return loop._Run(state, None, settings, FakeFabric())  # type: ignore[arg-type]


def score(model: Music2Latent) -> dict[str, float]:
    latents = model.encode(torch.zeros(1, 100 * SMALL.hop))
    audio = model.decode(latents, generator=torch.Generator(model.device))
    assert audio.device == torch.device("cpu")
    return {"answer": 42.0}


def test_steps_wait_for_nothing(run: Any) -> None:
    """Reading a fake tensor's value raises, so a step that does not raise has not waited."""
    for parameter in run.networks.parameters():
        parameter.grad = torch.zeros_like(parameter) if parameter.requires_grad else None
    with torch.autocast("cuda", torch.bfloat16):
        run._step([batch()])
    assert run.iteration == 1
    assert all(parameter.grad is None for parameter in run.networks.parameters())
    tensors = [run.finite, *run.losses, *run.average.module.parameters()]
    tensors += [value for optimiser in run.optimisers for state in optimiser.state.values() for value in state.values()]
    assert len(tensors) > 100
    assert {tensor.device for tensor in tensors} == {DEVICE}


def test_validation(run: Any) -> None:
    figures = {}
    log = SimpleNamespace(
        validated=-1,
        write=lambda iteration, values, seconds: figures.update(values),
        write_audio=lambda *arguments: None,
    )
    run._validate(log)
    assert figures == {"answer": 42.0}
