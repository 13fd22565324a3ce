"""Descript Audio Codec at 44.1 kHz.

Source: Kumar et al., High-Fidelity Audio Compression with Improved RVQGAN, NeurIPS 2023. The network is that of
`transformers`, which equals that of the authors' package `descript-audio-codec`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from m2l_bench.codecs.framing import whole_frames
from m2l_bench.codecs.pretrained import read_model
from m2l_bench.codecs.residual import ResidualCodec

if TYPE_CHECKING:
    from torch import Tensor

    from m2l_bench.music2latent.noise import Generators

EXPECTED = "DAC 44.1 kHz, as descript/dac_44khz on the hub"


class Dac(ResidualCodec):
    """DAC: one channel, one frame of codes for every 512 samples; a partial last frame is padded with zeros.

    Args:
        config: the model's `config.json`.
        checkpoint: the model's `model.safetensors`.
        codebooks: number of codebooks to use, 1 to 9. Each takes 10 bits per frame, which is 0.86 kb/s.
    """

    sample_rate = 44_100

    def __init__(self, config: Path, checkpoint: Path, codebooks: int = 9) -> None:
        from transformers import DacModel

        model = read_model(DacModel, config, checkpoint, {"sampling_rate": self.sample_rate}, EXPECTED)
        super().__init__(model, codebooks, model.config.n_codebooks, model.config.codebook_size)

    def encode(self, audio: Tensor) -> Tensor:
        """Encode (batch, 1, samples) to codes (batch, codebooks, frames), int16."""
        whole = whole_frames(audio, self.model.config.hop_length)
        return self.model.encode(whole, n_quantizers=self.codebooks).audio_codes.short()

    def decode(self, latents: Tensor, samples: int, *, steps: int = 1, generator: Generators | None = None) -> Tensor:
        """Decode (batch, codebooks, frames) to (batch, 1, frames * 512); steps and generator are ignored."""
        return self.model.decode(audio_codes=latents.long()).audio_values[:, None]

    def features(self, audio: Tensor) -> Tensor:
        """Map (batch, 1, samples) to the encoder's output (batch, 1024, frames), which is also its widest layer."""
        return self.model.encoder(whole_frames(audio, self.model.config.hop_length))
