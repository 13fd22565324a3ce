"""The penultimate layer of MusiCNN trained on the tags of the Million Song Dataset, for windows of 3 s.

The front end is that of the package musicnn 0.1.0, `extractor.py`: log10(10000 m + 1) of 96 mel bands m, with librosa's
defaults. As in that package, m is in half precision, and the product and the logarithm are in single precision. The
package's line of code does this with numpy 1; with numpy 2 it would stay in half precision, where loud music becomes
infinite.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from m2l_bench.audio.mel import mel_powers
from m2l_bench.embeddings.base import Blocks, Embedding

if TYPE_CHECKING:
    from torch import Tensor

FRAMES, MELS = 187, 96
"""Frames and mel bands in a window, 3 s, as in training."""
SAMPLE_RATE = 16_000
"""Sample rate of the network's input in Hz."""
FFT, HOP = 512, 256
"""Samples in a frame, and between frames."""
WINDOW_HOP = 93
"""Frames between windows, half a window (1.5 s), where the card does not say otherwise."""
MINIMUM_SAMPLES = (FRAMES - 1) * HOP
"""Samples for one window: frames are centred, the first on the first sample."""
BATCH = 16
"""Windows processed at once, which bounds memory."""


class MusiCNN(Embedding):
    """The penultimate layer of MusiCNN-MSD.

    Args:
        checkpoint: a safetensors file with the weights.
        hop_frames: frames of 16 ms from the beginning of a window to that of the next, at most a window.

    Raises:
        UserError: the file is missing, damaged or of another network.
        ValueError: `hop_frames` is below 2 or above 187.
    """

    version = "1"
    sample_rate = SAMPLE_RATE
    dim = 200
    minimum_seconds = MINIMUM_SAMPLES / SAMPLE_RATE

    def __init__(self, checkpoint: Path, hop_frames: int = WINDOW_HOP) -> None:
        from m2l_bench.embeddings.musicnn_network import load

        if not 2 <= hop_frames <= FRAMES:
            raise ValueError(f"hop_frames: expected a whole number from 2 to {FRAMES}, got {hop_frames}")
        self.network = load(checkpoint)
        self.hop_frames = hop_frames
        self.blocks = Blocks(
            step=8 * BATCH * hop_frames * HOP,
            overhang=(FRAMES - hop_frames) * HOP,
            context=BATCH * hop_frames * HOP,  # a whole batch for half a frame
            context_vectors=BATCH,
            least=MINIMUM_SAMPLES,
        )

    def to(self, device: str) -> None:
        self.network.to(device)

    def embed(self, audio: Tensor) -> Tensor:
        """Map (samples,) at 16 kHz to (windows, 200), one vector per whole window, on the network's device.

        Raises:
            ValueError: the audio has more than one channel, or is shorter than a window.
        """
        import torch

        if audio.dim() != 1 or len(audio) < MINIMUM_SAMPLES:
            raise ValueError(f"one channel of at least {MINIMUM_SAMPLES} samples needed, got {tuple(audio.shape)}")
        device = next(self.network.parameters()).device
        with torch.inference_mode():
            windows = log_mel_windows(audio, self.hop_frames)
            return torch.cat([self.network(batch.to(device))[1] for batch in windows])


def log_mel_windows(audio: Tensor, hop_frames: int = WINDOW_HOP) -> Iterator[Tensor]:
    """Yield batches (windows, 187, 96) of the log-mel spectrogram of (samples,); a partial last window is left out.

    Windows begin every `hop_frames` frames. Each batch has its own spectrogram, so memory does not grow with the length
    of the audio.
    """
    import torch

    samples = audio.detach().float().cpu().numpy()
    count = 1 + (1 + len(samples) // HOP - FRAMES) // hop_frames
    for first in range(0, count, BATCH):
        last = min(first + BATCH, count) - 1
        spectrogram = _log_mel(samples, first * hop_frames, last * hop_frames + FRAMES)
        yield torch.from_numpy(spectrogram).unfold(0, FRAMES, hop_frames).transpose(1, 2)


def _log_mel(samples: NDArray[np.float32], first: int, end: int) -> NDArray[np.float32]:
    """Compute frames `first` to `end` (not included) of the log-mel spectrogram, (frames, 96).

    The audio is taken as surrounded by zeros.
    """
    start, stop = first * HOP - FFT // 2, (end - 1) * HOP + FFT // 2
    section = np.pad(samples[max(start, 0) : stop], (max(-start, 0), max(stop - len(samples), 0)))
    mel = mel_powers(section, SAMPLE_RATE, FFT, HOP, MELS, centred=False)
    return np.log10(10_000 * mel.T.astype(np.float16).astype(np.float32) + 1)
