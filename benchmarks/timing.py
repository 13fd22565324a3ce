"""Times of several calls in turn, and the name of the machine that they were measured on."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch


def in_turn(
    calls: dict[str, Callable[[], Any]], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Measure the seconds of each call in each round; a first round is not counted."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 1):
        for name, call in calls.items():
            _finish()
            started = clock()
            call()
            _finish()
            if number:
                times[name].append(clock() - started)
    return times


def _finish() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def machine(device: str = "cpu") -> str:
    """The processor, as Linux or the driver names it."""
    versions = f"PyTorch {torch.__version__}, Python {platform.python_version()}"
    if device != "cpu":
        return f"{torch.cuda.get_device_name(device)}, {versions}"
    names = {}
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        names = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = [flag for flag in ("avx512_bf16", "amx_bf16") if flag in names.get("flags", "").split()]
    name = names.get("model name", platform.processor() or platform.machine())
    return f"{name} ({', '.join(flags) or 'no bfloat16 instructions'}), {torch.get_num_threads()} threads, {versions}"
