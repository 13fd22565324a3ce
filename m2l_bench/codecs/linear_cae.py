"""Linear consistency autoencoders: Music2Latent's structure, trained so that sums of latents stand for sums of audio.

Source: Torres, Moussallam, Meseguer-Brocal, Learning Linearity in Audio Consistency Autoencoders via Implicit
Regularization, arXiv:2510.23530, 2025. The network is that of the authors' package `linear-cae`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from m2l_bench.adapter import Availability
from m2l_bench.codecs.base import Codec
from m2l_bench.codecs.global_noise import global_noise
from m2l_bench.errors import UserError
from m2l_bench.text import one_line
from m2l_bench.weights.read import fill, package_availability, read_config, read_torch

if TYPE_CHECKING:
    from torch import Generator, Tensor

EXPECTED = "a linear consistency autoencoder, as BernardoTorres/linear_consistency_autoencoders on the hub"
INSTALL = "pip install --no-deps linear-cae==0.1.4"
"""Without its requirements: it asks for numpy 1, and for Matplotlib, and needs neither."""
STATED = {
    "frontend": ("hop_size", "n_fft_factor", "alpha_rescale", "beta_rescale"),
    "generator": ("hop", "data_channels", "layers_list", "freq_downsample_list"),
    "diffusion": ("sigma_min", "sigma_max", "rho"),
}
"""Settings that each file must state: without them the package would take its defaults, which may be others."""


class LinearCAE(Codec):
    """A linear consistency autoencoder: one channel, 64 numbers for every 4,096 samples.

    The ends of the audio are padded with zeros, three hops of the spectrogram and the rest of a frame, because the
    package drops a partial frame and its output fades where windows do not overlap. The decoder's noise comes from
    PyTorch's global generator, which is seeded for each call.

    Args:
        frontend: the model's `frontend_kwargs_last.yaml`.
        generator: the model's `generator_kwargs_last.yaml`.
        diffusion: the model's `diffusion_kwargs_last.yaml`.
        checkpoint: the model's `autoencoder_inference_model_last.pth`.
        scale: factor of the latents; the package has one for each published model, which gives them a standard
            deviation of about 1.

    Raises:
        UserError: a file is missing, damaged or of another model.
    """

    sample_rate = 44_100
    channels = 1

    def __init__(self, frontend: Path, generator: Path, diffusion: Path, checkpoint: Path, scale: float) -> None:
        from linear_cae.components.diffusion import Diffusion
        from linear_cae.components.frontends import ScaledComplexSTFT
        from linear_cae.components.generator import UNet
        from linear_cae.inference import Autoencoder

        spectrum = _build(ScaledComplexSTFT, frontend, "frontend")
        if spectrum.sample_rate not in (None, self.sample_rate):
            raise UserError(f"{frontend}: sample_rate is {spectrum.sample_rate}; expected {EXPECTED}")
        denoising = _build(Diffusion, diffusion, "diffusion")
        tensors = read_torch(checkpoint, EXPECTED)
        network = _build(UNet, generator, "generator")
        if (network.hop, network.data_channels) != (spectrum.hop_size, 2):
            raise UserError(
                f"{generator}: hop is {network.hop} and data_channels {network.data_channels} instead of "
                f"{spectrum.hop_size} and 2; expected {EXPECTED}"
            )
        self.model = Autoencoder(spectrum, network, denoising, scale_factor=scale)
        fill(self.model, tensors, checkpoint, EXPECTED)
        self.frame = spectrum.hop_size * 2 ** network.freq_downsample_list.count(0)
        self.margin = spectrum.hop_size * (spectrum.fac - 1)

    @classmethod
    def availability(cls, **_: object) -> Availability:
        state = package_availability("linear_cae")
        return state if state else Availability(state.reason, INSTALL)

    def to(self, device: str) -> None:
        self.model.to(device)

    def encode(self, audio: Tensor) -> Tensor:
        """Encode (batch, 1, samples) to latents (batch, 64, frames)."""
        return self.model.encode(self._whole_frames(audio), max_batch_size=len(audio))

    def decode(self, latents: Tensor, samples: int, *, steps: int = 1, generator: Generator | None = None) -> Tensor:
        """Decode latents (batch, 64, frames) to (batch, 1, frames * 4096 - 1536)."""
        with global_noise(generator, latents.device):
            audio = self.model.decode(latents, diffusion_steps=steps, max_batch_size=len(latents))
        return audio[:, None, self.margin : -self.margin]

    def features(self, audio: Tensor) -> Tensor:
        """Map (batch, 1, samples) to the encoder's widest layer (batch, 8192, frames), as with Music2Latent."""
        spectrum = self.model.frontend.to_representation(self._whole_frames(audio))
        return self.model.generator.encoder(spectrum, extract_features=True)

    def _whole_frames(self, audio: Tensor) -> Tensor:
        """Pad (batch, 1, samples) to (batch, samples) of whole frames with `margin` samples at both ends."""
        from torch.nn.functional import pad

        frames = -(-(audio.shape[-1] + self.margin) // self.frame)
        return pad(audio[:, 0], (self.margin, frames * self.frame - audio.shape[-1]))


def _build(kind: Any, path: Path, name: str) -> Any:
    """Create a part of the package's model with the settings in a file.

    Raises:
        UserError: the settings are not those of such a part.
    """
    settings = read_config(path, EXPECTED)
    absent = [key for key in STATED[name] if key not in settings]
    if absent:
        raise UserError(f"{path}: does not state {', '.join(absent)}; expected {EXPECTED}")
    try:
        return kind(**settings)
    except Exception as error:  # unknown settings, and sizes that do not match each other
        raise UserError(f"{path}: cannot be used ({one_line(error)}); expected {EXPECTED}") from error
