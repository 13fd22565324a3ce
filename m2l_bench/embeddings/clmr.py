"""CLMR's encoder, a SampleCNN that takes raw samples, trained without labels by contrasting pieces of songs.

Source: Spijkervet, Burgoyne, Contrastive Learning of Musical Representations, ISMIR 2021. The network is that of Lee et
al., SampleCNN: End-to-End Deep Convolutional Neural Networks Using Very Small Filters for Music Classification, 2018.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from m2l_bench.embeddings.base import Blocks, Embedding
from m2l_bench.weights.read import fill, read_torch

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Sequential

EXPECTED = "CLMR's encoder, clmr_checkpoint_10000.zip of github.com/Spijkervet/CLMR, release 2.0"
INSIDE = "clmr_checkpoint_10000.pt"
"""Name of the checkpoint inside the published archive."""
WINDOW = 3**10
"""Samples in a window, 2.7 s: ten divisions by three leave one frame."""
WIDTHS = (128, 128, 128, 256, 256, 256, 256, 256, 256, 512)
"""Channels after each division of the rate by three."""
BATCH = 16
"""Windows processed at once, which bounds memory."""


class Clmr(Embedding):
    """CLMR: vectors of 512 numbers for every 2.7 s at 22.05 kHz; windows do not overlap, and zeros fill the last one.

    The last window is filled because mir_ref, which produced the paper's Table 1, fills it; the evaluation of CLMR's
    authors leaves it out.

    Args:
        checkpoint: the published archive, or the PyTorch file inside it.

    Raises:
        UserError: the file is missing, damaged or of another network.
    """

    version = "1"
    sample_rate = 22_050
    dim = WIDTHS[-1]
    minimum_seconds = WINDOW / 22_050
    blocks = Blocks(4 * BATCH * WINDOW)

    def __init__(self, checkpoint: Path) -> None:
        self.network = sample_cnn()
        fill(self.network, encoder_tensors(read_torch(checkpoint, EXPECTED, INSIDE)), checkpoint, EXPECTED)

    def to(self, device: str) -> None:
        self.network.to(device)

    def embed(self, audio: Tensor) -> Tensor:
        """Map (samples,) to (windows, 512)."""
        import torch
        from torch.nn.functional import pad

        device = next(self.network.parameters()).device
        windows = pad(audio, (0, -len(audio) % WINDOW)).view(-1, 1, WINDOW)
        with torch.inference_mode():
            return torch.cat([self.network(batch.to(device))[..., 0] for batch in torch.split(windows, BATCH)])


def sample_cnn() -> Sequential:
    """Build the network, (windows, 1, 59049) to (windows, 512, 1), whose filters are three samples long.

    The rate is divided by three in the first block and after each of the next nine blocks.
    """
    from torch.nn import BatchNorm1d, Conv1d, MaxPool1d, ReLU, Sequential

    def block(inputs: int, outputs: int, stride: int, padding: int) -> Sequential:
        return Sequential(Conv1d(inputs, outputs, 3, stride, padding), BatchNorm1d(outputs), ReLU())

    blocks = [block(1, WIDTHS[0], stride=3, padding=0)]
    for inputs, outputs in pairwise(WIDTHS):
        blocks.append(block(inputs, outputs, stride=1, padding=1).append(MaxPool1d(3)))
    return Sequential(*blocks, block(WIDTHS[-1], WIDTHS[-1], stride=1, padding=1))


def encoder_tensors(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Select the encoder's tensors from those of the whole model, by the names of `sample_cnn`.

    The model's state has the encoder under `encoder.` and the projection for training under `projector.`; a file that
    PyTorch Lightning wrote has both under `model.`. The layer `fc` is for supervised training and is not used.
    """
    prefix = next(
        (prefix for prefix in ("model.encoder.", "encoder.") if any(n.startswith(prefix) for n in tensors)), ""
    )
    encoder = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    return {name.removeprefix("sequential."): tensor for name, tensor in encoder.items() if not name.startswith("fc.")}
