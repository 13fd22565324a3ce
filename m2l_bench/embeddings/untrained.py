"""Music2Latent's encoder with random weights: the score that a probe reaches from the architecture alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from m2l_bench.embeddings.base import Embedding
from m2l_bench.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from m2l_bench.music2latent.networks import Networks

CROP_LATENTS = 8
"""Latents in a crop: 64 spectrogram frames at full size, as in training."""


class UntrainedMusic2Latent(Embedding):
    """The widest layer of the encoder, as in `Music2Latent.features`, of a network that was never trained.

    Music2Latent initialises the last layer of each residual branch and of each attention with zeros, so its untrained
    encoder is linear except for its normalisations. This class initialises those layers like any other layer in
    PyTorch, so every branch has an effect.

    Whole clips would take too long for a baseline, so the features are those of evenly spaced crops of training length.

    Args:
        preset: a configuration in `music2latent.config.PRESETS`.
        seed: random seed of the weights.
        crops: number of crops per clip; a single crop is the middle of the clip.

    Raises:
        UserError: there is no such preset, or fewer than one crop.
    """

    version = "1"
    batch_size = 8

    def __init__(self, preset: str = "small", seed: int = 0, crops: int = 1) -> None:
        from m2l_bench.music2latent.autoencoder import Music2Latent
        from m2l_bench.music2latent.checkpoint import Checkpoint
        from m2l_bench.music2latent.config import PRESETS

        if preset not in PRESETS:
            raise UserError(f"no preset '{preset}': expected one of {', '.join(PRESETS)}")
        if crops < 1:
            raise UserError(f"crops is {crops}: expected at least 1")
        self.crops = crops
        self.model = Music2Latent(Checkpoint(_random_networks(preset, seed), Path(f"{preset} untrained"), ""))
        self.sample_rate = self.model.config.sample_rate
        self.dim = self.model.config.feature_channels
        self.crop = self.model.samples_for(CROP_LATENTS)
        self.minimum_seconds = 1 / self.sample_rate

    def to(self, device: str) -> None:
        self.model.to(device)

    def embed(self, audio: Tensor) -> Tensor:
        """Map (samples,) to (frames, dim), the crops one after the other."""
        return self.embed_batch(audio[None])[0]

    def embed_batch(self, audio: Tensor) -> Tensor:
        """Map (batch, samples) to (batch, frames, dim); audio shorter than a crop is used as a whole."""
        import torch

        last_start = max(audio.shape[1] - self.crop, 0)
        starts = [round(last_start * (i + 0.5) / self.crops) for i in range(self.crops)]
        crops = torch.stack([audio[:, start : start + self.crop] for start in starts], dim=1)
        features = self.model.features(crops.flatten(0, 1))
        return features.transpose(1, 2).reshape(len(audio), -1, self.dim)


def _random_networks(preset: str, seed: int) -> Networks:
    import torch

    from m2l_bench.music2latent.config import PRESETS
    from m2l_bench.music2latent.networks import Networks

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        networks = Networks(PRESETS[preset]).eval()
        for module in networks.encoder.modules():
            if isinstance(module, torch.nn.Linear | torch.nn.Conv1d | torch.nn.Conv2d) and not module.weight.any():
                module.reset_parameters()
    return networks
