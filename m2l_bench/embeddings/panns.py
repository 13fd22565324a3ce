"""CNN14 of PANNs, trained to name the sounds of AudioSet, the network of most distances called FAD-PANN and KAD-PANN.

Source: Kong et al., PANNs: Large-Scale Pretrained Audio Neural Networks for Audio Pattern Recognition, IEEE/ACM TASLP
2020. The authors' package `panns-inference` is not used: it downloads a file into the user's home when it is imported.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from m2l_bench.embeddings.base import Blocks, Embedding
from m2l_bench.weights.read import fill, read_torch

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import ModuleDict

EXPECTED = "the CNN14 of PANNs at 32 kHz, Cnn14_mAP=0.431.pth of zenodo.org/records/3987831"
WINDOW = 320_000
"""Samples in a window, 10 s, the length of the clips of AudioSet."""
TAIL = 32_000
"""Samples that the last window of a clip must have, 1 s; a shorter one is left out."""
FFT, HOP, BANDS = 1024, 320, 64
WIDTHS = (1, 64, 128, 256, 512, 1024, 2048)
"""Channels before the first block of convolutions and after each."""
UNUSED = ("spectrogram_extractor.", "fc_audioset.")
"""Parts of the file that are not used: the Fourier transform as convolutions, and the classifier."""
BATCH = 4
"""Windows processed at once, which bounds memory."""


class Panns(Embedding):
    """PANNs CNN14: vectors of 2048 numbers, the layer before the classifier, for windows of 10 s at 32 kHz.

    Windows do not overlap. The last one may be shorter, and is not padded; the network takes any length.

    Args:
        checkpoint: the authors' file.

    Raises:
        UserError: the file is missing, damaged or of another network.
    """

    version = "1"
    sample_rate = 32_000
    minimum_seconds = TAIL / 32_000
    blocks = Blocks(4 * BATCH * WINDOW, least=TAIL)

    def __init__(self, checkpoint: Path) -> None:
        self.dim = WIDTHS[-1]
        self.network = cnn14()
        tensors = read_torch(checkpoint, EXPECTED, key="model")
        used = {name: tensor for name, tensor in tensors.items() if not name.startswith(UNUSED)}
        fill(self.network, used, checkpoint, EXPECTED)

    def to(self, device: str) -> None:
        self.network.to(device)

    def embed(self, audio: Tensor) -> Tensor:
        """Map (samples,) to (windows, 2048)."""
        import torch

        device = next(self.network.parameters()).device
        whole = len(audio) // WINDOW * WINDOW
        batches = list(torch.split(audio[:whole].view(-1, WINDOW), BATCH)) if whole else []
        if len(audio) - whole >= TAIL:
            batches.append(audio[None, whole:])
        with torch.inference_mode():
            return torch.cat([self._embed_windows(batch.to(device)) for batch in batches])

    def _embed_windows(self, windows: Tensor) -> Tensor:
        """Map (windows, samples) to (windows, 2048)."""
        import torch

        network = self.network
        window = torch.hann_window(FFT, device=windows.device)
        spectrum = torch.stft(windows, FFT, HOP, window=window, pad_mode="reflect", return_complex=True)
        power = torch.view_as_real(spectrum).square().sum(-1).transpose(1, 2)  # (windows, frames, 513)
        mel = (power @ network["logmel_extractor"].get_parameter("melW")).clamp(min=1e-10)
        levels = network["bn0"](10 * mel.log10().transpose(1, 2)[..., None])  # (windows, bands, frames, 1)
        maps = levels.permute(0, 3, 2, 1)
        for block in range(1, len(WIDTHS)):
            maps = network[f"conv_block{block}"](maps)
        frames = maps.mean(3)
        summary: Tensor = network["fc1"](frames.amax(2) + frames.mean(2)).relu()
        return summary


def cnn14() -> ModuleDict:
    """Build the layers, by the names of the published file.

    A block halves frames and bands, but for the last.
    """
    import torch
    from torch.nn import AvgPool2d, BatchNorm2d, Conv2d, Linear, ModuleDict, Parameter, ParameterDict, ReLU, Sequential

    layers = ModuleDict()
    layers["logmel_extractor"] = ParameterDict({"melW": Parameter(torch.zeros(FFT // 2 + 1, BANDS))})
    layers["bn0"] = BatchNorm2d(BANDS)
    for number, (inputs, outputs) in enumerate(pairwise(WIDTHS), start=1):
        block = Sequential()
        for layer, channels in enumerate((inputs, outputs), start=1):
            block.add_module(f"conv{layer}", Conv2d(channels, outputs, 3, padding=1, bias=False))
            block.add_module(f"bn{layer}", BatchNorm2d(outputs))
            block.add_module(f"relu{layer}", ReLU())
        if number < len(WIDTHS) - 1:
            block.add_module("pool", AvgPool2d(2))
        layers[f"conv_block{number}"] = block
    layers["fc1"] = Linear(WIDTHS[-1], WIDTHS[-1])
    return layers
