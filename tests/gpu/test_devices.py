"""Nothing of one device meets something of another: every path with tensors that claim to be on the second GPU."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch

from m2l_bench.music2latent import Checkpoint, Music2Latent, autoencoder, fused_norm
from m2l_bench.music2latent.networks import Networks

from .conftest import DEVICE, SMALL

HOP = SMALL.hop


def is_plain(result: torch.Tensor, shape: tuple[int, ...]) -> bool:
    """Whether it is what users get: float32 on the CPU."""
    return result.shape == shape and result.dtype == torch.float32 and result.device == torch.device("cpu")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_encode_and_features(model: Music2Latent) -> None:
    audio = torch.zeros(3, 253 * HOP)
    latents = model.latents_for(253 * HOP)
    assert latents == 128 > autoencoder.CHUNK_LATENTS, "several chunks"
    assert is_plain(model.encode(audio), (3, 8, latents))
    assert is_plain(model.features(audio), (3, SMALL.feature_channels, latents))
    assert is_plain(model.encode(audio, strict=True), (3, 8, 125))
    assert is_plain(model.features(audio, strict=True), (3, SMALL.feature_channels, 125))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_decode(model: Music2Latent) -> None:
    latents = torch.zeros(9, 8, 130)
    on_host, on_device = (torch.zeros(9, 2, SMALL.bins, 2 * 130, device=device) for device in ("cpu", DEVICE))
    options: list[dict] = [{"steps": 3}, {"generator": torch.Generator()}, {"noise": on_host}, {"noise": on_device}]
    for option in options:
        assert is_plain(model.decode(latents, **option), (9, model.samples_for(130)))
        assert is_plain(model.decode(latents, strict=True, **option), (9, (2 * 130 + 3) * HOP))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_operator_of_the_fused_norm(model: Music2Latent, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its shapes, types and layout; what it computes is tested in Triton's interpreter."""
    group_norm, results = fused_norm.group_norm, []

    def recorded(x: torch.Tensor, *arguments: object) -> torch.Tensor:
        results.append((x, group_norm(x, *arguments)))
        return results[-1][1]

    monkeypatch.setattr(fused_norm, "available", lambda device: True)
    monkeypatch.setattr(fused_norm, "group_norm", recorded)
    assert is_plain(model.decode(torch.zeros(1, 8, 4)), (1, model.samples_for(4)))
    assert len(results) > 10
    for x, result in results:
        assert (result.shape, result.dtype, result.device) == (x.shape, x.dtype, x.device)
        assert result.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("dtype", [torch.float32])
def test_noise_is_drawn_on_the_device(model: Music2Latent, monkeypatch: pytest.MonkeyPatch) -> None:
    randn, devices = torch.randn, []

    def recorded(*arguments, **options):
        drawn = randn(*arguments, **options)
        devices.append(drawn.device)
        return drawn

    monkeypatch.setattr(torch, "randn", recorded)
    for strict in (False, True):
        model.decode(torch.zeros(1, 8, 5), strict=strict)
        assert set(devices) == {DEVICE}
        devices.clear()
        model.decode(torch.zeros(1, 8, 5), strict=strict, generator=torch.Generator())
        assert set(devices) == {torch.device("cpu")}, "the same noise as on a CPU"
        devices.clear()


@pytest.mark.parametrize("ablated", [True, False])
def test_to_and_fro(fake_cuda: None, ablated: bool) -> None:
    config = SMALL.without_frequency_attention().without_frequency_scaling() if ablated else SMALL
    model = Music2Latent(Checkpoint(Networks(config), Path("none"), ""), batch_size=2)
    for device in (DEVICE, torch.device("cuda:0"), torch.device("cpu")):
        model.to(device)
        assert {tensor.device for tensor in model.networks.state_dict().values()} == {device}
        assert is_plain(model.encode(torch.zeros(3, 100 * HOP)), (3, 8, model.latents_for(100 * HOP)))
        assert is_plain(model.decode(torch.zeros(3, 8, 4)), (3, model.samples_for(4)))


@pytest.mark.parametrize("dtype", [torch.float32])
def test_a_full_memory_is_one_line(model: Music2Latent, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments):
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 2.00 GiB")

    monkeypatch.setattr(autoencoder, "waveform", full)
    monkeypatch.setattr(model.networks.encoder, "forward", full)
    calls = [
        lambda strict: model.encode(torch.zeros(1, 100 * HOP), strict),
        lambda strict: model.decode(torch.zeros(1, 8, 4), strict=strict),
    ]
    for model.batch_size, lower in ((8, "lower batch_size (8)"), (1, "use bfloat16 or a smaller model")):
        for call, strict in itertools.product(calls, (True, False)):
            with pytest.raises(torch.OutOfMemoryError) as error:
                call(strict)
            assert str(error.value) == f"out of memory on cuda:1: {lower}"
