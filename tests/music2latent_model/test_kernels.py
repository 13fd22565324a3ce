"""Fused group normalisation against its formula in double precision."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from m2l_bench.music2latent import kernels

pytestmark = pytest.mark.skipif(not kernels.available(), reason="numba is not installed")


@settings(max_examples=40)
@given(
    size=st.tuples(st.integers(1, 3), st.integers(1, 40), st.integers(2, 40)),
    groups=st.integers(1, 4),
    width=st.integers(1, 5),
    offset=st.sampled_from([0.0, 5.0, -300.0]),
    bfloat16=st.booleans(),
    swish=st.booleans(),
    overwrite=st.booleans(),
    channels_last=st.booleans(),
)
def test_formula(size, groups, width, offset, bfloat16, swish, overwrite, channels_last) -> None:
    generator = torch.Generator().manual_seed(size[1] * 100 + size[2])
    channels = groups * width
    x = torch.randn(size[0], channels, *size[1:], generator=generator) + offset
    weight, bias = torch.randn(2, channels, generator=generator) * 3
    if bfloat16:
        x = x.bfloat16()
    if channels_last:
        x = x.contiguous(memory_format=torch.channels_last)
    expected = F.group_norm(x.double(), groups, weight.double(), bias.double(), 1e-5)
    expected = F.silu(expected) if swish else expected
    before = x.clone()
    result = kernels.group_norm(x, groups, weight, bias, 1e-5, swish, overwrite)
    assert result.dtype == x.dtype
    if not overwrite:
        assert torch.equal(x, before)
    # The offset costs float32 digits of x itself, not of the sums.
    tolerance = 1e-2 if bfloat16 else 2e-5 * (1 + abs(offset))
    assert float((result.double() - expected).abs().max()) <= tolerance * float(expected.abs().max().clamp(min=1))


def test_extreme_values_stay_finite() -> None:
    x = torch.tensor([-1.0, 1.0]).repeat(8).reshape(1, 1, 4, 4)
    for gain in (1e-30, 1.0, 1e30):
        result = kernels.group_norm(x, 1, torch.tensor([gain]), torch.zeros(1), 1e-5, swish=True, overwrite=False)
        assert result.isfinite().all()
        assert torch.allclose(result, F.silu(F.group_norm(x, 1, torch.tensor([gain]))), rtol=1e-5, atol=1e-25 * gain)


def test_long_maps_keep_their_digits() -> None:
    """Where PyTorch's channels-last kernel loses them: a minute of the finest level has five million positions."""
    x = torch.randn(1, 4, 1024, 2048) + 3
    x = x.contiguous(memory_format=torch.channels_last)
    weight, bias = torch.ones(4), torch.zeros(4)
    expected = F.group_norm(x.double(), 1)
    result = kernels.group_norm(x, 1, weight, bias, 1e-5, swish=False, overwrite=False)
    assert float((result.double() - expected).norm() / expected.norm()) < 1e-6


def test_pytorch_keeps_its_number_of_threads() -> None:
    """In a fresh process, because numba's threads start once. Another number means other rounding in training."""
    script = (
        "import torch; from m2l_bench.music2latent import kernels; torch.set_num_threads(1); "
        "kernels.group_norm(torch.randn(1, 8, 16, 16), 2, torch.ones(8), torch.zeros(8), 1e-5, True, True); "
        "print(torch.get_num_threads())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"


def test_each_number_type_has_a_cache_of_its_own() -> None:
    """Two processes that compile one function for two types at once would take each other's code."""
    names = {function.py_func.__qualname__ for bfloat16 in (False, True) for function in kernels._compiled(bfloat16)}
    assert len(names) == 4
