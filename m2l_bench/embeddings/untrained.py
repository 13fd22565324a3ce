"""Music2Latent's encoder with random weights: the score that a probe reaches from the architecture alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from m2l_bench.embeddings.base import Embedding
from m2l_bench.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

CROP_LATENTS = 8
"""Latents in a crop: 64 spectrogram frames at full size, as in training."""


class UntrainedMusic2Latent(Embedding):
    """The widest layer of the encoder, as in `Music2Latent.features`, of a network that was never trained.

    Layers that Music2Latent initialises with zeros are initialised like the others, see `music2latent.untrained`.

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
        from m2l_bench.music2latent.config import PRESETS
        from m2l_bench.music2latent.untrained import untrained

        if preset not in PRESETS:
            raise UserError(f"no preset '{preset}': expected one of {', '.join(PRESETS)}")
        if crops < 1:
            raise UserError(f"crops is {crops}: expected at least 1")
        self.crops = crops
        self.model = untrained(preset, seed)
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
