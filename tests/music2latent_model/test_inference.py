"""The fast form gives what the trained form gives, part by part and as a whole."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from m2l_bench.music2latent import kernels
from m2l_bench.music2latent.blocks import CrossConnection, Norm, Upsample
from m2l_bench.music2latent.inference import FoldedCrossConnection, FusedNorm, SubPixelUpsample, inference_form
from m2l_bench.music2latent.networks import Networks

from .conftest import relative


@settings(max_examples=30)
@given(
    axes=st.sampled_from(["frequency", "both"]),
    size=st.tuples(st.integers(1, 2), st.integers(1, 9), st.integers(1, 9)),
    channels=st.tuples(st.integers(1, 5), st.integers(1, 5)),
)
def test_sub_pixel_convolution_equals_repeating_first(axes, size: tuple, channels: tuple) -> None:
    upsample = Upsample(*channels, axes)
    x = torch.randn(size[0], channels[0], *size[1:])
    with torch.inference_mode():
        assert torch.allclose(SubPixelUpsample(upsample)(x), upsample(x), atol=1e-5)


@pytest.mark.parametrize("terms", [2, 3])
def test_folded_connection(terms: int) -> None:
    connection = CrossConnection(6, terms)
    maps = [torch.randn(2, 6, 4, 3) for _ in range(terms)]
    with torch.inference_mode():
        expected = connection(*maps)
        assert torch.allclose(FoldedCrossConnection(copy.deepcopy(connection))(*maps), expected, atol=1e-6)


@pytest.mark.parametrize("numba", [True, False])
@pytest.mark.parametrize("swish", [True, False])
@pytest.mark.parametrize("shape", [(2, 16, 4, 3), (2, 16, 5)])
def test_norm_with_and_without_the_kernel(
    monkeypatch: pytest.MonkeyPatch, numba: bool, swish: bool, shape: tuple[int, ...]
) -> None:
    monkeypatch.setattr(kernels, "available", lambda: numba)
    norm = Norm(16, swish)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    x = torch.randn(shape)
    with torch.inference_mode():
        expected = norm(x)
        assert torch.allclose(FusedNorm(norm)(x), expected, atol=1e-5)


def outputs(networks: Networks) -> dict[str, torch.Tensor]:
    config = networks.config
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 2, config.bins, 40, generator=generator)
    with torch.inference_mode():
        latents = networks.encoder(x)
        return {
            "latents": latents,
            "features": networks.encoder.features(x).float(),
            "estimate": networks.unet(80 * x, torch.tensor([80.0]), networks.decoder(latents)),
        }


@pytest.mark.parametrize("numba", [True, False])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.03)])
def test_the_whole_form(
    networks: Networks, monkeypatch: pytest.MonkeyPatch, numba: bool, dtype: torch.dtype, tolerance: float
) -> None:
    monkeypatch.setattr(kernels, "available", lambda: numba)
    expected = outputs(networks)
    before = copy.deepcopy(networks.state_dict())
    for name, output in outputs(inference_form(networks, dtype)).items():
        assert output.dtype == torch.float32
        assert relative(output, expected[name]) < tolerance, name
    assert all(torch.equal(tensor, before[name]) for name, tensor in networks.state_dict().items())


@pytest.mark.parametrize("attention", [True, False])
@pytest.mark.parametrize("scaling", [True, False])
def test_ablated_models_too(narrow, attention: bool, scaling: bool) -> None:
    from .conftest import random_networks

    config = narrow if attention else narrow.without_frequency_attention()
    networks = random_networks(config if scaling else config.without_frequency_scaling())
    expected = outputs(networks)
    for name, output in outputs(inference_form(networks)).items():
        assert relative(output, expected[name]) < 1e-5, name
