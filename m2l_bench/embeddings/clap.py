"""LAION-CLAP's audio tower, applied to every window of a clip.

Source: Wu et al., Large-Scale Contrastive Language-Audio Pretraining with Feature Fusion and Keyword-to-Caption
Augmentation, ICASSP 2023. The vector of a window equals that of `get_audio_embedding_from_data` in the package
`laion-clap`. For a longer clip that function uses 10 s at random; this embedding uses every window.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np

from m2l_bench.adapter import Availability
from m2l_bench.embeddings.base import Blocks, Embedding
from m2l_bench.embeddings.laion import Tower, audio_tower, configuration
from m2l_bench.errors import UserError
from m2l_bench.weights.read import fill, package_availability, read_torch

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

WINDOW = 480_000
"""Samples in a window, 10 s."""
TAIL = 48_000
"""Samples that the last window of a longer clip must have, 1 s; a shorter one is left out."""
BATCH = 8
"""Windows processed at once."""


class Clap(Embedding):
    """CLAP: vectors of 512 numbers with Euclidean length 1, for every 10 s at 48 kHz.

    Windows follow each other without overlap. The rest at the end is a window if it is at least 1 s long. Such a rest,
    or a clip shorter than 10 s, is repeated as often as it fits as a whole and then padded with zeros, as in CLAP's
    training.

    Args:
        checkpoint: LAION's own `.pt` file, without fusion.
        tower: the network in it: `HTSAT-tiny` (630k) or `HTSAT-base` (the music checkpoints).

    Raises:
        UserError: there is no such tower, or the file is missing, damaged or of another network.
    """

    version = "1"
    sample_rate = 48_000
    dim = 512
    minimum_seconds = TAIL / 48_000
    blocks = Blocks(2 * BATCH * WINDOW, least=TAIL)

    def __init__(self, checkpoint: Path, tower: Tower) -> None:
        if tower not in get_args(Tower):
            raise UserError(f"no tower '{tower}': expected one of {', '.join(get_args(Tower))}")
        from transformers import ClapAudioModelWithProjection, ClapFeatureExtractor

        expected = f"a LAION-CLAP checkpoint without fusion whose audio tower is {tower}"
        self.network: Module = ClapAudioModelWithProjection(configuration(tower))
        fill(self.network, audio_tower(read_torch(checkpoint, expected)), checkpoint, expected)
        # The settings of the checkpoints without fusion.
        self.features = ClapFeatureExtractor(
            frequency_min=50, frequency_max=14_000, truncation="rand_trunc", padding="repeatpad"
        )

    @classmethod
    def availability(cls, **_: object) -> Availability:
        return package_availability("transformers")

    def to(self, device: str) -> None:
        self.network.to(device)

    def embed(self, audio: Tensor) -> Tensor:
        """Map (samples,) to (windows, 512)."""
        import torch
        from torch.nn.functional import normalize

        device = next(self.network.parameters()).device
        samples = _quantise_to_16_bits(audio.cpu().numpy())
        windows = [samples[start : start + WINDOW] for start in range(0, len(samples), WINDOW)]
        if len(windows) > 1 and len(windows[-1]) < TAIL:
            windows.pop()
        rows = []
        for first in range(0, len(windows), BATCH):
            features = self.features(
                windows[first : first + BATCH], sampling_rate=self.sample_rate, return_tensors="pt"
            )
            with torch.inference_mode():
                rows.append(self.network(features["input_features"].to(device)).audio_embeds)
        return normalize(torch.cat(rows), dim=-1)


def _quantise_to_16_bits(samples: np.ndarray) -> np.ndarray:
    """Clip samples and round them towards zero to 16 bits, which is the first step in laion-clap."""
    steps: np.ndarray = (np.clip(samples, -1, 1) * np.float32(32767)).astype(np.int16)
    return steps.astype(np.float32) / np.float32(32767)
