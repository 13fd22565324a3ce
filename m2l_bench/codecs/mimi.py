"""Mimi at 24 kHz, a codec for speech: how far its 1.1 kb/s carry music.

Source: Défossez et al., Moshi: a speech-text foundation model for real-time dialogue, arXiv:2410.00037, 2024; the
network of `transformers`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from m2l_bench.codecs.pretrained import read_model
from m2l_bench.codecs.residual import ResidualCodec

if TYPE_CHECKING:
    from torch import Generator, Tensor

EXPECTED = "Mimi, as kyutai/mimi on the hub"


class Mimi(ResidualCodec):
    """One channel; a frame of codes for every 1,920 samples, a frame begun counting as one.

    Args:
        config: the model's `config.json`.
        checkpoint: its `model.safetensors`.
        codebooks: of 32, each of 11 bits a frame: 0.14 kb/s. The paper's codec has the first 8.
    """

    sample_rate = 24_000

    def __init__(self, config: Path, checkpoint: Path, codebooks: int = 8) -> None:
        from transformers import MimiModel

        wanted = {"sampling_rate": self.sample_rate, "audio_channels": 1}
        model = read_model(MimiModel, config, checkpoint, wanted, EXPECTED)
        super().__init__(model, codebooks, model.config.num_quantizers, model.config.codebook_size)

    def encode(self, audio: Tensor) -> Tensor:
        """(batch, 1, samples) -> codes (batch, codebooks, frames), int16."""
        return self.model.encode(audio, num_quantizers=self.codebooks).audio_codes.short()

    def decode(self, latents: Tensor, samples: int, *, steps: int = 1, generator: Generator | None = None) -> Tensor:
        """(batch, codebooks, frames) -> (batch, 1, frames * 1920). Deterministic: steps and generator are ignored."""
        return self.model.decode(latents.long()).audio_values

    def features(self, audio: Tensor) -> Tensor:
        """(batch, 1, samples) -> (batch, 512, frames): the encoder's output."""
        from torch import Tensor

        encoded = self.model.encoder(audio)
        if isinstance(encoded, Tensor):  # transformers 4: its convolutions alone
            encoded = self.model.encoder_transformer(encoded.transpose(1, 2))[0].transpose(1, 2)
            return self.model.downsample(encoded)
        return encoded.latents
