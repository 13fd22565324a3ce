"""From a batch to a loss."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from m2l_bench.music2latent.consistency import add_noise, loss_weight, pseudo_huber
from m2l_bench.music2latent.networks import Networks
from m2l_bench.music2latent.training.objective import Batch, Objective, prepare

from .conftest import MINUSCULE, SHORT, mixture

CPU = torch.device("cpu")


@pytest.fixture
def batch(corpus_folder: Path) -> Batch:
    draw = mixture(corpus_folder)
    return Batch.of([draw.crop(number) for number in range(4)])


@pytest.fixture
def networks() -> Networks:
    torch.manual_seed(0)
    networks = Networks(MINUSCULE)
    for parameter in networks.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    return networks


def test_shapes_and_noise_levels(batch: Batch) -> None:
    clean, noise, low, high = prepare(batch, 0.1, MINUSCULE, SHORT, CPU)
    assert clean.shape == noise.shape == (4, 2, MINUSCULE.bins, SHORT.crop_frames)
    assert low.shape == high.shape == (4,)
    assert (low < high).all()
    assert low.min() == pytest.approx(MINUSCULE.sigma_min, rel=1e-5) or low.min() > MINUSCULE.sigma_min
    assert high.max() <= MINUSCULE.sigma_max * (1 + 1e-5)
    assert noise.std() == pytest.approx(1, abs=0.05)


def test_a_crop_s_noise_does_not_depend_on_its_batch(batch: Batch) -> None:
    whole = prepare(batch, 0.1, MINUSCULE, SHORT, CPU)
    half = Batch(batch.audio[2:], batch.uniform[2:], batch.noise_seeds[2:])
    for one, part in zip(whole, prepare(half, 0.1, MINUSCULE, SHORT, CPU), strict=True):
        assert torch.allclose(one[2:], part, atol=1e-6)


def test_the_loss_is_equation_11_and_its_gradient_the_student_s(batch: Batch, networks: Networks) -> None:
    """Written out with the teacher's result taken as a constant."""
    clean, noise, low, high = prepare(batch, 0.1, MINUSCULE, SHORT, CPU)
    loss = Objective(networks)(clean, noise, low, high).mean()
    loss.backward()
    ours = [parameter.grad for parameter in networks.parameters()]
    networks.zero_grad()
    decoded = networks.decoder(networks.encoder(clean))
    target = networks.unet(add_noise(clean, noise, low), low, decoded).detach()
    student = networks.unet(add_noise(clean, noise, high), high, decoded)
    expected = (loss_weight(low, high) * pseudo_huber(student, target)).mean()
    expected.backward()
    assert torch.allclose(loss, expected)
    for one, parameter in zip(ours, networks.parameters(), strict=True):
        assert torch.allclose(one, parameter.grad, atol=1e-6)


def test_the_teacher_gives_no_gradient(batch: Batch, networks: Networks) -> None:
    """Nudging a weight changes the loss by more than its gradient says, because the teacher moves as well."""
    clean, noise, low, high = prepare(batch, 0.1, MINUSCULE, SHORT, CPU)
    loss = Objective(networks)(clean, noise, low, high).mean()
    bias = networks.unet.conv_out.weight
    gradient = torch.autograd.grad(loss, bias)[0]
    with torch.no_grad():
        bias += 1e-3 * gradient
        moved = Objective(networks)(clean, noise, low, high).mean()
    assert abs((moved - loss) / (1e-3 * gradient.square().sum()) - 1) > 0.05
