"""What a command runs on."""

from __future__ import annotations

import platform
from pathlib import Path


def processor(device: str) -> str:
    """Name of a torch device's GPU or, for the CPU, of the processor, as the driver or the system calls it."""
    if device.startswith("cuda"):
        import torch

        return str(torch.cuda.get_device_name(device))
    description = Path("/proc/cpuinfo")
    if description.exists():
        for line in description.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
