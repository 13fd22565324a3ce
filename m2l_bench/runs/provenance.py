"""When, where and with which packages a run was made."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from m2l_bench.runs.schema import Origin


def origin(packages: Sequence[str], device: str) -> Origin:
    """Record the time, the machine, and the versions of those packages that are installed."""
    return Origin(
        started=now(),
        device=device,
        host=platform.node(),
        platform=platform.platform(),
        python=platform.python_version(),
        cores=os.cpu_count(),
        processor=processor(device),
        packages={package: installed for package in packages if (installed := _version(package))},
    )


def now() -> str:
    """The present time in UTC as manifests store it: ISO 8601 with milliseconds."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def processor(device: str) -> str:
    """Name of a torch device's GPU or, for `cpu`, of the processor, as the driver or the system reports it."""
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


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
