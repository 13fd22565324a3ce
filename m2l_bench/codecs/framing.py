"""Padding of audio to whole frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def whole_frames(audio: Tensor, frame: int) -> Tensor:
    """Pad the end of (..., samples) with zeros to a multiple of `frame` samples.

    Without it, networks that are not asked for a whole number of frames give fewer samples than they take.
    """
    from torch.nn.functional import pad

    return pad(audio, (0, -audio.shape[-1] % frame))
