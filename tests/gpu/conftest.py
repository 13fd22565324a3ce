"""Tensors that claim to be on a GPU, on any machine.

Under `FakeTensorMode` operations compute shapes, types and devices alone, so that a tensor of the wrong device is found
without a GPU: the mode refuses what a GPU would refuse, and everything that would wait for the GPU's results.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from m2l_bench.music2latent import Checkpoint, Config, Music2Latent, autoencoder, fused_norm, graphs, kernels
from m2l_bench.music2latent.networks import Networks

DEVICE = torch.device("cuda:1")
"""The second GPU: what names a device without its number is found too."""
SMALL = Config(
    hop=32,
    base_channels=8,
    channel_multipliers=(1, 2),
    downsampling=("both",),
    attention_levels=(1,),
    unet_blocks=1,
    bottleneck_channels=16,
    bottleneck_blocks=1,
    noise_channels=16,
    latent_channels=8,
)


class ClaimedGenerator(torch.Generator):
    """Stands in for a generator on a GPU, which a PyTorch without CUDA cannot make."""

    def __new__(cls, device: Any = "cpu") -> ClaimedGenerator:
        generator = super().__new__(cls)
        generator.claimed = torch.device(device)
        return generator

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return self.claimed


class Fakes(FakeTensorMode):
    """The mode, which also refuses noise for one device from a generator of another, as PyTorch does."""

    reads_zeros = False
    """Whether a value that is read is zero; otherwise it is an error to read one, which waits for the GPU."""

    def dispatch(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if self.reads_zeros and func is torch.ops.aten._local_scalar_dense.default and args[0].constant is None:
            return torch.zeros((), dtype=args[0].dtype).item()
        result = super().dispatch(func, types, args, kwargs)
        generator = (kwargs or {}).get("generator")
        if isinstance(generator, torch.Generator) and isinstance(result, torch.Tensor):
            assert isinstance(generator, ClaimedGenerator)
            assert generator.device.type == result.device.type, f"{func}: {generator.device}, {result.device}"
        return result


def move(module: nn.Module, function: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> nn.Module:
    """Stands in for what is behind `Module.to`, which exchanges a parameter's content: fake ones refuse that."""
    for part in module.modules():
        for name, parameter in part._parameters.items():
            if parameter is not None:
                moved = function(parameter.detach())
                part._parameters[name] = nn.Parameter(moved, requires_grad=parameter.requires_grad)
        for name, buffer in part._buffers.items():
            # Networks of transformers compute lengths from buffers of one number, whose value is needed.
            stays = buffer is None or (buffer.dim() == 0 and not buffer.is_floating_point())
            part._buffers[name] = buffer if stays else function(buffer)
        if isinstance(part, nn.RNNBase):
            part._init_flat_weights()
    return module


def to_numpy(tensor: torch.Tensor) -> np.ndarray:
    """Zeros in place of a fake tensor's values, if it is where numpy could read them."""
    if tensor.device.type != "cpu":
        raise TypeError(f"cannot convert a tensor on {tensor.device} to numpy")
    return np.zeros(tensor.shape, str(tensor.dtype).removeprefix("torch."))


@pytest.fixture
def cuda_guard() -> Iterator[None]:
    """Let a PyTorch without CUDA switch to a GPU's device, which it does around indexing and moving even fake tensors.

    Its table of devices gets the entry of the device `meta`, which does nothing, for `cuda` as well.
    """
    if torch.version.cuda is not None:
        yield
        return
    library = ctypes.CDLL(str(next(Path(torch.__file__).parent.glob("lib/libc10.*"))))
    table = (ctypes.c_void_p * 21).in_dll(library, "_ZN3c104impl26device_guard_impl_registryE")
    cuda, meta = 1, 14  # of c10/core/DeviceType.h
    table[cuda] = table[meta]
    yield
    table[cuda] = None


@pytest.fixture
def fake_cuda(cuda_guard: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """While it is used, new tensors are fake. What users hand in is not checked: the checks look at values."""
    monkeypatch.setattr(torch, "Generator", ClaimedGenerator)
    monkeypatch.setattr(FakeTensor, "numpy", to_numpy, raising=False)
    monkeypatch.setattr(nn.Module, "_apply", move)
    monkeypatch.setattr(kernels, "available", lambda: False)  # for CPUs: reads memory, which fake tensors have none of
    monkeypatch.setattr(autoencoder, "to_waveforms", lambda audio: audio)
    monkeypatch.setattr(autoencoder, "check_latents", lambda latents, width: latents)
    monkeypatch.setattr(fused_norm, "available", lambda device: False)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", tuple)
    monkeypatch.setattr(graphs, "record", lambda function, inputs, pool: function)
    with Fakes(allow_non_fake_inputs=True):
        yield


@pytest.fixture
def model(fake_cuda: None, dtype: torch.dtype) -> Music2Latent:
    """A model of networks that are on the GPU already."""
    return Music2Latent(Checkpoint(Networks(SMALL).to(DEVICE), Path("none"), ""), DEVICE, dtype)
