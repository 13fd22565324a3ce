"""VGGish as the package `frechet-audio-distance` uses it: without PCA and without the last ReLU.

Source: Hershey et al., CNN Architectures for Large-Scale Audio Classification, ICASSP 2017. The network and the log-mel
spectrogram are those of the package `torchvggish`, a port of the TensorFlow original.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from m2l_bench.adapter import Availability
from m2l_bench.embeddings.base import Blocks, Embedding
from m2l_bench.weights.read import fill, package_availability, read_torch

if TYPE_CHECKING:
    from torch import Tensor

EXPECTED = "the VGGish of torchvggish, vggish-10086976.pth"
WINDOW = 15_360
"""Samples from one window to the next: 96 frames of 10 ms."""
OVERHANG = 240
"""Samples by which the last frame of a window, 25 ms long, reaches into the next window."""
BATCH = 64
"""Windows processed at once, which bounds memory."""


class VGGish(Embedding):
    """VGGish: vectors of 128 numbers for every whole window of 0.96 s at 16 kHz.

    Args:
        checkpoint: the state of torchvggish's network.

    Raises:
        UserError: the file is missing, damaged or of another network.
    """

    version = "1"
    sample_rate = 16_000
    dim = 128
    minimum_seconds = (WINDOW + OVERHANG) / 16_000
    blocks = Blocks(4 * BATCH * WINDOW, overhang=OVERHANG, least=WINDOW + OVERHANG)

    def __init__(self, checkpoint: Path) -> None:
        from torchvggish import VGG, make_layers

        self.network = VGG(make_layers(), postprocess=False)
        fill(self.network, read_torch(checkpoint, EXPECTED), checkpoint, EXPECTED)
        self.network.embeddings = self.network.embeddings[:-1]

    @classmethod
    def availability(cls, **_: object) -> Availability:
        return package_availability("torchvggish")

    def to(self, device: str) -> None:
        self.network.to(device)

    def embed(self, audio: Tensor) -> Tensor:
        """Map (samples,) to (windows, 128)."""
        import torch
        from torchvggish.vggish_input import waveform_to_examples

        device = next(self.network.parameters()).device
        samples = audio.cpu().numpy()
        windows = (len(samples) - OVERHANG) // WINDOW
        rows = []
        # One spectrogram per batch: the spectrogram of an hour would take gigabytes.
        for first in range(0, windows, BATCH):
            last = min(first + BATCH, windows)
            examples = waveform_to_examples(samples[first * WINDOW : last * WINDOW + OVERHANG], self.sample_rate)
            with torch.inference_mode():
                rows.append(self.network(examples.to(device)))
        return torch.cat(rows)
