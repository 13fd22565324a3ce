"""Small random models, and the authors' package at the same size."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from m2l_bench.music2latent import PRESETS, Checkpoint, Config, Music2Latent
from m2l_bench.music2latent.allocator import reuse_freed_memory
from m2l_bench.music2latent.networks import Networks
from m2l_bench.music2latent.official import to_official

NARROW = {"base_channels": 4, "bottleneck_channels": 32, "noise_channels": 32}


def fill_zeros(module: torch.nn.Module, std: float = 0.05) -> None:
    """Random values for tensors that start at zero: otherwise most of a fresh network has no effect."""
    for parameter in module.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=std)


def random_networks(config: Config, seed: int = 0) -> Networks:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        networks = Networks(config)
        fill_zeros(networks)
    return networks.eval()


@pytest.fixture(scope="session")
def narrow() -> Config:
    """The published structure with a sixteenth of its channels."""
    return Config(beta=0.34, **NARROW)


@pytest.fixture(scope="session")
def networks(narrow: Config) -> Networks:
    return random_networks(narrow)


@pytest.fixture(scope="session")
def model(networks: Networks) -> Music2Latent:
    return Music2Latent(Checkpoint(networks, Path("random"), "0" * 64))


@pytest.fixture(scope="session")
def checkpoint_folder(tmp_path_factory: pytest.TempPathFactory, model: Music2Latent) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    model.save_pretrained(folder)
    return folder


class Official:
    """The authors' package with its network's size replaced, given our random weights through its own file format."""

    def __init__(self, networks: Networks, patch: pytest.MonkeyPatch, path: Path) -> None:
        import music2latent.inference as inference
        import music2latent.models as models

        config = networks.config
        patch.setattr(inference, "download_model", lambda: None)
        patch.setattr(models, "base_channels", config.base_channels)
        patch.setattr(models, "bottleneck_base_channels", config.bottleneck_channels)
        patch.setattr(models, "cond_channels", config.noise_channels)
        torch.save({"gen_state_dict": to_official(networks.state_dict(), config)}, path)
        self.package = inference.EncoderDecoder(load_path_inference=path, device="cpu")

    def encode(self, audio: torch.Tensor, features: bool = False) -> torch.Tensor:
        with reuse_freed_memory():
            return self.package.encode(audio, extract_features=features)

    def decode(self, latents: torch.Tensor, steps: int = 1, chunk_samples: int | None = None) -> torch.Tensor:
        with reuse_freed_memory():
            return self.package.decode(latents, denoising_steps=steps, max_waveform_length=chunk_samples)


@pytest.fixture
def official(networks: Networks, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Official:
    return Official(networks, monkeypatch, tmp_path / "official.pt")


@pytest.fixture(scope="session")
def full_size() -> Networks:
    """The preset `official` with random weights."""
    return random_networks(PRESETS["official"])


def relative(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """Norm of the difference over the norm of the reference."""
    assert ours.shape == theirs.shape
    return float((ours.double() - theirs.double()).norm() / theirs.double().norm())
