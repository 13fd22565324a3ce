"""Torch devices: the one that `auto` means, when their work is done, and how much memory it took."""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path


def torch_device(name: str) -> str:
    """Resolve the name of a device: "auto" is a GPU where there is one, else the processor."""
    if name != "auto":
        return name
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def clock(device: str) -> float:
    """Seconds, once the device has done all it was given."""
    if device.startswith("cuda"):
        import torch

        torch.cuda.synchronize(device)
    return time.perf_counter()


class MemoryMeter:
    """Peak memory since its creation: allocated by torch on a GPU, resident in this process on a CPU.

    Only Linux can reset a process's high-water mark; elsewhere the figure for the CPU is the process's peak so far.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        if device.startswith("cuda"):
            import torch

            torch.cuda.reset_peak_memory_stats(device)
        elif sys.platform == "linux":
            with contextlib.suppress(OSError):
                Path("/proc/self/clear_refs").write_text("5")

    def peak_mb(self) -> float:
        """Megabytes (10^6 bytes)."""
        if self.device.startswith("cuda"):
            import torch

            return torch.cuda.max_memory_allocated(self.device) / 1e6
        if sys.platform == "linux":
            status = Path("/proc/self/status").read_text()
            return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
