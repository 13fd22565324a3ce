"""Mimi at 24 kHz, a codec for speech that is measured here on music.

Source: Défossez et al., Moshi: a speech-text foundation model for real-time dialogue, arXiv:2410.00037, 2024. The
network is that of `transformers`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from m2l_bench.codecs.pretrained import read_model
from m2l_bench.codecs.residual import ResidualCodec

if TYPE_CHECKING:
    from torch import Tensor

    from m2l_bench.music2latent.noise import Generators

EXPECTED = "Mimi, as kyutai/mimi on the hub"


class Mimi(ResidualCodec):
    """Mimi: one channel, one frame of codes for every 1,920 samples; a partial frame counts as one.

    Args:
        config: the model's `config.json`.
        checkpoint: the model's `model.safetensors`.
        codebooks: number of codebooks to use, 1 to 32. Each takes 11 bits per frame, which is 0.14 kb/s. The codec of
            the paper uses the first 8.
    """

    sample_rate = 24_000

    def __init__(self, config: Path, checkpoint: Path, codebooks: int = 8) -> None:
        from transformers import MimiModel

        required = {"sampling_rate": self.sample_rate, "audio_channels": 1}
        model = read_model(MimiModel, config, checkpoint, required, EXPECTED)
        super().__init__(model, codebooks, model.config.num_quantizers, model.config.codebook_size)

    def encode(self, audio: Tensor) -> Tensor:
        """Encode (batch, 1, samples) to codes (batch, codebooks, frames), int16."""
        return self.model.encode(audio, num_quantizers=self.codebooks).audio_codes.short()

    def decode(self, latents: Tensor, samples: int, *, steps: int = 1, generator: Generators | None = None) -> Tensor:
        """Decode (batch, codebooks, frames) to (batch, 1, frames * 1920); steps and generator are ignored."""
        return self.model.decode(latents.long()).audio_values

    def features(self, audio: Tensor) -> Tensor:
        """Map (batch, 1, samples) to the encoder's output (batch, 512, frames)."""
        from torch import Tensor

        encoded = self.model.encoder(audio)
        if isinstance(encoded, Tensor):  # transformers 4: the encoder is the convolutions only
            encoded = self.model.encoder_transformer(encoded.transpose(1, 2))[0].transpose(1, 2)
            return self.model.downsample(encoded)
        return encoded.latents
