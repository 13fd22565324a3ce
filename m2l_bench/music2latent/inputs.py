"""Checks of what users pass: any kind of array becomes a float32 tensor, or an error says what was expected."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

MOST_CHANNELS = 32
"""An array with more rows than this, and fewer columns than rows, counts as (samples, channels), the wrong way."""
LARGEST_PEAK = 16.0
"""Values above full scale are clipped; values above this count as integer samples in floating point."""


def to_waveforms(audio: Any) -> Tensor:
    """Return audio as (batch, samples) float32 in [-1, 1], on the CPU.

    Takes numpy arrays and tensors, (samples,) or (batch, samples). Integers are divided by their type's full scale;
    floating point outside [-1, 1] is clipped, as in a 16-bit file.

    Raises:
        ValueError: another number of axes, no samples, axes the wrong way round, NaN, or integer samples that were
            turned into floating point without scaling.
        TypeError: not an array of real numbers.
    """
    waveforms = _to_tensor(audio, "audio")
    if waveforms.dim() == 1:
        waveforms = waveforms[None]
    if waveforms.dim() != 2:
        raise ValueError(f"audio has shape {tuple(waveforms.shape)}: expected (samples,) or (batch, samples)")
    rows, samples = waveforms.shape
    if rows == 0 or samples == 0:
        raise ValueError(f"audio has shape {(rows, samples)}: there is nothing in it")
    if rows > MOST_CHANNELS and rows > samples:
        raise ValueError(
            f"audio has shape {(rows, samples)}: expected (channels, samples), and {rows} channels of {samples} "
            "samples look the wrong way round; transpose it"
        )
    if not waveforms.is_floating_point():
        info = torch.iinfo(waveforms.dtype)
        if info.min == 0:  # unsigned 8-bit audio has its zero in the middle
            waveforms = waveforms.float() - (info.max + 1) // 2
            return waveforms / ((info.max + 1) // 2)
        return waveforms.double().div(-info.min).float()
    waveforms = waveforms.float()
    _refuse_nan(waveforms, "audio")
    peak = float(waveforms.abs().max())
    if peak > LARGEST_PEAK:
        raise ValueError(f"audio reaches {peak:g}: expected -1 to 1; divide 16-bit samples by 32768")
    return waveforms.clamp(-1, 1) if peak > 1 else waveforms


def resample(waveforms: Tensor, rate: int, new_rate: int) -> Tensor:
    """Resample (batch, samples) on the CPU from `rate` to `new_rate`, both in Hz; no sample becomes none.

    Raises:
        ValueError: a rate is not a positive whole number.
    """
    for value in (rate, new_rate):
        if value < 1 or value != int(value):
            raise ValueError(f"a sample rate of {value}: expected a positive whole number of Hz")
    if rate == new_rate:
        return waveforms
    import soxr

    samples = -(-waveforms.shape[-1] * new_rate // rate)
    rows = [torch.from_numpy(soxr.resample(row, rate, new_rate, quality="HQ")) for row in waveforms.numpy()]
    return torch.stack([pad(row, (0, samples - len(row))) for row in rows])


def check_latents(latents: Any, width: int) -> Tensor:
    """Return latents as (batch, width, frames) float32, on the CPU.

    Raises:
        ValueError: another width or number of axes, none at all, or NaN.
        TypeError: not an array of real numbers.
    """
    checked = _to_tensor(latents, "latents").float()
    if checked.dim() == 2:
        checked = checked[None]
    if checked.dim() != 3 or checked.shape[1] != width or checked.numel() == 0:
        raise ValueError(f"latents have shape {tuple(checked.shape)}: expected (batch, {width}, frames)")
    _refuse_nan(checked, "latents")
    return checked


def check_noise(noise: Tensor, shape: tuple[int, ...]) -> None:
    """Refuse noise of another shape.

    Raises:
        ValueError: noise of another shape.
    """
    if tuple(noise.shape) != shape:
        raise ValueError(f"noise has shape {tuple(noise.shape)}: expected {shape}")


def _to_tensor(values: Any, what: str) -> Tensor:
    if isinstance(values, np.ndarray):  # views with negative steps and foreign byte orders are arrays, too
        values = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("="), copy=False))
    try:
        tensor = torch.as_tensor(values).detach().cpu()
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"{what} is {type(values).__name__}: expected a numpy array or a tensor") from error
    if tensor.is_complex() or tensor.dtype == torch.bool:
        raise TypeError(f"{what} holds {tensor.dtype}: expected real numbers")
    return tensor


def _refuse_nan(tensor: Tensor, what: str) -> None:
    bad = int((~torch.isfinite(tensor)).sum())
    if bad:
        raise ValueError(f"{what} holds {bad} values that are NaN or infinite")
