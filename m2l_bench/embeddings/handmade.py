"""Embeddings without weights, from simple signal processing, which a useful network must beat.

Source: McFee et al., librosa: Audio and Music Signal Analysis in Python, SciPy 2015.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from m2l_bench.audio.mel import mel_powers
from m2l_bench.embeddings.base import Embedding
from m2l_bench.environment import compile_librosa

if TYPE_CHECKING:
    from torch import Tensor

HOP = 512
"""Samples between frames, librosa's default."""


class LogMel(Embedding):
    """Mel bands on the scale log10(1 + 10000 power) of MusiCNN's front end, which is zero for silence.

    They describe the envelope of the spectrum, and pitch only where the bands are narrow.
    """

    version = "1"
    sample_rate = 44_100
    dim = 128
    minimum_seconds = 0.05

    def embed(self, audio: Tensor) -> Tensor:
        """Map (samples,) to (frames, 128)."""
        import torch

        mel = mel_powers(audio.cpu().numpy(), self.sample_rate, 2048, HOP, self.dim, centred=True)
        return torch.from_numpy(np.log10(1 + 10_000 * mel.T).astype(np.float32))


class Chroma(Embedding):
    """Energy of the twelve pitch classes from a constant-Q transform; the strongest of each frame is 1.

    It describes pitch class and little else. Tuning is estimated for each clip.
    """

    version = "1"
    sample_rate = 22_050
    dim = 12
    minimum_seconds = 0.1

    def embed(self, audio: Tensor) -> Tensor:
        """Map (samples,) to (frames, 12), from C to B."""
        import warnings

        import torch

        compile_librosa()
        from librosa.feature import chroma_cqt

        with warnings.catch_warnings():
            # librosa warns about windows longer than a short clip (which it pads) and about silence (without tuning).
            warnings.simplefilter("ignore", UserWarning)
            chroma = chroma_cqt(y=audio.cpu().numpy(), sr=self.sample_rate, hop_length=HOP)
        return torch.from_numpy(chroma.T.astype(np.float32))
