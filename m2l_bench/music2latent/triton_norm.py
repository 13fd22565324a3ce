"""Group normalisation and Swish of channels-last feature maps on a GPU: Triton kernels and their launches.

A map is (batch, positions, channels) in memory. Each pass reads it once: one for the sums of each channel, one to apply
them; PyTorch's own kernels take six, because they convert the layout before and after and apply Swish apart. Sums are
float32, around the channel's first value, and reach memory as one partial sum per program. No atomics: results
are the same each time.
"""

# mypy: disable-error-code="import-not-found, import-untyped, untyped-decorator"
from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

TILE_VALUES = 4096
"""Values of a tile: 32 for each of the 128 threads of a program."""
PROGRAMS = 1024
"""Programs that run at once on a large GPU; more would only add partial sums."""


@triton.jit
def _sum_kernel(
    x: Any, partial: Any, positions: Any, tiles: Any, CHANNELS: tl.constexpr, WIDTH: tl.constexpr, TILE: tl.constexpr
) -> None:
    """Sums of x - x[0] and of its square: (2, batch, programs, channels)."""
    sample, program = tl.program_id(0), tl.program_id(1)
    channel = tl.arange(0, WIDTH)
    x += sample.to(tl.int64) * positions * CHANNELS
    shift = tl.load(x + channel, mask=channel < CHANNELS, other=0.0).to(tl.float32)
    first = tl.zeros([TILE, WIDTH], tl.float32)
    second = tl.zeros([TILE, WIDTH], tl.float32)
    for tile in range(tiles):
        position = (program * tiles + tile) * TILE + tl.arange(0, TILE)
        inside = (position[:, None] < positions) & (channel[None, :] < CHANNELS)
        value = tl.load(x + position[:, None] * CHANNELS + channel[None, :], mask=inside, other=0.0).to(tl.float32)
        value = tl.where(inside, value - shift[None, :], 0.0)
        first += value
        second += value * value
    row = (sample * tl.num_programs(1) + program) * CHANNELS + channel
    second_row = row + tl.num_programs(0) * tl.num_programs(1) * CHANNELS
    tl.store(partial + row, tl.sum(first, 0), mask=channel < CHANNELS)
    tl.store(partial + second_row, tl.sum(second, 0), mask=channel < CHANNELS)


@triton.jit
def _statistics_kernel(
    x: Any,
    sums: Any,
    mean: Any,
    deviation: Any,
    positions: Any,
    epsilon: Any,
    CHANNELS: tl.constexpr,
    GROUPS: tl.constexpr,
    GROUPS_WIDE: tl.constexpr,
    MEMBERS_WIDE: tl.constexpr,
) -> None:
    """Sums of each channel -> mean and 1 / standard deviation of each group, (batch, groups)."""
    sample = tl.program_id(0)
    members = CHANNELS // GROUPS
    group, member = tl.arange(0, GROUPS_WIDE), tl.arange(0, MEMBERS_WIDE)
    inside = (group[:, None] < GROUPS) & (member[None, :] < members)
    channel = group[:, None] * members + member[None, :]
    shift = tl.load(x + sample.to(tl.int64) * positions * CHANNELS + channel, mask=inside, other=0.0).to(tl.float32)
    first = tl.load(sums + sample * CHANNELS + channel, mask=inside, other=0.0) / positions
    second = tl.load(sums + (tl.num_programs(0) + sample) * CHANNELS + channel, mask=inside, other=0.0) / positions
    channel_mean = shift + first
    group_mean = tl.sum(channel_mean, 1) / members
    distance = channel_mean - group_mean[:, None]
    spread = tl.where(inside, distance * distance + tl.maximum(second - first * first, 0.0), 0.0)
    variance = tl.sum(spread, 1) / members
    tl.store(mean + sample * GROUPS + group, group_mean, mask=group < GROUPS)
    tl.store(deviation + sample * GROUPS + group, 1 / tl.sqrt(variance + epsilon), mask=group < GROUPS)


@triton.jit
def _apply_kernel(
    x: Any,
    out: Any,
    mean: Any,
    deviation: Any,
    weight: Any,
    bias: Any,
    positions: Any,
    tiles: Any,
    CHANNELS: tl.constexpr,
    GROUPS: tl.constexpr,
    WIDTH: tl.constexpr,
    TILE: tl.constexpr,
    SWISH: tl.constexpr,
) -> None:
    """The normalised map."""
    sample, program = tl.program_id(0), tl.program_id(1)
    channel = tl.arange(0, WIDTH)
    real = channel < CHANNELS
    group = sample * GROUPS + channel // (CHANNELS // GROUPS)
    centre = tl.load(mean + group, mask=real, other=0.0)
    factor = tl.load(deviation + group, mask=real, other=0.0) * tl.load(weight + channel, mask=real, other=0.0)
    offset = tl.load(bias + channel, mask=real, other=0.0)
    start = sample.to(tl.int64) * positions * CHANNELS
    for tile in range(tiles):
        position = (program * tiles + tile) * TILE + tl.arange(0, TILE)
        inside = (position[:, None] < positions) & real[None, :]
        place = start + position[:, None] * CHANNELS + channel[None, :]
        value = tl.load(x + place, mask=inside, other=0.0).to(tl.float32)
        value = (value - centre[None, :]) * factor[None, :] + offset[None, :]
        if SWISH:
            value = value * tl.sigmoid(value)
        tl.store(out + place, value.to(out.dtype.element_ty), mask=inside)


@triton.jit
def _gradient(
    gradient: Any,
    x: Any,
    centre: Any,
    spread: Any,
    weight: Any,
    offset: Any,
    place: Any,
    inside: Any,
    SWISH: tl.constexpr,
) -> Any:
    """Gradient of what Swish is applied to, and the normalised values."""
    normalised = (tl.load(x + place, mask=inside, other=0.0).to(tl.float32) - centre[None, :]) * spread[None, :]
    change = tl.load(gradient + place, mask=inside, other=0.0).to(tl.float32)
    if SWISH:
        value = normalised * weight[None, :] + offset[None, :]
        share = tl.sigmoid(value)
        change = change * share * (1 + value * (1 - share))
    return change, normalised


@triton.jit
def _gradient_sum_kernel(
    gradient: Any,
    x: Any,
    mean: Any,
    deviation: Any,
    weight: Any,
    bias: Any,
    partial: Any,
    positions: Any,
    tiles: Any,
    CHANNELS: tl.constexpr,
    GROUPS: tl.constexpr,
    WIDTH: tl.constexpr,
    TILE: tl.constexpr,
    SWISH: tl.constexpr,
) -> None:
    """Sums of the gradient, and of its product with the normalised values: (2, batch, programs, channels)."""
    sample, program = tl.program_id(0), tl.program_id(1)
    channel = tl.arange(0, WIDTH)
    real = channel < CHANNELS
    group = sample * GROUPS + channel // (CHANNELS // GROUPS)
    centre = tl.load(mean + group, mask=real, other=0.0)
    spread = tl.load(deviation + group, mask=real, other=0.0)
    factor = tl.load(weight + channel, mask=real, other=0.0)
    offset = tl.load(bias + channel, mask=real, other=0.0)
    start = sample.to(tl.int64) * positions * CHANNELS
    first = tl.zeros([TILE, WIDTH], tl.float32)
    second = tl.zeros([TILE, WIDTH], tl.float32)
    for tile in range(tiles):
        position = (program * tiles + tile) * TILE + tl.arange(0, TILE)
        inside = (position[:, None] < positions) & real[None, :]
        place = start + position[:, None] * CHANNELS + channel[None, :]
        change, normalised = _gradient(gradient, x, centre, spread, factor, offset, place, inside, SWISH)
        first += change
        second += change * normalised
    row = (sample * tl.num_programs(1) + program) * CHANNELS + channel
    second_row = row + tl.num_programs(0) * tl.num_programs(1) * CHANNELS
    tl.store(partial + row, tl.sum(first, 0), mask=real)
    tl.store(partial + second_row, tl.sum(second, 0), mask=real)


@triton.jit
def _gradient_mean_kernel(
    sums: Any,
    weight: Any,
    means: Any,
    positions: Any,
    CHANNELS: tl.constexpr,
    GROUPS: tl.constexpr,
    GROUPS_WIDE: tl.constexpr,
    MEMBERS_WIDE: tl.constexpr,
) -> None:
    """Means over each group of weight * gradient and of its product with the normalised values: (2, batch, groups)."""
    sample = tl.program_id(0)
    members = CHANNELS // GROUPS
    group, member = tl.arange(0, GROUPS_WIDE), tl.arange(0, MEMBERS_WIDE)
    inside = (group[:, None] < GROUPS) & (member[None, :] < members)
    channel = group[:, None] * members + member[None, :]
    factor = tl.load(weight + channel, mask=inside, other=0.0) / (positions * members)
    for kind in range(2):
        row = kind * tl.num_programs(0) + sample
        total = tl.load(sums + row * CHANNELS + channel, mask=inside, other=0.0)
        tl.store(means + row * GROUPS + group, tl.sum(factor * total, 1), mask=group < GROUPS)


@triton.jit
def _gradient_apply_kernel(
    gradient: Any,
    x: Any,
    mean: Any,
    deviation: Any,
    weight: Any,
    bias: Any,
    means: Any,
    out: Any,
    positions: Any,
    tiles: Any,
    CHANNELS: tl.constexpr,
    GROUPS: tl.constexpr,
    WIDTH: tl.constexpr,
    TILE: tl.constexpr,
    SWISH: tl.constexpr,
) -> None:
    """The gradient of the map."""
    sample, program = tl.program_id(0), tl.program_id(1)
    channel = tl.arange(0, WIDTH)
    real = channel < CHANNELS
    group = sample * GROUPS + channel // (CHANNELS // GROUPS)
    centre = tl.load(mean + group, mask=real, other=0.0)
    spread = tl.load(deviation + group, mask=real, other=0.0)
    factor = tl.load(weight + channel, mask=real, other=0.0)
    offset = tl.load(bias + channel, mask=real, other=0.0)
    level = tl.load(means + group, mask=real, other=0.0)
    slope = tl.load(means + tl.num_programs(0) * GROUPS + group, mask=real, other=0.0)
    start = sample.to(tl.int64) * positions * CHANNELS
    for tile in range(tiles):
        position = (program * tiles + tile) * TILE + tl.arange(0, TILE)
        inside = (position[:, None] < positions) & real[None, :]
        place = start + position[:, None] * CHANNELS + channel[None, :]
        change, normalised = _gradient(gradient, x, centre, spread, factor, offset, place, inside, SWISH)
        change = change * factor[None, :] - level[None, :] - normalised * slope[None, :]
        tl.store(out + place, (change * spread[None, :]).to(out.dtype.element_ty), mask=inside)


def forward(
    x: Tensor, weight: Tensor, bias: Tensor, groups: int, epsilon: float, swish: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the normalised map, and mean and 1 / standard deviation of each group, (batch, groups) float32.

    Args:
        x: (batch, channels, bins, frames), channels-last.
        weight, bias: (channels,), float32.
    """
    batch, channels, positions = _shape(x)
    sizes, programs = _sizes(batch, channels, positions)
    partial = x.new_empty((2, batch, programs, channels), dtype=torch.float32)
    mean, deviation = x.new_empty((2, batch, groups), dtype=torch.float32)
    out = torch.empty_like(x)
    _sum_kernel[batch, programs](x, partial, positions, **sizes)
    _statistics_kernel[batch,](x, partial.sum(2), mean, deviation, positions, epsilon, **_group_sizes(channels, groups))
    _apply_kernel[batch, programs](
        x, out, mean, deviation, weight, bias, positions, GROUPS=groups, SWISH=swish, **sizes
    )
    return out, mean, deviation


def backward(
    gradient: Tensor, x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, deviation: Tensor, swish: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of x, weight and bias.

    Args:
        gradient: of the output; it and x channels-last.
    """
    batch, channels, positions = _shape(x)
    groups = mean.shape[1]
    sizes, programs = _sizes(batch, channels, positions)
    partial = x.new_empty((2, batch, programs, channels), dtype=torch.float32)
    means = x.new_empty((2, batch, groups), dtype=torch.float32)
    out = torch.empty_like(x)
    saved = (gradient, x, mean, deviation, weight, bias)
    _gradient_sum_kernel[batch, programs](*saved, partial, positions, GROUPS=groups, SWISH=swish, **sizes)
    sums = partial.sum(2)
    _gradient_mean_kernel[batch,](sums, weight, means, positions, **_group_sizes(channels, groups))
    _gradient_apply_kernel[batch, programs](*saved, means, out, positions, GROUPS=groups, SWISH=swish, **sizes)
    bias_gradient, weight_gradient = sums.sum(1)
    return out, weight_gradient, bias_gradient


def _shape(x: Tensor) -> tuple[int, int, int]:
    """Return batch, channels and positions."""
    batch, channels, bins, frames = x.shape
    return batch, channels, bins * frames


def _sizes(batch: int, channels: int, positions: int) -> tuple[dict[str, int], int]:
    """Return the arguments of the kernels that walk the map, and their programs per sample."""
    width = triton.next_power_of_2(channels)
    tile = max(1, TILE_VALUES // width)
    tiles = triton.cdiv(positions, tile)
    tiles_each = triton.cdiv(tiles, max(1, PROGRAMS // batch))
    return {"tiles": tiles_each, "CHANNELS": channels, "WIDTH": width, "TILE": tile}, triton.cdiv(tiles, tiles_each)


def _group_sizes(channels: int, groups: int) -> dict[str, int]:
    """Return the arguments of the kernels that join channels to groups."""
    members = triton.next_power_of_2(channels // groups)
    return {
        "CHANNELS": channels,
        "GROUPS": groups,
        "GROUPS_WIDE": triton.next_power_of_2(groups),
        "MEMBERS_WIDE": members,
    }
