"""Fused group normalisation for GPUs as an operator of PyTorch, so that gradients and `torch.compile` know it.

Its kernels are in `triton_norm`. `usable` says whether a feature map can take them; everything else takes PyTorch's own
operations.
"""

import importlib.util
from functools import cache
from typing import Any

import torch
from torch import Tensor

from m2l_bench.music2latent.private_apis import constant_when_compiled

DTYPES = (torch.float32, torch.bfloat16, torch.float16)
"""Number types that the kernels take and give."""
MOST_VALUES = 2**31 - 1
"""Largest number of values in a sample: places inside a sample are counted in 32 bits."""


@constant_when_compiled
def available(device: torch.device) -> bool:
    """Tell whether Triton is installed and supports this GPU."""
    return _available(device)


@cache
def _available(device: torch.device) -> bool:
    return importlib.util.find_spec("triton") is not None and torch.cuda.get_device_capability(device) >= (7, 0)


def usable(x: Tensor) -> bool:
    """Tell whether `group_norm` takes this map: two-dimensional, on a GPU, and not too large."""
    return x.is_cuda and x.dim() == 4 and x.dtype in DTYPES and x[0].numel() <= MOST_VALUES and available(x.device)


def group_norm(x: Tensor, groups: int, weight: Tensor, bias: Tensor, epsilon: float, swish: bool) -> Tensor:
    """Apply group normalisation, then x * sigmoid(x) if `swish`; channels-last, typed as x, statistics in float32.

    Args:
        x: (batch, channels, bins, frames); copied if not channels-last.
        weight, bias: (channels,), float32.
    """
    return _forward(x.contiguous(memory_format=torch.channels_last), weight, bias, groups, epsilon, swish)[0]


@torch.library.custom_op("m2l_bench::group_norm", mutates_args=(), device_types="cuda")
def _forward(
    x: Tensor, weight: Tensor, bias: Tensor, groups: int, epsilon: float, swish: bool
) -> tuple[Tensor, Tensor, Tensor]:
    from m2l_bench.music2latent import triton_norm

    with torch.cuda.device(x.device):  # Triton launches on the current one
        return triton_norm.forward(x, weight, bias, groups, epsilon, swish)


@_forward.register_fake
def _(x: Tensor, weight: Tensor, bias: Tensor, groups: int, epsilon: float, swish: bool) -> Any:
    statistics = x.new_empty((x.shape[0], groups), dtype=torch.float32)
    return torch.empty_like(x), statistics, torch.empty_like(statistics)


@torch.library.custom_op("m2l_bench::group_norm_backward", mutates_args=(), device_types="cuda")
def _backward(
    gradient: Tensor, x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, deviation: Tensor, swish: bool
) -> tuple[Tensor, Tensor, Tensor]:
    from m2l_bench.music2latent import triton_norm

    gradient = gradient.contiguous(memory_format=torch.channels_last)
    with torch.cuda.device(x.device):
        return triton_norm.backward(gradient, x, weight, bias, mean, deviation, swish)


@_backward.register_fake
def _(gradient: Tensor, x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, deviation: Tensor, swish: bool) -> Any:
    return torch.empty_like(x), torch.empty_like(weight), torch.empty_like(bias)


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
    x, weight, bias, _, _, ctx.swish = inputs
    ctx.save_for_backward(x, weight, bias, *output[1:])


def _differentiate(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Any, ...]:
    return (*_backward(gradient, *ctx.saved_tensors, ctx.swish), None, None, None)


_forward.register_autograd(_differentiate, setup_context=_save)
