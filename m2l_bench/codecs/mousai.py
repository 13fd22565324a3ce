"""Moûsai's diffusion autoencoders, versions 2 and 3.

Source: Schneider et al., Moûsai: Text-to-Music Generation with Long-Context Latent Diffusion, arXiv:2301.11757, 2023.
The networks are those of the authors' packages.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from m2l_bench.adapter import Availability
from m2l_bench.codecs.base import Codec
from m2l_bench.codecs.framing import whole_frames
from m2l_bench.weights.read import fill, package_availability, read_torch

if TYPE_CHECKING:
    from torch import Tensor

    from m2l_bench.music2latent.noise import Generators

PACKAGES = "audio-diffusion-pytorch==0.1.3 audio-encoders-pytorch==0.0.22 a-unet==0.0.16"
MODULES = ("audio_diffusion_pytorch", "audio_encoders_pytorch", "a_unet", "einops", "einops_exts", "tqdm")
HUB = {2: "archinetai/dmae1d-ATC64-v2", 3: "archinetai/dmae1d-ATC32-v3"}


class Mousai(Codec):
    """Moûsai: two channels, 32 numbers between -1 and 1 for every 1,024 (version 2) or 512 (version 3) samples.

    The decoder denoises; it is deterministic except for the noise that it starts from. The models were trained on 2^18
    samples, so the chunks on the cards have this length. Audio is padded to a multiple of 4,096 (version 2) or 512
    (version 3) samples, which the networks need.

    Args:
        checkpoint: the model's `pytorch_model.bin`.
        version: 2 or 3.
    """

    sample_rate = 48_000
    channels = 2
    generator_per_item = True

    def __init__(self, checkpoint: Path, version: Literal[2, 3]) -> None:
        if version not in HUB:
            raise ValueError(f"version is {version}: expected 2 or 3")
        from torch.nn import ModuleDict

        from m2l_bench.codecs.mousai_networks import ARCHITECTURES, build

        expected = f"Moûsai v{version}, as {HUB[version]} on the hub"
        tensors = read_torch(checkpoint, expected)
        self.model = build(ARCHITECTURES[version])
        fill(ModuleDict({"model": self.model}), tensors, checkpoint, expected)
        self.multiple, self.frame = ARCHITECTURES[version].multiple, ARCHITECTURES[version].frame

    @classmethod
    def availability(cls, **_: object) -> Availability:
        for module in MODULES:
            state = package_availability(module, "mousai")
            if not state:
                return Availability(state.reason, f"{state.command} && pip install --no-deps {PACKAGES}")
        return Availability()

    def to(self, device: str) -> None:
        self.model.to(device)

    def encode(self, audio: Tensor) -> Tensor:
        """Encode (batch, 2, samples) to latents (batch, 32, frames)."""
        return self.model.encode(whole_frames(audio, self.multiple))

    def decode(self, latents: Tensor, samples: int, *, steps: int = 1, generator: Generators | None = None) -> Tensor:
        """Decode latents (batch, 32, frames) to (batch, 2, frames * 1024 or 512), with noise from `generator`."""
        from m2l_bench.music2latent.noise import draw_noise

        # The model's own `decode` is not used because it allows only lengths that are powers of two.
        shape = (len(latents), self.channels, latents.shape[-1] * self.frame)
        noise = draw_noise(shape, generator, latents.device)
        return self.model.sample(noise, channels=[None] * self.model.inject_depth + [latents], num_steps=steps)

    def features(self, audio: Tensor) -> Tensor:
        """Map (batch, 2, samples) to the encoder's second-to-last layer (batch, 512, frames)."""
        return self.model.encoder(whole_frames(audio, self.multiple), with_info=True)[1]["xs"][-2]
