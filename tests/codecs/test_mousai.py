"""Moûsai with random weights in the hub's format, against the authors' packages."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import pytest
import torch
from support.codec_checks import audio, check_bad_pickles, check_contract, check_runner
from torch import nn

from m2l_bench.cards import SystemCard, load_cards
from m2l_bench.codecs import mousai_networks
from m2l_bench.codecs.mousai import HUB, PACKAGES, Mousai
from m2l_bench.codecs.mousai_networks import ARCHITECTURES, build, import_packages
from m2l_bench.codecs.recorded import Recorded
from m2l_bench.environment import compile_librosa
from m2l_bench.errors import UserError
from m2l_bench.systems.check import check_codec
from m2l_bench.systems.loading import availability, load_runner, load_system, recorded_card

VERSIONS = (2, 3)
PUBLISHED = dict(ARCHITECTURES)
NARROW = {
    2: replace(PUBLISHED[2], channels=(8, 16, 16, 16, 32, 32, 32), encoder_blocks=(1, 1), encoder_channels=16),
    3: replace(PUBLISHED[3], channels=(8, 16, 16, 16, 16), encoder_blocks=(1,), encoder_channels=16),
}
"""The published structure, with few channels."""


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    for version, architecture in NARROW.items():
        monkeypatch.setitem(mousai_networks.ARCHITECTURES, version, architecture)


class DMAE1d(nn.Module):
    """The published class of this name: the model with its own arguments, the numbers of channels apart."""

    def __init__(self, version: int) -> None:
        super().__init__()
        diffusion, encoders = import_packages()
        if version == 2:
            self.model = diffusion.DiffusionAE(
                net_t=diffusion.LTPlugin(diffusion.UNetV0, num_filters=128, window_length=64, stride=64),
                dim=1,
                in_channels=2,
                channels=[8, 16, 16, 16, 32, 32, 32],
                factors=[1, 2, 2, 2, 2, 2, 2],
                items=[1, 2, 2, 2, 2, 2, 2],
                encoder=encoders.ME1d(
                    in_channels=2,
                    channels=16,
                    multipliers=[1, 1, 1],
                    factors=[2, 2],
                    num_blocks=[1, 1],
                    stft_num_fft=1023,
                    stft_hop_length=256,
                    out_channels=32,
                    bottleneck=encoders.TanhBottleneck(),
                ),
                inject_depth=4,
            )
        else:
            self.model = diffusion.DiffusionAE(
                net_t=diffusion.LTPlugin(diffusion.UNetV0, num_filters=128, window_length=64, stride=32),
                dim=1,
                in_channels=2,
                channels=[8, 16, 16, 16, 16],
                factors=[1, 2, 2, 2, 2],
                items=[1, 2, 2, 2, 4],
                encoder=encoders.MelE1d(
                    in_channels=2,
                    channels=16,
                    multipliers=[1, 1],
                    factors=[2],
                    num_blocks=[1],
                    out_channels=32,
                    mel_channels=80,
                    mel_sample_rate=48000,
                    mel_normalize_log=True,
                    bottleneck=encoders.TanhBottleneck(),
                ),
                inject_depth=4,
            )
            self.model.encoder.mel.to_mel_scale.fb.copy_(torch.from_numpy(mel_filters().T))


def mel_filters() -> np.ndarray:
    """(80, 513): those of torchaudio's defaults."""
    compile_librosa()
    return librosa.filters.mel(sr=48_000, n_fft=1024, n_mels=80, htk=True, norm=None)


@pytest.fixture(scope="module", params=VERSIONS)
def version(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module")
def theirs(version: int) -> DMAE1d:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return DMAE1d(version).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def file(version: int, theirs: DMAE1d, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / f"dmae{version}" / "pytorch_model.bin"
    path.parent.mkdir()
    torch.save(theirs.state_dict(), path)
    return path


def test_the_names_are_the_published_ones(file: Path) -> None:
    """The diffusion network is there three times, as in the authors' module, and takes up space once."""
    tensors = torch.load(file, weights_only=True)
    copies = [tensors[f"model.{where}net.blocks.0.weight"] for where in ("", "diffusion.", "sampler.")]
    assert len({copy.data_ptr() for copy in copies}) == 1
    assert "model.encoder.downsamples.0.downsample.weight" in tensors


def test_contract(file: Path, version: int) -> None:
    codec = Mousai(file, version)
    check_contract(codec, features=16)
    check_runner(codec)


def test_equal_to_the_authors_packages(file: Path, version: int, theirs: DMAE1d) -> None:
    """Their own calls, of a length they take: a power of two."""
    codec = Mousai(file, version)
    clip = torch.cat([audio(codec, 2**15), audio(codec, 2**15, seed=1)])
    latents = codec.encode(clip)
    assert latents.shape == (2, 32, 2**15 // (1024 if version == 2 else 512))
    torch.testing.assert_close(latents, theirs.model.encode(clip), rtol=0, atol=1e-6)
    decoded = codec.decode(latents, 2**15, steps=3, generator=torch.Generator().manual_seed(3))
    expected = theirs.model.decode(latents, num_steps=3, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(decoded, expected, rtol=0, atol=1e-5)
    layers = theirs.model.encoder(clip, with_info=True)[1]["xs"]
    torch.testing.assert_close(codec.features(clip), layers[-2], rtol=0, atol=1e-6)
    assert not torch.equal(decoded, codec.decode(latents, 2**15, steps=3, generator=torch.Generator().manual_seed(4)))


def test_the_mel_bands_are_those_of_librosa(tmp_path: Path) -> None:
    """What stands in for torchaudio gives what librosa does: logarithms of bands of magnitudes."""
    clip = audio(Mousai, 4096)[0]  # type: ignore[arg-type]
    padded = np.pad(clip.numpy(), ((0, 0), (384, 384)), mode="reflect")
    spectra = np.abs(librosa.stft(padded, n_fft=1024, hop_length=256, center=False))
    expected = np.log(np.maximum(mel_filters() @ spectra, 1e-5))
    bands = DMAE1d(3).model.encoder.mel(clip)
    assert bands.shape == (2, 80, 16)
    np.testing.assert_allclose(bands.numpy(), expected, atol=1e-3)


def test_torchaudio_is_what_it_was() -> None:
    before = {name for name in sys.modules if name.startswith("torchaudio")}
    import_packages()
    assert {name for name in sys.modules if name.startswith("torchaudio")} == before


@pytest.mark.parametrize("version", VERSIONS)
def test_published_sizes(version: int) -> None:
    """The published widths, without numbers: as large as the published file, and the shapes that the card says."""
    card = load_cards().system(f"mousaiv{version}")
    with torch.device("meta"):
        model = build(PUBLISHED[version])
        samples = PUBLISHED[version].multiple * 8
        latents, seen = model.encode(torch.zeros(1, 2, samples), with_info=True)
        reconstruction = model.net(torch.zeros(1, 2, samples), torch.zeros(1), channels=[None] * 4 + [latents])
    numbers = sum(tensor.numel() for tensor in [*model.parameters(), *model.buffers()])
    assert numbers * 4e-6 == pytest.approx(card.weights["checkpoint"].megabytes, rel=0.003)
    assert card.latents and latents.shape == (1, card.latents.width, samples // card.latents.samples)
    assert seen["xs"][-2].shape[1] == 512
    assert reconstruction.shape == (1, 2, samples)


def prepare(version: int, file: Path) -> SystemCard:
    """The card without the hash of the published file, and with fewer steps."""
    card = load_cards().system(f"mousaiv{version}")
    weights = {key: file.model_copy(update={"sha256": ""}) for key, file in card.weights.items()}
    return card.model_copy(update={"weights": weights, "steps": 2})


def test_it_is_what_its_card_says(file: Path, version: int) -> None:
    runner = load_runner(prepare(version, file), weights_dir=file.parent)
    assert round(runner.codec.sample_rate * (runner.chunk_seconds or 0)) == 2**18
    check = check_codec(prepare(version, file), runner)
    assert not check.problems
    assert check.features == (1, 16, check.latents[2])


def test_bad_files(file: Path, version: int, capfd: Any) -> None:
    def make(checkpoint: Path) -> Mousai:
        return Mousai(checkpoint, version)  # type: ignore[arg-type]

    expected = f"Moûsai v{version}, as {HUB[version]} on the hub"
    check_bad_pickles(make, file, expected, capfd)
    with pytest.raises(UserError, match=f"not Moûsai v{5 - version}, as .*: it lacks"):
        Mousai(file, 5 - version)  # type: ignore[arg-type]


def test_recorded_reconstructions_are_still_read(tmp_path: Path) -> None:
    """`--recorded mousaiv2=DIR`: no weights, no package."""
    card = recorded_card(load_cards(), "mousaiv2", tmp_path)
    assert availability(card) and isinstance(load_system(card, steps=None, seed=0, device="cpu"), Recorded)


def test_no_such_version(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="version is 4: expected 2 or 3"):
        Mousai(tmp_path, 4)  # type: ignore[arg-type]


@pytest.mark.parametrize("package", ["audio_diffusion_pytorch", "a_unet", "einops_exts"])
def test_a_package_is_missing(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else find(name))
    state = availability(load_cards().system("mousaiv2"))
    assert state.reason == f"the package {package} is not installed"
    assert state.command == f"pip install 'm2l-bench[mousai]' && pip install --no-deps {PACKAGES}"
