"""The encoder of CDPAM, a measure of how different two recordings sound, trained on answers of listeners.

Source: Manocha, Jin, Zhang, Finkelstein, CDPAM: Contrastive Learning for Perceptual Audio Similarity, ICASSP 2021. The
network is that of the package `cdpam` 0.0.6, which has its weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from m2l_bench.embeddings.base import Blocks, Embedding
from m2l_bench.weights.read import fill, read_torch

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Sequential

EXPECTED = "CDPAM's encoder, cdpam-0.0.6-py3-none-any.whl of PyPI"
INSIDE = "scratchJNDdefault_best_model.pth"
"""Name of the checkpoint inside the published wheel."""
WINDOW = 55_125
"""Samples in a window, 2.5 s."""
LAYERS, KERNEL, FILTERS = 16, 15, 64
FULL_SCALE = 2**15
"""The network takes samples of 16 bits."""
BATCH = 8
"""Windows processed at once, which bounds memory."""


class Cdpam(Embedding):
    """CDPAM: vectors of 512 numbers and of length one for every whole window of 2.5 s at 22.05 kHz.

    The authors' distance takes one vector per signal, of any length: the mean over time. A distance of sets needs many
    vectors, so a signal is cut. The length is that of the recordings that listeners compared: the loader in the
    authors' repository PerceptualAudio (`code/dataloader.py`) fills each to 120,000 samples at 48 kHz. A frame of the
    network depends on 841 samples (38 ms), so the zeros around a window hardly change a mean over 2.5 s. The rest
    after the last whole window is left out, because zeros in its place would sound like a pause.

    Of the 1024 numbers that the encoder gives, the first half describes the sound and the second the content
    (who speaks, which words). The authors' distance uses the first half, scaled to length one, and so does this.

    Args:
        checkpoint: the published wheel, or the PyTorch file inside it.

    Raises:
        UserError: the file is missing, damaged or of another network.
    """

    version = "1"
    sample_rate = 22_050
    dim = FILTERS * 2 ** (LAYERS // 4) // 2
    minimum_seconds = WINDOW / 22_050
    blocks = Blocks(4 * BATCH * WINDOW, least=WINDOW)

    def __init__(self, checkpoint: Path) -> None:
        self.network = encoder()
        tensors = encoder_tensors(read_torch(checkpoint, EXPECTED, INSIDE, key="state"))
        fill(self.network, tensors, checkpoint, EXPECTED)

    def to(self, device: str) -> None:
        self.network.to(device)

    def embed(self, audio: Tensor) -> Tensor:
        """Map (samples,) to (windows, 512)."""
        import torch
        from torch.nn.functional import normalize

        device = next(self.network.parameters()).device
        windows = audio[: len(audio) // WINDOW * WINDOW].view(-1, 1, WINDOW)
        rows = []
        for batch in torch.split(windows, BATCH):
            with torch.inference_mode():
                frames = self.network((batch.to(device) * FULL_SCALE).round())
                sound, _content = frames.mean(2).chunk(2, dim=1)
                rows.append(normalize(sound, dim=1))
        return torch.cat(rows)


def encoder() -> Sequential:
    """Build the network, (windows, 1, samples) to (windows, 1024, frames).

    Every fourth layer doubles the channels and halves the rate. The published code halves it after the activation, by
    leaving out every second frame. A convolution with a stride of two does not compute these frames at all.
    """
    from torch.nn import BatchNorm1d, Conv1d, LeakyReLU, Sequential

    layers = []
    channels = FILTERS
    for layer in range(LAYERS):
        inputs = channels if layer else 1
        halves = layer % 4 == 3
        channels = 2 * channels if halves else channels
        convolution = Conv1d(inputs, channels, KERNEL, stride=1 + halves, padding=KERNEL // 2)
        layers.append(Sequential(convolution, BatchNorm1d(channels), LeakyReLU(0.1)))
    return Sequential(*layers)


def encoder_tensors(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Select the encoder's tensors from those of the whole model, by the names of `encoder`.

    The state has convolutions under `base_encoder.encoder.` and normalisations under `base_encoder.ebatch.`; the other
    tensors compute a distance of two vectors, which is not used.
    """
    selected = {}
    for name, tensor in tensors.items():
        model, _, rest = name.partition(".")
        part, _, rest = rest.partition(".")
        layer, _, parameter = rest.partition(".")
        if model == "base_encoder" and part in PLACES:
            selected[f"{layer}.{PLACES[part]}.{parameter}"] = tensor
    return selected


PLACES = {"encoder": 0, "ebatch": 1}
"""Where a layer has what the published state calls by these names."""
