"""Where and with what a run was made."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from typing import Any


def made_with(packages: Sequence[str], device: str) -> dict[str, Any]:
    """What a manifest keeps of a command: its time, the machine, and versions of those packages that are installed."""
    return {
        "started": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
        "device": device,
        "host": platform.node(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "packages": {package: found for package in packages if (found := _version(package))},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
