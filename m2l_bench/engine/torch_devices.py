"""Torch devices: what their names mean, a clock that waits for a GPU, and the peak of memory."""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path

from m2l_bench.errors import UserError


def torch_devices(names: str) -> list[str]:
    """Resolve the names of devices to torch devices, one for each process.

    "cuda" is all GPUs that this process sees, "auto" the same or, without a GPU, the CPU. Several names are separated
    by commas.

    Raises:
        UserError: there is no such device, or "auto" or "cuda" is not alone.
    """
    if names == "cpu":
        return ["cpu"]
    import torch

    gpus = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    if names in ("auto", "cuda") and gpus:
        return gpus
    if names == "auto":
        return ["cpu"]
    devices = [name.strip() for name in names.split(",")]
    for device in devices:
        if is_gpu(device) and not gpus:
            raise UserError(f"--device {names}: PyTorch sees no GPU here; `cpu` and `auto` work everywhere")
        if device not in ("cpu", *gpus):
            known = ", ".join(["cpu", *gpus])
            raise UserError(f"--device {names}: '{device}' is not one of the devices {known}")
    return devices


def torch_device(names: str) -> str:
    """Resolve the names of devices to the first of them, for work that uses one.

    Raises:
        UserError: there is no such device.
    """
    return torch_devices(names)[0]


def is_gpu(device: str) -> bool:
    """Tell whether a torch device is a GPU."""
    return device.startswith("cuda")


def clock(device: str) -> float:
    """Wait until the device has finished its work, and read a clock in seconds."""
    if is_gpu(device):
        import torch

        torch.cuda.synchronize(device)
    return time.perf_counter()


class MemoryMeter:
    """A meter of the peak memory since it was created: allocated by torch on a GPU, resident in this process on a CPU.

    Only Linux can reset the peak of a process. On other systems the figure for the CPU is the peak since the process
    started.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        if is_gpu(device):
            import torch

            torch.cuda.reset_peak_memory_stats(device)
        elif sys.platform == "linux":
            with contextlib.suppress(OSError):
                Path("/proc/self/clear_refs").write_text("5")

    def peak_mb(self) -> float:
        """Read the peak in megabytes (10^6 bytes)."""
        if is_gpu(self.device):
            import torch

            return torch.cuda.max_memory_allocated(self.device) / 1e6
        if sys.platform == "linux":
            status = Path("/proc/self/status").read_text()
            return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
