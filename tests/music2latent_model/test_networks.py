"""The networks as trained."""

from __future__ import annotations

import pytest
import torch

from m2l_bench.music2latent import PRESETS, Config
from m2l_bench.music2latent.blocks import FrequencyAttention, FrequencyGain, FrequencyScaling
from m2l_bench.music2latent.networks import Networks

from .conftest import NARROW, random_networks


def spectrograms(config: Config, batch: int = 2, latents: int = 3) -> torch.Tensor:
    return torch.randn(batch, 2, config.bins, latents * config.frames_per_latent)


def test_shapes(networks: Networks, narrow: Config) -> None:
    x = spectrograms(narrow)
    latents = networks.encoder(x)
    assert latents.shape == (2, 64, 3)
    assert latents.abs().max() < 1
    assert networks.encoder.features(x).shape == (2, narrow.feature_channels, 3)
    decoded = networks.decoder(latents)
    assert [tuple(level.shape[2:]) for level in decoded] == [(1024, 24), (256, 24), (128, 12), (64, 6), (32, 3)]
    assert networks.unet(x, torch.tensor([1.0, 2.0]), decoded).shape == x.shape


def test_at_sigma_min_the_model_is_the_identity(networks: Networks, narrow: Config) -> None:
    x = spectrograms(narrow)
    decoded = networks.decoder(networks.encoder(x))
    torch.testing.assert_close(networks.unet(x, torch.full((2,), narrow.sigma_min), decoded), x)


def test_one_noise_level_for_all_equals_one_each(networks: Networks, narrow: Config) -> None:
    x = spectrograms(narrow)
    decoded = networks.decoder(networks.encoder(x))
    shared = networks.unet(x, torch.tensor([3.0]), decoded)
    torch.testing.assert_close(shared, networks.unet(x, torch.tensor([3.0, 3.0]), decoded))


def test_every_parameter_learns_except_the_unused_projections(narrow: Config) -> None:
    networks = random_networks(narrow).train()
    x = spectrograms(narrow)
    decoded = networks.decoder(networks.encoder(x))
    networks.unet(x, torch.tensor([1.0, 2.0]), decoded).square().sum().backward()
    without = {name for name, parameter in networks.named_parameters() if parameter.grad is None}
    assert without == {
        f"decoder.bottleneck.{block}.noise_projection.{kind}" for block in range(4) for kind in ("weight", "bias")
    }
    assert not any(dict(networks.named_parameters())[name].requires_grad for name in without)


def test_a_fresh_model_starts_at_the_skip_connection() -> None:
    """The last convolution starts at zero, so that F contributes nothing."""
    config = Config(**NARROW)
    networks = Networks(config)
    x = spectrograms(config)
    sigma = torch.tensor([1.0])
    estimate = networks.unet(x, sigma, networks.decoder(networks.encoder(x)))
    torch.testing.assert_close(estimate, 0.25 / ((1 - 0.002) ** 2 + 0.25) * x)


@pytest.mark.parametrize("attention", [True, False])
@pytest.mark.parametrize("scaling", [True, False])
def test_switches_of_table_3(attention: bool, scaling: bool) -> None:
    config = Config(**NARROW)
    if not attention:
        config = config.without_frequency_attention()
        assert config.channel_multipliers == (1, 2, 4, 4, 5)
    if not scaling:
        config = config.without_frequency_scaling()
    networks = random_networks(config)
    kinds = {type(module) for module in networks.modules()}
    assert (FrequencyAttention in kinds) is attention
    assert ({FrequencyScaling, FrequencyGain} <= kinds) is scaling
    assert bool({FrequencyScaling, FrequencyGain} & kinds) is scaling
    x = spectrograms(config)
    estimate = networks.unet(x, torch.tensor([1.0]), networks.decoder(networks.encoder(x)))
    assert estimate.isfinite().all()


@pytest.mark.parametrize("name", ["paper", "official", "small", "tiny"])
def test_attention_was_worth_about_as_many_parameters_as_the_wider_level(name: str) -> None:
    """Section 5.4 widens the base model so that the comparison is fair."""
    with torch.device("meta"):
        full, base = Networks(PRESETS[name]), Networks(PRESETS[name].without_frequency_attention())
    ratio = sum(map(torch.Tensor.numel, base.parameters())) / sum(map(torch.Tensor.numel, full.parameters()))
    assert abs(ratio - 1) < 0.1


def test_the_base_model_of_mini_is_widened_in_the_same_proportion() -> None:
    """Its attention is at two levels alone, so that the wider level more than makes up for it."""
    base = PRESETS["mini"].without_frequency_attention()
    assert base.channel_multipliers == (1, 2, 6, 12, 20)
    assert base.attention_levels == ()
