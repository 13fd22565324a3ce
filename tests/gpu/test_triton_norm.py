"""The fused normalisation against its formula in double precision: on a GPU, or else in Triton's interpreter."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
pytest.importorskip("triton", reason="Triton is not installed: pip install triton")

from m2l_bench.music2latent import triton_norm  # noqa: E402

TOLERANCES = {torch.float32: 2e-5, torch.bfloat16: 1e-2, torch.float16: 2e-3}


def relative(ours: torch.Tensor, exact: torch.Tensor) -> float:
    return float((ours.double() - exact).abs().max() / exact.abs().max().clamp(min=1e-6))


@settings(max_examples=20)
@given(
    size=st.tuples(st.integers(1, 3), st.integers(1, 7), st.integers(2, 5)),
    groups=st.integers(1, 5),
    members=st.integers(1, 5),
    offset=st.sampled_from([0.0, 3.0, -300.0]),
    dtype=st.sampled_from(sorted(TOLERANCES, key=str)),
    swish=st.booleans(),
    programs=st.sampled_from([1, 4, 1024]),
    values=st.sampled_from([16, 4096]),
)
def test_forward_and_backward(size, groups, members, offset, dtype, swish, programs, values) -> None:
    generator = torch.Generator().manual_seed(size[1] * 100 + size[2])
    channels = groups * members
    x = (torch.randn(size[0], channels, *size[1:], generator=generator) + offset).to(DEVICE, dtype)
    x = x.contiguous(memory_format=torch.channels_last)
    gradient = torch.randn(x.shape, generator=generator).to(x).contiguous(memory_format=torch.channels_last)
    weight, bias = (torch.randn(2, channels, generator=generator) * 2).to(DEVICE)
    exact = [tensor.double().requires_grad_() for tensor in (x, weight, bias)]
    expected = F.group_norm(exact[0], groups, exact[1], exact[2], 1e-5)
    expected = F.silu(expected) if swish else expected
    expected.backward(gradient.double())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(triton_norm, "PROGRAMS", programs)
        patch.setattr(triton_norm, "TILE_VALUES", values)
        out, mean, deviation = triton_norm.forward(x, weight, bias, groups, 1e-5, swish)
        gradients = triton_norm.backward(gradient, x, weight, bias, mean, deviation, swish)
    assert out.dtype == gradients[0].dtype == dtype
    assert out.is_contiguous(memory_format=torch.channels_last)
    # The offset costs float32 digits of x itself.
    tolerance = TOLERANCES[dtype] if dtype != torch.float32 else 2e-5 * (1 + abs(offset) / 10)
    assert relative(out, expected.detach()) < tolerance
    # Gradients cancel, and a group of two values has nearly none: digits are counted from that of the output.
    scale = float(weight.abs().max() * deviation.max() * gradient.abs().max())
    for ours, tensor in zip(gradients, exact, strict=True):
        assert tensor.grad is not None
        allowed = tolerance * max(scale if tensor is exact[0] else 0.0, float(tensor.grad.abs().max()), 1.0)
        assert float((ours.double() - tensor.grad).abs().max()) < allowed


def test_many_positions_keep_their_digits() -> None:
    x = (torch.randn(1, 4, 64, 1024, generator=torch.Generator().manual_seed(0)) + 30).to(DEVICE)
    x = x.contiguous(memory_format=torch.channels_last)
    weight, bias = torch.ones(4, device=DEVICE), torch.zeros(4, device=DEVICE)
    out, _, _ = triton_norm.forward(x, weight, bias, 1, 1e-5, False)
    assert relative(out, F.group_norm(x.double(), 1)) < 5e-6


def test_extreme_values_stay_finite() -> None:
    x = torch.tensor([-1.0, 1.0], device=DEVICE).repeat(8).reshape(1, 1, 4, 4)
    for gain in (1e-30, 1.0, 1e30):
        weight, bias = torch.full((1,), gain, device=DEVICE), torch.zeros(1, device=DEVICE)
        out, _, _ = triton_norm.forward(x, weight, bias, 1, 1e-5, True)
        assert out.isfinite().all()
