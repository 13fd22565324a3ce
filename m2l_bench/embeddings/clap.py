"""LAION-CLAP's audio tower, applied to windows of a clip.

Source: Wu et al., Large-Scale Contrastive Language-Audio Pretraining with Feature Fusion and Keyword-to-Caption
Augmentation, ICASSP 2023. The vector of a window equals that of `get_audio_embedding_from_data` in the package
`laion-clap`. For a longer clip that function uses 10 s at random; this embedding uses windows that are always the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from m2l_bench.adapter import Availability
from m2l_bench.embeddings.base import Blocks, Channels, Embedding
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
HOP = 48_000
"""Samples from a window to the next where there is one every second."""
BATCH = 8
"""Windows processed at once."""

Windows = Literal["all", "first", "every-second"]


class Clap(Embedding):
    """CLAP: vectors of 512 numbers with Euclidean length 1, for windows of 10 s at 48 kHz.

    A window at the end, or a clip, that is shorter than 10 s is repeated as often as it fits as a whole and then padded
    with zeros, as in CLAP's training.

    Args:
        checkpoint: LAION's own `.pt` file, without fusion.
        tower: the network in it: `HTSAT-tiny` (630k) or `HTSAT-base` (the music checkpoints).
        windows: `all`: one after the other, the rest at the end if it is at least 1 s long. `first`: the first 10 s
            alone. `every-second`: one begins every second, also where less than 10 s are left, which are padded with
            zeros.
        channels: `mix`: the channels are mixed to mono. `each`: each channel has vectors of its own.

    Raises:
        UserError: there is no such tower or choice, or the file is missing, damaged or of another network.
    """

    version = "1"
    sample_rate = 48_000
    dim = 512
    minimum_seconds = TAIL / 48_000

    def __init__(self, checkpoint: Path, tower: Tower, windows: Windows = "all", channels: Channels = "mix") -> None:
        for name, value, choices in (
            ("tower", tower, Tower),
            ("choice of windows", windows, Windows),
            ("choice of channels", channels, Channels),
        ):
            if value not in get_args(choices):
                raise UserError(f"no {name} '{value}': expected one of {', '.join(get_args(choices))}")
        from transformers import ClapAudioModelWithProjection, ClapFeatureExtractor

        expected = f"a LAION-CLAP checkpoint without fusion whose audio tower is {tower}"
        self.network: Module = ClapAudioModelWithProjection(configuration(tower))
        fill(self.network, audio_tower(read_torch(checkpoint, expected)), checkpoint, expected)
        # The settings of the checkpoints without fusion.
        self.features = ClapFeatureExtractor(
            frequency_min=50, frequency_max=14_000, truncation="rand_trunc", padding="repeatpad"
        )
        self.windows = windows
        self.channels = channels
        self.blocks = Blocks(2 * BATCH * WINDOW, least=TAIL) if windows == "all" else None

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
        windows = _cut(_quantise_to_16_bits(audio.cpu().numpy()), self.windows)
        rows = []
        for first in range(0, len(windows), BATCH):
            features = self.features(
                windows[first : first + BATCH], sampling_rate=self.sample_rate, return_tensors="pt"
            )
            with torch.inference_mode():
                rows.append(self.network(features["input_features"].to(device)).audio_embeds)
        return normalize(torch.cat(rows), dim=-1)


def _cut(samples: np.ndarray, windows: Windows) -> list[np.ndarray]:
    """Cut (samples,) into windows of at most 10 s."""
    if windows == "first":
        return [samples[:WINDOW]]
    if windows == "every-second":
        padded = np.pad(samples, (0, WINDOW))
        return [padded[start : start + WINDOW] for start in range(0, len(samples), HOP)]
    parts = [samples[start : start + WINDOW] for start in range(0, len(samples), WINDOW)]
    if len(parts) > 1 and len(parts[-1]) < TAIL:
        parts.pop()
    return parts


def _quantise_to_16_bits(samples: np.ndarray) -> np.ndarray:
    """Clip samples and round them towards zero to 16 bits, which is the first step in laion-clap."""
    steps: np.ndarray = (np.clip(samples, -1, 1) * np.float32(32767)).astype(np.int16)
    return steps.astype(np.float32) / np.float32(32767)
