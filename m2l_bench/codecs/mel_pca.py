"""Principal components of log-mel patches: the simplest autoencoder with the rate of Music2Latent, to compare with."""

from __future__ import annotations

import warnings
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from m2l_bench.codecs.base import Codec
from m2l_bench.codecs.framing import whole_frames
from m2l_bench.weights.read import read_safetensors

if TYPE_CHECKING:
    from torch import Generator, Tensor

EXPECTED = "a basis that scripts/make_mel_pca.py wrote"
WINDOW, HOP, BANDS = 2048, 512, 128
COLUMNS = 8
"""Columns of the spectrogram in a frame of latents, 4,096 samples."""
WIDTH = 64
"""Numbers in a frame."""
FLOOR = 1e-4
"""Magnitude below which logarithms do not fall."""
ROUNDS = 32
"""Iterations of Griffin-Lim."""
MOMENTUM = 0.99


class MelPca(Codec):
    """One channel at 44.1 kHz. A frame is the 64 principal components of the log-mel spectrogram of 4,096 samples.

    The decoder inverts the mel bands by least squares and finds phases with the fast Griffin-Lim algorithm (Perraudin
    et al., WASPAA 2013), from the same random phases each time.

    Args:
        basis: file with `mean` (1024,) and `components` (64, 1024).

    Raises:
        UserError: the file is missing, damaged or of something else.
    """

    sample_rate, channels = 44_100, 1
    generator_per_item = True  # the decoder's phases do not depend on it

    def __init__(self, basis: Path) -> None:
        import torch

        from m2l_bench.errors import UserError

        tensors = read_safetensors(basis, EXPECTED)
        shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        if shapes != {"mean": (COLUMNS * BANDS,), "components": (WIDTH, COLUMNS * BANDS)}:
            raise UserError(f"{basis}: holds {shapes}; expected {EXPECTED}")
        self.mean, self.components = tensors["mean"].float(), tensors["components"].float()
        self.bands = mel_bands()
        self.inverse = torch.linalg.pinv(self.bands)
        self.window = torch.hann_window(WINDOW)

    def to(self, device: str) -> None:
        for name in ("mean", "components", "bands", "inverse", "window"):
            setattr(self, name, getattr(self, name).to(device))

    def encode(self, audio: Tensor) -> Tensor:
        """Encode (batch, 1, samples) to latents (batch, 64, frames); a partial last frame is padded with zeros."""
        return self.components @ (patches(audio[:, 0], self.bands, self.window) - self.mean[:, None])

    def decode(self, latents: Tensor, samples: int, *, steps: int = 1, generator: Generator | None = None) -> Tensor:
        """Decode latents to (batch, 1, frames * 4096); steps and generator are ignored."""
        patch = self.components.T @ latents + self.mean[:, None]
        logarithms = patch.unflatten(1, (COLUMNS, BANDS)).permute(0, 2, 3, 1).flatten(2)
        magnitudes = (self.inverse @ (10**logarithms)).clamp_min(0)
        return self._griffin_lim(magnitudes)[:, None]

    def features(self, audio: Tensor) -> Tensor:
        """Map (batch, 1, samples) to the log-mel spectrogram of each frame, (batch, 1024, frames)."""
        return patches(audio[:, 0], self.bands, self.window)

    def _griffin_lim(self, magnitudes: Tensor) -> Tensor:
        """Find audio (batch, columns * hop) whose spectrogram has these magnitudes (batch, bins, columns)."""
        import torch

        length = magnitudes.shape[2] * HOP
        # One column more, whose middle is the end of the audio: a copy of the last one.
        magnitudes = torch.cat([magnitudes, magnitudes[:, :, -1:]], dim=2)
        phases = torch.rand(magnitudes.shape[1:], generator=torch.Generator().manual_seed(0)).to(magnitudes.device)
        angles = torch.polar(torch.ones_like(phases), 2 * torch.pi * phases).expand(magnitudes.shape)
        previous = torch.zeros_like(angles)
        for _ in range(ROUNDS):
            audio = _audio(magnitudes * angles, self.window, length)
            rebuilt = _spectra(audio, self.window)
            accelerated = rebuilt - MOMENTUM / (1 + MOMENTUM) * previous
            angles = accelerated / accelerated.abs().clamp_min(1e-16)
            previous = rebuilt
        return _audio(magnitudes * angles, self.window, length)


def patches(audio: Tensor, bands: Tensor, window: Tensor) -> Tensor:
    """Map (batch, samples) to decimal logarithms of mel magnitudes of each frame, (batch, columns * bands, frames)."""
    whole = whole_frames(audio, COLUMNS * HOP)
    magnitudes = _spectra(whole, window)[:, :, :-1].abs()
    logarithms = (bands @ magnitudes).clamp_min(FLOOR).log10()
    return logarithms.unflatten(2, (-1, COLUMNS)).permute(0, 3, 1, 2).flatten(1, 2)


@lru_cache
def mel_bands() -> Tensor:
    """Weights of bins in bands whose sum over bins is one, (bands, bins)."""
    import torch
    from librosa.filters import mel

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # bands so narrow that no bin is inside
        basis = torch.from_numpy(mel(sr=MelPca.sample_rate, n_fft=WINDOW, n_mels=BANDS))
    return basis / basis.sum(dim=1, keepdim=True).clamp_min(1e-9)


def _spectra(audio: Tensor, window: Tensor) -> Tensor:
    import torch

    spectra: Tensor = torch.stft(audio, WINDOW, HOP, window=window, pad_mode="constant", return_complex=True)
    return spectra / window.sum()


def _audio(spectra: Tensor, window: Tensor, length: int) -> Tensor:
    import torch

    audio: Tensor = torch.istft(spectra * window.sum(), WINDOW, HOP, window=window, length=length)
    return audio
