"""The loss of a batch of crops: Eq. 11, as one module that can be distributed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from m2l_bench.music2latent.config import Config
from m2l_bench.music2latent.consistency import consistency_loss, noise_level_pair, sample_times
from m2l_bench.music2latent.networks import Networks
from m2l_bench.music2latent.spectrogram import spectrogram
from m2l_bench.music2latent.training.corpus import Crop
from m2l_bench.music2latent.training.recipe import Recipe


@dataclass(frozen=True)
class Batch:
    """Crops as tensors. Everything random about them was decided when they were drawn."""

    audio: Tensor
    """(batch, crop_samples) int16."""
    uniform: Tensor
    """(batch, 2) float64 in [0, 1)."""
    noise_seeds: tuple[int, ...]

    @classmethod
    def of(cls, crops: Sequence[Crop]) -> Batch:
        return cls(
            torch.from_numpy(np.stack([crop.audio for crop in crops])),
            torch.tensor([crop.uniform for crop in crops], dtype=torch.float64),
            tuple(crop.noise_seed for crop in crops),
        )

    def pinned(self) -> Batch:
        """Copy the audio into memory that a GPU reads by itself, so that nothing waits for the transfer."""
        return replace(self, audio=self.audio.pin_memory())


class Objective(nn.Module):
    """The networks, and what training asks of them."""

    def __init__(self, networks: Networks) -> None:
        super().__init__()
        self.networks = networks

    def forward(self, clean: Tensor, noise: Tensor, sigma_low: Tensor, sigma_high: Tensor) -> Tensor:
        """Return the loss of each crop, (batch,); see `consistency_loss`. Both noise levels share encoder and decoder.

        Args:
            clean: spectrograms, (batch, 2, bins, frames).
        """
        decoded = self.networks.decoder(self.networks.encoder(clean))
        # The teacher gives no gradient to anything, not even to the latents.
        return consistency_loss(
            lambda noisy, sigma: self.networks.unet(noisy, sigma, decoded), clean, noise, sigma_low, sigma_high
        )


def prepare(
    batch: Batch, step: float, config: Config, recipe: Recipe, device: torch.device
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the arguments of `Objective`: spectrograms, noise and the two noise levels, on the device.

    Args:
        step: Delta t of Eq. 13.
    """
    audio = batch.audio.to(device, non_blocking=True).float() / 32_768
    clean = spectrogram(audio, config).contiguous()
    times = sample_times(batch.uniform, config, recipe.noise_mean, recipe.noise_std, recipe.noise_bins)
    low, high = noise_level_pair(times.float().to(device, non_blocking=True), step, config)
    generator = torch.Generator(device)
    noise = torch.empty_like(clean)
    for item, seed in zip(noise, batch.noise_seeds, strict=True):
        item.normal_(generator=generator.manual_seed(seed))
    return clean, noise, low, high
