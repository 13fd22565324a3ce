"""CLMR's encoder, a SampleCNN on samples themselves, trained without labels by contrasting pieces of songs.

Source: Spijkervet, Burgoyne, Contrastive Learning of Musical Representations, ISMIR 2021; the network is that of Lee et
al., SampleCNN: End-to-End Deep Convolutional Neural Networks Using Very Small Filters for Music Classification, 2018.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from m2l_bench.embeddings.base import Embedding
from m2l_bench.weights.read import fill, read_torch

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Sequential

EXPECTED = "CLMR's encoder, clmr_checkpoint_10000.zip of github.com/Spijkervet/CLMR, release 2.0"
INSIDE = "clmr_checkpoint_10000.pt"
WINDOW = 3**10
"""Samples, 2.7 s: ten times a third is one."""
WIDTHS = (128, 128, 128, 256, 256, 256, 256, 256, 256, 512)
"""Channels after each division by three."""
BATCH = 16
"""Windows at once: what bounds memory."""


class Clmr(Embedding):
    """512 numbers for every 2.7 s at 22.05 kHz; windows do not overlap, and zeros fill the last one.

    So does mir_ref, with which the paper made Table 1; the authors' own evaluation leaves the last window out.

    Args:
        checkpoint: the published archive, or the file of PyTorch inside it.
    """

    version = "1"
    sample_rate = 22_050
    dim = WIDTHS[-1]
    minimum_seconds = WINDOW / 22_050

    def __init__(self, checkpoint: Path) -> None:
        self.network = sample_cnn()
        fill(self.network, encoder_tensors(read_torch(checkpoint, EXPECTED, INSIDE)), checkpoint, EXPECTED)

    def to(self, device: str) -> None:
        self.network.to(device)

    def embed(self, audio: Tensor) -> Tensor:
        """(samples,) -> (windows, 512)."""
        import torch
        from torch.nn.functional import pad

        device = next(self.network.parameters()).device
        windows = pad(audio, (0, -len(audio) % WINDOW)).view(-1, 1, WINDOW)
        with torch.inference_mode():
            return torch.cat([self.network(batch.to(device))[..., 0] for batch in torch.split(windows, BATCH)])


def sample_cnn() -> Sequential:
    """(windows, 1, 59049) -> (windows, 512, 1): filters over three samples, after each a third of the rate."""
    from torch.nn import BatchNorm1d, Conv1d, MaxPool1d, ReLU, Sequential

    def block(given: int, made: int, stride: int, padding: int) -> Sequential:
        return Sequential(Conv1d(given, made, 3, stride, padding), BatchNorm1d(made), ReLU())

    blocks = [block(1, WIDTHS[0], stride=3, padding=0)]
    for given, made in pairwise(WIDTHS):
        blocks.append(block(given, made, stride=1, padding=1).append(MaxPool1d(3)))
    return Sequential(*blocks, block(WIDTHS[-1], WIDTHS[-1], stride=1, padding=1))


def encoder_tensors(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The encoder's tensors by the names of `sample_cnn`, out of those of the whole model.

    The model's state has the encoder under `encoder.` and the projection of training under `projector.`; what PyTorch
    Lightning writes has both once more under `model.`. `fc` is a layer for supervised training, not used here.
    """
    prefix = next(
        (prefix for prefix in ("model.encoder.", "encoder.") if any(n.startswith(prefix) for n in tensors)), ""
    )
    encoder = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    return {name.removeprefix("sequential."): tensor for name, tensor in encoder.items() if not name.startswith("fc.")}
