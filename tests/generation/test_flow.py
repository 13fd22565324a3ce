"""Samplers, times and the network."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from torch import Tensor

from m2l_bench.generation.card import GeneratorCard, TimeDistribution
from m2l_bench.generation.flow import draw_times, flow_loss, follow
from m2l_bench.generation.network import Transformer


def test_the_velocity_of_the_straight_line_has_no_loss() -> None:
    data, noise = torch.randn(2, 4, 3, 5, generator=torch.Generator().manual_seed(0))
    assert flow_loss(lambda x, t: data - noise, data, noise, torch.rand(4)) == 0


def test_samples_of_a_known_flow() -> None:
    """All noise goes to one point: the velocity is (point - x) / (1 - t), which Euler's method follows exactly."""
    point = torch.ones(2, 3, 5)

    def velocity(x: Tensor, times: Tensor) -> Tensor:
        return (point - x) / (1 - times[:, None, None])

    torch.testing.assert_close(follow(velocity, torch.randn(2, 3, 5), 8, "euler"), point)


@pytest.mark.parametrize(("sampler", "order"), [("euler", 1), ("heun", 2)])
def test_the_error_falls_with_the_order_of_the_sampler(sampler: Literal["euler", "heun"], order: int) -> None:
    """For the velocity x, latents grow by the factor e."""
    noise = torch.ones(1, 1, 1, dtype=torch.float64)
    errors = [float(abs(follow(lambda x, t: x, noise, steps, sampler) - torch.e).max()) for steps in (20, 40)]
    assert errors[0] / errors[1] == pytest.approx(2**order, rel=0.1)


def test_times_are_logit_normal() -> None:
    times = draw_times(20_000, TimeDistribution(mean=0.5, deviation=2.0), torch.Generator().manual_seed(0))
    assert times.min() >= 0 and times.max() <= 1
    logits = torch.logit(times.double(), eps=1e-6)
    assert float(logits.mean()) == pytest.approx(0.5, abs=0.05) and float(logits.std()) == pytest.approx(2.0, abs=0.05)


def test_an_untrained_network_gives_zeros_and_a_trained_one_uses_times_and_other_frames(tiny: GeneratorCard) -> None:
    torch.manual_seed(0)
    network = Transformer(3, tiny)
    x, times = torch.randn(2, 3, 7), torch.tensor([0.1, 0.9])
    assert network(x, times).shape == (2, 3, 7) and not network(x, times).any()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    before = network(x, times)
    assert not torch.allclose(before, network(x, times.flip(0)))
    changed = x.clone()
    changed[:, :, 6] += 1
    assert not torch.allclose(before[:, :, 0], network(changed, times)[:, :, 0])
    order = torch.tensor([1, 0, 2, 3, 4, 5, 6])
    assert not torch.allclose(before[:, :, order], network(x[:, :, order], times), atol=1e-4)
