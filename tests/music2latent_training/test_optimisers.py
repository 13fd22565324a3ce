"""Muon, and which weights go where."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from m2l_bench.music2latent.networks import Networks
from m2l_bench.music2latent.training.muon import COEFFICIENTS, Muon, orthogonalised
from m2l_bench.music2latent.training.optimisers import make_optimisers

from .conftest import MINUSCULE, SHORT


@pytest.mark.parametrize("shape", [(8, 8), (8, 40), (40, 8), (1, 9)])
def test_singular_values_come_near_one(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalised(matrix))
    assert values.min() > 0.3
    assert values.max() < 1.3
    assert torch.allclose(orthogonalised(1000 * matrix), orthogonalised(matrix), atol=1e-4), "whatever its length"


def test_a_batch_equals_the_formula_for_each_matrix() -> None:
    a, b, c = COEFFICIENTS
    matrices = torch.randn(3, 16, 40, generator=torch.Generator().manual_seed(0))
    for matrix, result in zip(matrices, orthogonalised(matrices), strict=True):
        x = matrix / (matrix.norm() + 1e-7)
        for _ in range(5):
            gram = x @ x.mT
            x = a * x + (b * gram + c * gram @ gram) @ x
        assert torch.allclose(result, x, atol=1e-6, rtol=0)


def test_zero_stays_zero() -> None:
    assert not orthogonalised(torch.zeros(3, 4)).any()


def test_muon_equals_pytorch_s_on_matrices() -> None:
    """Theirs takes matrices alone, and rounds the iteration to bfloat16."""
    if not hasattr(torch.optim, "Muon"):
        pytest.skip("PyTorch 2.9 and later have one to compare with")
    start = torch.randn(16, 24, generator=torch.Generator().manual_seed(0))
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    one = Muon([ours], 0.01)
    other = torch.optim.Muon([theirs], 0.01, weight_decay=0.0, momentum=0.95, adjust_lr_fn="match_rms_adamw")
    for seed in range(5):
        gradient = torch.randn(start.shape, generator=torch.Generator().manual_seed(seed + 1))
        ours.grad, theirs.grad = gradient.clone(), gradient.clone()
        one.step()
        other.step()
    assert (ours - theirs).norm() < 0.05 * (theirs - start).norm()


def test_matrices_of_one_shape_move_together_as_they_would_alone() -> None:
    generator = torch.Generator().manual_seed(0)
    shapes = [(6, 4, 3, 3), (6, 36), (36, 6), (5, 7), (6, 4, 3, 3)]
    starts = [torch.randn(shape, generator=generator) for shape in shapes]
    together, alone = ([torch.nn.Parameter(start.clone()) for start in starts] for _ in range(2))
    one, others = Muon(together, 0.1), [Muon([parameter], 0.1) for parameter in alone]
    for _ in range(3):
        for parameter, other in zip(together, alone, strict=True):
            parameter.grad = torch.randn(parameter.shape, generator=generator)
            other.grad = parameter.grad.clone()
        one.step()
        for optimiser in others:
            optimiser.step()
    for parameter, other in zip(together, alone, strict=True):
        assert torch.allclose(parameter, other, atol=1e-6)


def test_a_convolution_is_its_matrix() -> None:
    start = torch.randn(6, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    convolution, matrix = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.flatten(1).clone())
    gradient = torch.randn(start.shape, generator=torch.Generator().manual_seed(1))
    convolution.grad, matrix.grad = gradient.to(memory_format=torch.channels_last), gradient.flatten(1)
    Muon([convolution], 0.1).step()
    Muon([matrix], 0.1).step()
    assert torch.allclose(convolution.flatten(1), matrix)


@pytest.mark.parametrize("optimiser", ["radam", "adam", "muon"])
def test_every_weight_is_moved_by_one_optimiser(optimiser: str) -> None:
    networks = Networks(replace(MINUSCULE, unused_noise_projections=True))
    made = make_optimisers(networks, replace(SHORT, optimiser=optimiser))
    moved = [parameter for one in made for group in one.param_groups for parameter in group["params"]]
    assert len(moved) == len(set(moved))
    assert set(moved) == {parameter for parameter in networks.parameters() if parameter.requires_grad}
    assert all(group["initial_lr"] == group["lr"] for one in made for group in one.param_groups)
    if optimiser == "muon":
        matrices = {parameter for group in made[0].param_groups for parameter in group["params"]}
        assert all(parameter.ndim >= 2 for parameter in matrices)
        assert networks.encoder.conv_in.weight not in matrices
        assert networks.unet.conv_out.weight not in matrices
