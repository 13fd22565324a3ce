"""Section 3 and 4.3: preconditioning, schedules, objective, sampler."""

from __future__ import annotations

import math

import pytest
import torch

from m2l_bench.music2latent import Config
from m2l_bench.music2latent.consistency import (
    consistency_loss,
    loss_weight,
    noise_level_pair,
    pseudo_huber,
    sample,
    sample_times,
    sampling_levels,
    scalings,
    sigma_at,
    step_size,
)

CONFIG = Config()


def test_boundary_condition() -> None:
    c_skip, c_out, _ = scalings(torch.tensor([CONFIG.sigma_min]), CONFIG)
    assert c_skip.item() == 1
    assert c_out.item() == 0


def test_the_networks_input_has_unit_variance() -> None:
    sigma = torch.tensor([0.002, 0.5, 80])
    c_in = scalings(sigma, CONFIG)[2].flatten()
    torch.testing.assert_close(c_in.square() * (sigma.square() + 0.25), torch.ones(3))


def test_noise_levels_of_equation_14() -> None:
    sigma = sigma_at(torch.tensor([0, 0.5, 1], dtype=torch.float64), CONFIG)
    middle = ((0.002 ** (1 / 7) + 80 ** (1 / 7)) / 2) ** 7
    torch.testing.assert_close(sigma, torch.tensor([0.002, middle, 80], dtype=torch.float64))


def test_step_sizes_of_equation_13() -> None:
    assert step_size(0, 800_000) == pytest.approx(0.1)
    assert step_size(400_000, 800_000) == pytest.approx(0.01)
    assert step_size(800_000, 800_000) == pytest.approx(0.001)


def test_times_follow_the_weights() -> None:
    """The density of t has the normal weights of Section 4.3 in log sigma(t)."""
    uniform = torch.rand(200_000, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    times = sample_times(uniform, CONFIG)
    assert 0 < times.min() <= times.max() <= 1
    counts = torch.histc(times, 20, 0, 1).double() / len(times)
    centres = (torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000
    density = torch.exp(-((sigma_at(centres, CONFIG).log() + 1.1) ** 2) / 8)
    expected = (density / density.sum()).reshape(20, 1000).sum(1)
    torch.testing.assert_close(counts, expected, atol=3e-3, rtol=0)


def test_pairs_stop_at_sigma_min() -> None:
    low, high = noise_level_pair(torch.tensor([0.05, 0.5]), 0.1, CONFIG)
    assert low[0].item() == pytest.approx(CONFIG.sigma_min)
    assert (low < high).all()
    assert loss_weight(low, high).isfinite().all()


def test_pseudo_huber_of_equation_9() -> None:
    x, y = torch.randn(3, 2, 8, 4), torch.randn(3, 2, 8, 4)
    c = 0.00054 * math.sqrt(64)
    for item in range(3):
        squared = float((x[item].double() - y[item].double()).square().sum())
        assert float(pseudo_huber(x, y)[item]) == pytest.approx(math.sqrt(squared + c * c) - c, rel=1e-5)


def test_a_consistent_model_has_no_loss_and_the_teacher_no_gradient() -> None:
    clean, noise = torch.randn(2, 2, 8, 4), torch.randn(2, 2, 8, 4)
    sigma_low, sigma_high = torch.tensor([0.1, 1.0]), torch.tensor([0.2, 1.5])
    loss = consistency_loss(lambda noisy, sigma: clean, clean, noise, sigma_low, sigma_high)
    assert loss.tolist() == [0, 0]

    gain = torch.ones(1, requires_grad=True)
    calls = []

    def denoise(noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        result = gain * noisy
        calls.append((sigma.tolist(), result.requires_grad))
        return result

    loss = consistency_loss(denoise, clean, noise, sigma_low, sigma_high).detach()
    assert [has_gradient for _, has_gradient in calls] == [True, False]
    for item in range(2):  # the same noise twice: what differs is the noise level alone
        difference = (sigma_high - sigma_low)[item] * noise[item]
        c = 0.00054 * 8
        expected = (math.sqrt(float(difference.square().sum()) + c * c) - c) / float((sigma_high - sigma_low)[item])
        assert float(loss[item]) == pytest.approx(expected, rel=1e-3)


def test_levels_fall_from_sigma_max() -> None:
    assert sampling_levels(1, CONFIG) == pytest.approx([80])
    levels = sampling_levels(4, CONFIG)
    assert levels == sorted(levels, reverse=True)
    assert levels[0] == pytest.approx(80)
    assert levels[2] == pytest.approx(float(sigma_at(torch.tensor(0.5), CONFIG)), rel=1e-5)
    with pytest.raises(ValueError, match="steps is 0"):
        sampling_levels(0, CONFIG)


def test_the_sampler_hands_each_level_its_own_noise() -> None:
    estimate = torch.full((1, 2, 8, 4), 3.0)
    fresh = [torch.randn_like(estimate) for _ in range(2)]
    seen: list[tuple[float, torch.Tensor]] = []

    def denoise(noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        seen.append((float(sigma), noisy))
        return estimate

    levels = sampling_levels(3, CONFIG)
    first, remaining = torch.randn_like(estimate), iter(fresh)
    result = sample(denoise, first, levels, CONFIG, lambda: next(remaining))
    assert torch.equal(result, estimate)
    assert [sigma for sigma, _ in seen] == pytest.approx(levels)
    torch.testing.assert_close(seen[0][1], 80 * first)
    for step in (1, 2):
        expected = estimate + math.sqrt(levels[step] ** 2 - CONFIG.sigma_min**2) * fresh[step - 1]
        torch.testing.assert_close(seen[step][1], expected)
    assert next(remaining, None) is None
