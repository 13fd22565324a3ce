"""Group normalisation and Swish in two passes over memory, for channels-last feature maps on a CPU.

PyTorch's own channels-last group normalisation sums naively in float32, which costs accuracy on long audio (2.5 % on a
minute); here blocks of positions are summed in float32, around a value of the channel, and blocks in float64. Needs
numba, which compiles it on first use (about three seconds, then kept on disk). `available` says whether it can be used.
"""

from __future__ import annotations

import importlib.util
import threading
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

BLOCK = 128
"""Positions summed in float32 before the sum joins those in float64."""
TASKS_PER_THREAD = 4
DTYPES = (torch.float32, torch.bfloat16)
"""Number types that `group_norm` takes."""

_one_at_a_time = threading.Lock()
"""Numba's simplest threading layer must not be entered twice."""


@cache
def available() -> bool:
    """Tell whether numba is installed."""
    return importlib.util.find_spec("numba") is not None


def group_norm(
    x: Tensor, groups: int, weight: Tensor, bias: Tensor, epsilon: float, swish: bool, overwrite: bool
) -> Tensor:
    """Apply group normalisation, then x * sigmoid(x) if `swish`.

    Args:
        x: (batch, channels, bins, frames), float32 or bfloat16 on the CPU; copied if not channels-last.
        weight, bias: (channels,), float32.
        overwrite: write the result into x.
    """
    import numba

    x = x.contiguous(memory_format=torch.channels_last)
    out = x if overwrite else torch.empty_like(x)
    sums, apply = _compiled(x.dtype == torch.bfloat16)
    torch_threads = torch.get_num_threads()
    threads = min(torch_threads, numba.config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]
    weights, biases = weight.numpy().astype(np.float64), bias.numpy().astype(np.float64)
    with _one_at_a_time:
        numba.set_num_threads(threads)
        for source, target in zip(x, out, strict=True):
            values = _positions(source)
            count = len(values)
            shift, first, second = sums(values, threads * TASKS_PER_THREAD)
            mean, square = first.sum(0) / count, second.sum(0) / count  # of x - shift, by channel
            variance = square - mean**2
            mean += shift
            group_mean = mean.reshape(groups, -1).mean(1, keepdims=True)
            spread = (mean.reshape(groups, -1) - group_mean) ** 2 + variance.reshape(groups, -1)
            scale = weights.reshape(groups, -1) / np.sqrt(spread.mean(1, keepdims=True) + epsilon)
            offset = biases.reshape(groups, -1) - group_mean * scale
            apply(
                values,
                _positions(target),
                scale.reshape(-1).astype(np.float32),
                offset.reshape(-1).astype(np.float32),
                threads * TASKS_PER_THREAD,
                swish,
            )
    if torch.get_num_threads() != torch_threads:  # numba's OpenMP layer sets PyTorch's number too when it starts
        torch.set_num_threads(torch_threads)
    return out


def _positions(feature_map: Tensor) -> Any:
    """View a channels-last (channels, bins, frames) map as (positions, channels); bfloat16 as its bits."""
    positions = feature_map.permute(1, 2, 0).flatten(0, 1)
    if positions.dtype == torch.bfloat16:
        return positions.view(torch.int16).numpy().view(np.uint16)
    return positions.numpy()


@cache
def _compiled(bfloat16: bool) -> Any:
    """Compile the two passes for one number type. A bfloat16 is the upper half of a float32."""
    from numba import njit, prange

    fast = {"reassoc", "contract", "nsz", "arcp"}
    half = np.uint32(0x7FFF)
    sixteen = np.uint32(16)

    def sums(values: Any, tasks: int) -> Any:
        """Return one value per channel, and per task the sums of the differences from it and of their squares."""
        count, channels = values.shape
        shift = np.empty(channels, np.float32)
        if bfloat16:
            shift_bits = shift.view(np.uint32)
            for c in range(channels):
                shift_bits[c] = np.uint32(values[0, c]) << sixteen
        else:
            shift[:] = values[0]
        first = np.zeros((tasks, channels))
        second = np.zeros((tasks, channels))
        for task in prange(tasks):
            row = np.empty(channels, np.float32)
            bits = row.view(np.uint32)
            block_first = np.empty(channels, np.float32)
            block_second = np.empty(channels, np.float32)
            stop = count * (task + 1) // tasks
            for block in range(count * task // tasks, stop, BLOCK):
                block_first[:] = 0
                block_second[:] = 0
                for position in range(block, min(block + BLOCK, stop)):
                    if bfloat16:
                        for c in range(channels):
                            bits[c] = np.uint32(values[position, c]) << sixteen
                    else:
                        for c in range(channels):
                            row[c] = values[position, c]
                    for c in range(channels):
                        value = row[c] - shift[c]
                        block_first[c] += value
                        block_second[c] += value * value
                for c in range(channels):
                    first[task, c] += block_first[c]
                    second[task, c] += block_second[c]
        return shift, first, second

    def apply(values: Any, out: Any, scale: Any, offset: Any, tasks: int, swish: bool) -> None:
        """Write f(values * scale + offset) to `out`."""
        count, channels = values.shape
        for task in prange(tasks):
            row = np.empty(channels, np.float32)
            bits = row.view(np.uint32)
            power = np.empty(channels, np.float32)
            power_bits = power.view(np.int32)
            for position in range(count * task // tasks, count * (task + 1) // tasks):
                if bfloat16:
                    for c in range(channels):
                        bits[c] = np.uint32(values[position, c]) << sixteen
                else:
                    for c in range(channels):
                        row[c] = values[position, c]
                if swish:
                    for c in range(channels):
                        value = row[c] * scale[c] + offset[c]
                        # exp(-value) = 2^whole * 2^part, part in [-1/2, 1/2] by its Taylor series (error 1e-7):
                        # a call of exp would keep the loop from using vector instructions.
                        exponent = min(max(value * np.float32(-1.4426950408889634), np.float32(-126)), np.float32(126))
                        whole = np.int32(exponent + np.float32(127.5))
                        part = exponent - np.float32(whole - np.int32(127))
                        series = np.float32(1.5403530e-4)
                        series = series * part + np.float32(1.3333558e-3)
                        series = series * part + np.float32(9.6181291e-3)
                        series = series * part + np.float32(5.5504109e-2)
                        series = series * part + np.float32(2.4022651e-1)
                        series = series * part + np.float32(6.9314718e-1)
                        series = series * part + np.float32(1)
                        power_bits[c] = whole << np.int32(23)
                        row[c] = value / (np.float32(1) + series * power[c])
                else:
                    for c in range(channels):
                        row[c] = row[c] * scale[c] + offset[c]
                if bfloat16:
                    for c in range(channels):  # round to nearest, ties to even
                        value_bits = bits[c]
                        odd = (value_bits >> sixteen) & np.uint32(1)
                        out[position, c] = np.uint16((value_bits + half + odd) >> sixteen)
                else:
                    for c in range(channels):
                        out[position, c] = row[c]

    compiled = njit(parallel=True, fastmath=fast, cache=True)
    for function in (sums, apply):
        # numba names its cache after this. Two processes that compile for two types at once mix up one cache of both.
        function.__qualname__ += "_bfloat16" if bfloat16 else "_float32"
    return compiled(sums), compiled(apply)
