"""The networks' fast form for inference, derived from the trained ones: same wiring, some parts replaced by equals.

| replaced | by | equal because |
|---|---|---|
| `Norm` | fused passes over memory: `kernels` on a CPU with numba, `fused_norm` on a GPU with Triton | same formula |
| `Upsample` | convolution before repetition, two taps an axis | taps that read the same repeated value are summed |
| `CrossConnection` | its 1/sqrt(n) inside the projection's weights, sums in place | linearity |
| `Conv1d` of one frame, in 16 bits on a CPU | a matrix product | same formula |
| memory | channels-last; nothing keeps gradients, so sums overwrite their first term | |

With `dtype=torch.bfloat16` weights and feature maps are rounded; noise levels, normalisation statistics, the output's
combination with c_skip and c_out and the STFT stay in float32.
"""

from __future__ import annotations

import copy
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from m2l_bench.music2latent import fused_norm, kernels
from m2l_bench.music2latent.blocks import CrossConnection, FrequencyAttention, FrequencyGain, Norm, Upsample
from m2l_bench.music2latent.networks import Networks


def inference_form(networks: Networks, dtype: torch.dtype = torch.float32) -> Networks:
    """Copy the networks into a form for `torch.inference_mode`, on the same device.

    Args:
        dtype: of weights and feature maps: float32, bfloat16 or float16.
    """
    derived = copy.deepcopy(networks).eval().requires_grad_(False)
    on_cpu = next(derived.parameters()).device.type == "cpu"
    _replace_parts(derived, pointwise=on_cpu and dtype != torch.float32)
    for module in derived.modules():
        if isinstance(module, nn.Conv1d | nn.Conv2d | Pointwise | FrequencyGain):
            module.to(dtype)
        if isinstance(module, FrequencyAttention):
            module.query_key_value.to(dtype)
            module.projection.to(dtype)
        if isinstance(module, nn.Conv2d):
            module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return derived


def _replace_parts(module: nn.Module, pointwise: bool) -> None:
    for name, part in module.named_children():
        if isinstance(part, Norm):
            setattr(module, name, FusedNorm(part))
        elif isinstance(part, Upsample):
            setattr(module, name, SubPixelUpsample(part))
        elif isinstance(part, CrossConnection):
            setattr(module, name, FoldedCrossConnection(part))
        elif pointwise and isinstance(part, nn.Conv1d) and part.kernel_size == (1,):
            setattr(module, name, Pointwise(part))
        else:
            _replace_parts(part, pointwise)


class Pointwise(nn.Module):
    """`Conv1d` with a kernel of one frame, as a matrix product.

    PyTorch's convolution in bfloat16 is wrong by 40 % for exactly five frames on processors with AVX-512 but without
    instructions for bfloat16 (oneDNN, seen in PyTorch 2.13).
    """

    def __init__(self, convolution: nn.Conv1d) -> None:
        super().__init__()
        self.weight, self.bias = convolution.weight, convolution.bias

    def forward(self, x: Tensor) -> Tensor:
        y = self.weight[..., 0] @ x
        return y if self.bias is None else y.add_(self.bias[:, None])


class FusedNorm(nn.Module):
    """`Norm` in two passes over memory where `kernels` or `fused_norm` can be used, or PyTorch's own operations."""

    def __init__(self, norm: Norm) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        norm = self.norm
        if fused_norm.usable(x):
            return fused_norm.group_norm(x, norm.num_groups, norm.weight, norm.bias, norm.eps, norm.swish)
        if x.dim() == 4 and x.device.type == "cpu" and x.dtype in kernels.DTYPES and kernels.available():
            return kernels.group_norm(
                x, norm.num_groups, norm.weight, norm.bias, norm.eps, norm.swish, overwrite=norm.overwrites
            )
        # On a CPU PyTorch's channels-last kernel is inaccurate for long audio; its kernel for the plain layout is not.
        plain = x.contiguous() if x.device.type == "cpu" else x
        normalised = F.group_norm(plain, norm.num_groups, norm.weight.to(x.dtype), norm.bias.to(x.dtype), norm.eps)
        return F.silu(normalised, inplace=True) if norm.swish else normalised


class SubPixelUpsample(nn.Module):
    """`Upsample` at the lower resolution: one convolution gives each phase of the output as channels of its own."""

    def __init__(self, upsample: Upsample) -> None:
        super().__init__()
        self.factor = upsample.factor
        kernel = upsample.conv.weight.shape[2:]
        weight = upsample.conv.weight.detach()
        taps = [_phase_taps(factor, size, weight.device) for factor, size in zip(self.factor, kernel, strict=True)]
        self.starts = [starts for _, starts in taps]
        # (phase down, phase across, out, in, tap down, tap across): taps that read the same input are summed.
        phases = torch.einsum("oihw,ayh,bxw->aboiyx", weight.double(), taps[0][0], taps[1][0])
        size = phases.shape[-2:]
        self.conv = nn.Conv2d(
            weight.shape[1],
            phases.shape[0] * phases.shape[1] * weight.shape[0],
            kernel_size=(size[0], size[1]),
            padding=(size[0] - 1, size[1] - 1),
            device="meta",  # both parameters follow
        )
        self.conv.weight = nn.Parameter(phases.flatten(0, 2).to(weight), requires_grad=False)
        bias = upsample.conv.bias
        assert bias is not None
        self.conv.bias = nn.Parameter(bias.detach().repeat(len(self.conv.weight) // len(bias)), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        batch, _, height, width = x.shape
        down, across = self.factor
        phases = self.conv(x).unflatten(1, (down, across, -1))
        out = torch.empty(
            (batch, phases.shape[3], height * down, width * across),
            dtype=x.dtype,
            device=x.device,
            memory_format=torch.channels_last,
        )
        for a, top in enumerate(self.starts[0]):
            for b, left in enumerate(self.starts[1]):
                out[:, :, a::down, b::across] = phases[:, a, b, :, top : top + height, left : left + width]
        return out


def _phase_taps(factor: int, kernel: int, device: torch.device) -> tuple[Tensor, list[int]]:
    """Describe how a centred kernel over values repeated `factor` times reads the values themselves, along one axis.

    Returns:
        (phases, taps, kernel) zeros and ones: which kernel elements read which tap; and for each phase the index, in
        the convolution padded by taps - 1, of its first output.
    """
    taps = 1 if factor == 1 else 2
    matrix = [[[0.0] * kernel for _ in range(taps)] for _ in range(factor)]
    starts = []
    for phase in range(factor):
        read = [(phase - kernel // 2 + element) // factor for element in range(kernel)]
        for element, position in enumerate(read):
            matrix[phase][position - read[0]][element] = 1.0
        starts.append(read[0] + taps - 1)
    return torch.tensor(matrix, dtype=torch.float64, device=device), starts


class FoldedCrossConnection(nn.Module):
    """`CrossConnection` with the division by sqrt(n) folded into the projection."""

    def __init__(self, connection: CrossConnection) -> None:
        super().__init__()
        self.factor = 1 / math.sqrt(connection.terms)
        self.projection = connection.projection
        for parameter in self.projection.parameters():
            parameter.mul_(self.factor)

    def forward(self, decoded: Tensor, *features: Tensor) -> Tensor:
        total = self.projection(decoded)
        for feature in features:
            total.add_(feature, alpha=self.factor)
        return total
