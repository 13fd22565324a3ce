"""εar-VAE at 44.1 kHz.

Source: Wang et al., Back to Ear: Perceptually Driven High Fidelity Music Reconstruction, arXiv:2509.14912, 2025. The
convolutions are those of `diffusers`; the transformer before the decoder is in `ear_vae_network.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from m2l_bench.codecs.oobleck import Oobleck
from m2l_bench.weights.read import fill, read_torch

if TYPE_CHECKING:
    from torch import Tensor

    from m2l_bench.music2latent.noise import Generators

EXPECTED = "εar-VAE at 44.1 kHz, as earlab/EAR_VAE, pretrained_weight/ear_vae_44k.pyt, on the hub"


class EarVae(Oobleck):
    """εar-VAE: two channels, 64 numbers for every 1,024 samples.

    It has the structure of Stable Audio Open's autoencoder and, before the decoder, two layers of attention over all
    that is decoded at once. The authors' code decodes a sample of the posterior, and this adapter its mean.

    Args:
        checkpoint: the model's `ear_vae_44k.pyt`.
        width: channels of the first layer; the published network has 128.

    Raises:
        UserError: the file is missing, damaged or of another model.
    """

    sample_rate = 44_100

    def __init__(self, checkpoint: Path, width: int = 128) -> None:
        from m2l_bench.codecs.ear_vae_network import build, rename_tensors

        self.model = build(width)
        fill(self.model, rename_tensors(read_torch(checkpoint, EXPECTED)), checkpoint, EXPECTED)

    def decode(self, latents: Tensor, samples: int, *, steps: int = 1, generator: Generators | None = None) -> Tensor:
        """Decode latents (batch, 64, frames) to (batch, 2, frames * 1024); steps and generator are ignored."""
        return super().decode(self.model.transformer(latents), samples)
