"""Audio of any length: exact lengths, no seams, bounded memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soxr
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.audio import music

from m2l_bench.music2latent import Checkpoint, Config, Music2Latent, autoencoder

from .conftest import NARROW, random_networks, relative


@pytest.fixture(scope="module")
def short_hop() -> Music2Latent:
    """The same structure with a sixteenth of the bins and of the samples in a latent: for audio of many latents."""
    return Music2Latent(Checkpoint(random_networks(Config(hop=32, **NARROW)), Path("random"), "0" * 64))


@pytest.mark.parametrize("samples", [1, 2, 1535, 2560, 2561, 4096, 44_100, 2 * 44_100])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_length_comes_back_exactly(model: Music2Latent, samples: int, channels: int) -> None:
    audio = music(samples / 44_100, channels=channels)[:, :samples]
    latents = model.encode(audio)
    assert latents.shape == (channels, 64, -(-(samples + 1536) // 4096))
    assert latents.dtype == torch.float32
    decoded = model.decode(latents, samples)
    assert decoded.shape == (channels, samples)
    assert decoded.isfinite().all()
    assert decoded.abs().max() <= 1
    assert model.features(audio).shape == (channels, model.config.feature_channels, latents.shape[-1])


@settings(max_examples=15)
@given(samples=st.integers(1, 60_000))
def test_any_length_property(model: Music2Latent, samples: int) -> None:
    latents = model.encode(torch.zeros(samples))
    assert model.decode(latents, samples).shape == (1, samples)


@settings(max_examples=15)
@given(samples=st.integers(1, 10_000), rate=st.sampled_from([8_000, 22_050, 32_000, 48_000, 96_000]))
def test_any_rate_comes_back_at_its_own_length(model: Music2Latent, samples: int, rate: int) -> None:
    latents = model.encode(torch.zeros(2, samples), sample_rate=rate)
    assert model.decode(latents, samples, sample_rate=rate).shape == (2, samples)


def test_audio_of_another_rate_is_resampled(model: Music2Latent) -> None:
    audio = music(1.0, rate=48_000)
    at_own_rate = soxr.resample(audio[0], 48_000, 44_100, quality="HQ")
    assert torch.equal(model.encode(audio, sample_rate=48_000), model.encode(at_own_rate))
    assert torch.equal(model.features(audio, sample_rate=48_000), model.features(at_own_rate))
    with pytest.raises(ValueError, match="a sample rate of 0: expected a positive whole number of Hz"):
        model.encode(audio, sample_rate=0)


@settings(max_examples=200)
@given(samples=st.integers(1, 10**9))
def test_there_are_always_enough_latents(model: Music2Latent, samples: int) -> None:
    latents = model.latents_for(samples)
    assert model.samples_for(latents) >= samples
    assert latents == 1 or model.samples_for(latents - 1) < samples


def test_silence(model: Music2Latent) -> None:
    assert model.decode(model.encode(np.zeros(10_000))).isfinite().all()


@pytest.mark.parametrize("steps", [1, 3])
def test_the_same_seed_gives_the_same_audio(model: Music2Latent, steps: int) -> None:
    latents = model.encode(music(0.5))
    first, second, other = (
        model.decode(latents, steps=steps, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_noise_of_ones_own(model: Music2Latent) -> None:
    latents = model.encode(music(0.5))
    noise = torch.randn(1, 2, 1024, 8 * latents.shape[-1], generator=torch.Generator().manual_seed(1))
    drawn = model.decode(latents, generator=torch.Generator().manual_seed(1))
    assert torch.equal(model.decode(latents, noise=noise), drawn)


def test_batches_do_not_mix(model: Music2Latent) -> None:
    audio = music(0.5, channels=3)
    batched = Music2Latent(model.checkpoint, batch_size=2)
    assert relative(batched.encode(audio), torch.cat([model.encode(channel) for channel in audio])) < 1e-5


@pytest.mark.parametrize("steps", [1, 2])
def test_chunks_of_a_song_share_batches(short_hop: Music2Latent, monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    monkeypatch.setattr(autoencoder, "CHUNK_LATENTS", 20)
    monkeypatch.setattr(autoencoder, "OVERLAP_LATENTS", 8)
    monkeypatch.setattr(autoencoder, "MARGIN_LATENTS", 2)
    audio, results, sizes = music(5 / 16, channels=2), [], []
    for batch_size in (1, 4):
        batched = Music2Latent(short_hop.checkpoint, batch_size=batch_size)
        unet = batched.networks.unet
        unet.register_forward_hook(lambda _, inputs, output: sizes.append(len(output)))
        latents = batched.encode(audio)
        decoded = batched.decode(latents, steps=steps, generator=torch.Generator().manual_seed(0))
        results.append((latents, decoded))
    (latents, decoded), (latents_together, together) = results
    assert relative(latents_together, latents) < 1e-5 and relative(together, decoded) < 1e-4
    assert max(sizes) == 4, "two chunks of two channels"


def test_latent_scale_is_undone(model: Music2Latent) -> None:
    scaled = Music2Latent(model.checkpoint, latent_scale=0.06)
    audio, seed = music(0.3), torch.Generator
    latents = model.encode(audio)
    assert relative(scaled.encode(audio) * 0.06, latents) < 1e-6
    ours = scaled.decode(latents / 0.06, generator=seed().manual_seed(0))
    assert relative(ours, model.decode(latents, generator=seed().manual_seed(0))) < 1e-5


def test_chunks_leave_no_seams(short_hop: Music2Latent, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunked and whole agree as well at the joints as elsewhere: random networks carry no other truth to compare."""
    model, size = short_hop, short_hop.config.samples_per_latent
    audio, seed = music(9 / 16), torch.Generator
    whole_latents = model.encode(audio)
    whole = model.decode(whole_latents, generator=seed().manual_seed(0))[0]
    monkeypatch.setattr(autoencoder, "CHUNK_LATENTS", 40)
    latents = model.encode(audio)
    assert latents.shape == whole_latents.shape
    chunked = model.decode(whole_latents, generator=seed().manual_seed(0))[0]
    error = (chunked - whole).abs().unfold(0, size, size).mean(1)
    starts = autoencoder.chunk_starts(whole_latents.shape[-1], 40, 16)[1:]
    assert len(starts) == 3
    at_joints = torch.zeros(len(error), dtype=torch.bool)
    for start in starts:
        at_joints[start : start + 16] = True
    assert error[at_joints].max() < 2 * error[~at_joints].max().clamp(min=1e-4)
    # A seam is a jump from one sample to the next, larger than any in the same audio decoded whole.
    for start in starts:
        inside = chunked[start * size - size // 2 : (start + 16) * size + size // 2].diff().abs().max()
        assert inside <= 1.05 * whole.diff().abs().max()


def test_streams_read_and_give_in_order_within_bounds(short_hop: Music2Latent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autoencoder, "CHUNK_LATENTS", 20)
    model, longest = short_hop, 20 * short_hop.config.samples_per_latent
    audio = torch.from_numpy(music(0.5))
    samples = audio.shape[1]
    asked: list[tuple[int, int]] = []

    def read(start: int, stop: int) -> torch.Tensor:
        asked.append((start, stop))
        return audio[:, start:stop]

    parts = list(model.encode_stream(read, samples))
    latents = torch.cat(parts, dim=-1)
    assert torch.equal(latents, model.encode(audio))
    assert [start for start, _ in asked] == sorted(start for start, _ in asked)
    assert max(stop - start for start, stop in asked) <= longest + 3 * model.config.hop
    decoded = list(model.decode_stream(latents, samples, generator=torch.Generator().manual_seed(0)))
    assert max(part.shape[-1] for part in decoded) <= longest
    assert sum(part.shape[-1] for part in decoded) == samples


def test_moving_and_other_precision(model: Music2Latent) -> None:
    half = Music2Latent(Checkpoint(model.checkpoint.networks, model.checkpoint.path, ""), dtype=torch.bfloat16)
    audio = music(1)
    assert relative(half.encode(audio), model.encode(audio)) < 0.03
    assert half.to("cpu").encode(audio).dtype == torch.float32
