"""The networks of Moûsai's two published autoencoders, built from the authors' packages.

Source: Schneider et al., Moûsai, arXiv:2301.11757, 2023; the packages `audio-diffusion-pytorch`,
`audio-encoders-pytorch` and `a-unet`. The sizes are those of the models on the hub: the tensors of these networks have
the same total size as the published files.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

SAMPLE_RATE = 48_000
LATENT_WIDTH = 32
FILTERS = 128
"""Filters per channel of the learned transform between audio and the diffusion network."""
HOP = 256
"""Samples between frames of the spectrogram that the encoder sees."""


@dataclass(frozen=True)
class Architecture:
    """The sizes in which the two models differ."""

    stride: int
    """Samples between frames of the learned transform."""
    channels: tuple[int, ...]
    """Channels of each level of the diffusion network. Every level but the first halves the number of frames."""
    items: tuple[int, ...]
    """Blocks of each level of the diffusion network."""
    mel: bool
    """Whether the encoder takes mel bands instead of magnitudes of the Fourier transform."""
    encoder_blocks: tuple[int, ...]
    """Blocks of each level of the encoder. Every level halves the number of frames."""
    encoder_channels: int = 512
    """Channels of every level of the encoder."""

    @property
    def multiple(self) -> int:
        """Number of samples of which the diffusion network takes multiples; it is a whole number of latent frames."""
        return self.stride * 2 ** (len(self.channels) - 1)

    @property
    def frame(self) -> int:
        """Samples per frame of latents."""
        return HOP * 2 ** len(self.encoder_blocks)


ARCHITECTURES = {
    2: Architecture(
        stride=64,
        channels=(256, 512, 512, 512, 1024, 1024, 1024),
        items=(1, 2, 2, 2, 2, 2, 2),
        mel=False,
        encoder_blocks=(4, 8),
    ),
    3: Architecture(
        stride=32,
        channels=(256, 512, 512, 512, 512),
        items=(1, 2, 2, 2, 4),
        mel=True,
        encoder_blocks=(12,),
    ),
}


def build(architecture: Architecture) -> Any:
    """Build a `DiffusionAE` with random weights."""
    diffusion, encoders = import_packages()
    levels = len(architecture.encoder_blocks)
    common = {
        "in_channels": 2,
        "channels": architecture.encoder_channels,
        "multipliers": [1] * (levels + 1),
        "factors": [2] * levels,
        "num_blocks": list(architecture.encoder_blocks),
        "out_channels": LATENT_WIDTH,
        "bottleneck": encoders.TanhBottleneck(),
    }
    if architecture.mel:
        # The file does not show that the bands are logarithmic; the authors' example of this encoder does.
        encoder = encoders.MelE1d(
            mel_channels=80, mel_hop_length=HOP, mel_sample_rate=SAMPLE_RATE, mel_normalize_log=True, **common
        )
    else:
        encoder = encoders.ME1d(stft_num_fft=1023, stft_hop_length=HOP, **common)
    return diffusion.DiffusionAE(
        net_t=diffusion.LTPlugin(diffusion.UNetV0, num_filters=FILTERS, window_length=64, stride=architecture.stride),
        in_channels=2,
        channels=list(architecture.channels),
        factors=[1] + [2] * (len(architecture.channels) - 1),
        items=list(architecture.items),
        encoder=encoder,
        inject_depth=4,
    )


def import_packages() -> tuple[Any, Any]:
    """Import the modules `audio_diffusion_pytorch` and `audio_encoders_pytorch`, without torchaudio.

    Both import torchaudio and use two of its classes. torchaudio works only with the exact build of PyTorch that it was
    compiled for, and one that does not load breaks other packages. So the two classes of this module replace it during
    the import.
    """
    torchaudio: Any = ModuleType("torchaudio")
    torchaudio.transforms = ModuleType("torchaudio.transforms")
    torchaudio.transforms.Spectrogram, torchaudio.transforms.MelScale = Spectrogram, MelScale
    with _importable({"torchaudio": torchaudio, "torchaudio.transforms": torchaudio.transforms}):
        import audio_diffusion_pytorch
        import audio_encoders_pytorch
    return audio_diffusion_pytorch, audio_encoders_pytorch


class Spectrogram(nn.Module):
    """Complex spectrogram, (..., samples) to (..., bins, frames), with the arguments of torchaudio's class."""

    def __init__(self, n_fft: int, hop_length: int, win_length: int, center: bool, power: None) -> None:
        super().__init__()
        self.sizes = (n_fft, hop_length, win_length)
        self.center = center
        self.register_buffer("window", torch.hann_window(win_length))

    def forward(self, waveform: Tensor) -> Tensor:
        return torch.stft(waveform, *self.sizes, self.window, self.center, return_complex=True)  # type: ignore[arg-type]


class MelScale(nn.Module):
    """Mel bands, (..., bins, frames) to (..., bands, frames). The weight file holds the filter bank."""

    def __init__(self, n_mels: int, sample_rate: int, n_stft: int) -> None:
        super().__init__()
        self.register_buffer("fb", torch.zeros(n_stft, n_mels))

    def forward(self, magnitudes: Tensor) -> Tensor:
        return (magnitudes.mT @ self.fb).mT  # type: ignore[operator]


@contextlib.contextmanager
def _importable(modules: dict[str, ModuleType]) -> Iterator[None]:
    """Make `modules` importable by their names until the block ends, instead of any modules of these names."""
    before = {name: sys.modules[name] for name in modules if name in sys.modules}
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name in modules:
            del sys.modules[name]
        sys.modules.update(before)
