"""What `scripts/gpu_check.sh` measures itself: is a device's result right, and where does its time go?

    python benchmarks/gpu_check.py correct --device cuda --json correct.json
    python benchmarks/gpu_check.py profile --device cuda --preset small --batch 32 --json profile.json

`correct` holds a device against the CPU and against the authors' package where it is installed, and its CUDA graphs
against the calls that they replay; it exits with 1 where results differ too much or a graph could not be recorded.
`profile` takes a training step and a decoding apart: the kernels that take the most time, and the operations with their
bytes and products beside what the device could do in that time (its roofline, measured).
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from codec import relative
from random_music2latent import load_package, music, random_networks
from timing import in_turn, machine
from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry
from train_step import matrix_flops, our_step

from m2l_bench.music2latent import PRESETS, PUBLISHED_LATENT_SCALE, Checkpoint, Music2Latent, fused_norm
from m2l_bench.music2latent.networks import Networks
from m2l_bench.music2latent.training.recipe import RECIPES

ROWS = 25
TOLERANCES = {"float32": 1e-4, "bfloat16": 0.05, "float16": 0.01}
"""Relative distance from the CPU's float32 that rounding explains."""


def networks_of(preset: str) -> Networks:
    """Random weights; what starts at zero is filled, or most of the networks would do nothing."""
    if preset == "official":
        return random_networks()
    torch.manual_seed(0)
    networks = Networks(PRESETS[preset]).eval()
    for parameter in networks.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.02)
    return networks


def correct(device: str, preset: str, seconds: float, path: Path) -> bool:
    """Distances from the CPU, of what graphs replay, and from the package; whether all of them are small enough."""
    torch.backends.cudnn.allow_tf32 = False  # it has the digits of float16
    checkpoint = Checkpoint(networks_of(preset), Path("random"), "")
    audio = music(seconds)
    distances: dict[str, dict[str, float]] = {}
    replayed: dict[str, dict[str, float]] = {}
    refused: list[str] = []
    exact = outputs(Music2Latent(checkpoint), audio)
    result: dict[str, Any] = {"machine": machine(device), "preset": preset, "from_cpu": distances}
    result |= {"replayed": replayed, "graphs_refused": refused}
    result["fused_norm"] = device != "cpu" and fused_norm.available(torch.device(device))
    for name in TOLERANCES:
        model = Music2Latent(checkpoint, device, getattr(torch, name))
        ours = outputs(model, audio, exact["latents"])
        distances[name] = {what: relative(ours[what], exact[what]) for what in exact}
        again = outputs(model, audio, exact["latents"])  # of CUDA graphs
        replayed[name] = {what: relative(again[what], ours[what]) for what in exact}
        refused += model.replays.refused if model.replays is not None else []
        print(name, json.dumps(distances[name]), "replayed", json.dumps(replayed[name]), flush=True)
        write(result, path)
    rows = [(row[name], tolerance) for name, tolerance in TOLERANCES.items() for row in (distances, replayed)]
    good = not refused and all(max(row.values()) < tolerance for row, tolerance in rows)
    if preset == "official":
        try:
            package = load_package(checkpoint.networks, device)
        except ImportError as error:
            result["from_package"] = f"not installed ({error})"
        else:
            latents = Music2Latent(checkpoint, device).encode(audio, strict=True)
            theirs = package.encode(audio).cpu() * PUBLISHED_LATENT_SCALE
            result["from_package"] = relative(latents, theirs)
            good = good and result["from_package"] < TOLERANCES["float32"]
        print("from the package", result["from_package"])
        write(result, path)
    return good


def write(result: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def outputs(model: Music2Latent, audio: Tensor, latents: Tensor | None = None) -> dict[str, Tensor]:
    """Everything that a model gives, with the same noise on each device."""
    encoded = model.encode(audio)
    generator = torch.Generator().manual_seed(0)
    decoded = model.decode(encoded if latents is None else latents, audio.shape[1], generator=generator)
    return {"latents": encoded, "features": model.features(audio), "audio": decoded}


@dataclass
class Work:
    """What the calls of an operation moved and multiplied."""

    calls: int = 0
    bytes: int = 0
    flops: int = 0


class CountWork(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts bytes read and written and floating-point operations of each operation of PyTorch."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.work: defaultdict[str, Work] = defaultdict(Work)

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        with self:
            result = function.decompose(*arguments, **(options or {}))
        if result is not NotImplemented:
            return result  # its parts were counted
        result = function(*arguments, **(options or {}))
        count = self.work[function._schema.name]
        count.calls += 1
        if not function.is_view:
            tensors = [leaf for leaf in tree_leaves((arguments, options, result)) if isinstance(leaf, Tensor)]
            count.bytes += sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        if function._overloadpacket in flop_registry:
            count.flops += int(flop_registry[function._overloadpacket](*arguments, **(options or {}), out_val=result))
        return result


def memory_speed(device: str) -> float:
    """Bytes a second, read and written, of a large copy."""
    size = 2**28 if device != "cpu" else 2**25
    source, target = (torch.zeros(size, device=device) for _ in range(2))
    return 2 * 4 * size / min(in_turn({"copy": lambda: target.copy_(source)}, 5)["copy"])


def take_apart(call: Callable[[], Any], device: str, rounds: int) -> dict[str, Any]:
    """Seconds of a call, its kernels by time, and its operations with their work."""
    seconds = statistics.median(in_turn({"call": call}, rounds)["call"])
    with CountWork() as counted:
        call()
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device != "cpu" else [])]
    with profile(activities=activities) as profiled:
        call()
        if device != "cpu":
            torch.cuda.synchronize()
    processor, kind = ("CPU", "self_cpu_time_total") if device == "cpu" else ("CUDA", "self_device_time_total")
    rows = [(row, getattr(row, kind) / 1e6) for row in profiled.key_averages()]
    kernels = [(row, time) for row, time in rows if row.device_type.name == processor]
    kernels.sort(key=lambda pair: -pair[1])
    times = {row.key: time for row, time in rows if row.device_type.name == "CPU"}
    operations = [
        {"name": name, "seconds": times.get(name, 0.0), **vars(work)}
        for name, work in counted.work.items()
        if work.bytes
    ]
    operations.sort(key=lambda row: -float(row["seconds"]))
    return {
        "seconds": seconds,
        "kernel_calls": sum(row.count for row, _ in kernels),
        "kernel_seconds": sum(time for _, time in kernels),
        "gigabytes": sum(work.bytes for work in counted.work.values()) / 1e9,
        "gflop": sum(work.flops for work in counted.work.values()) / 1e9,
        "kernels": [{"name": row.key, "seconds": time, "calls": row.count} for row, time in kernels[:ROWS]],
        "operations": operations[:ROWS],
    }


def as_text(name: str, part: dict[str, Any], bytes_per_second: float, flops_per_second: float) -> str:
    """A table of the operations beside their roofline, and one of the kernels."""
    whole = max(part["gigabytes"] * 1e9 / bytes_per_second, part["gflop"] * 1e9 / flops_per_second)
    lines = [
        f"{name}: {1e3 * part['seconds']:.1f} ms, {part['kernel_calls']} kernels in "
        f"{1e3 * part['kernel_seconds']:.1f} ms; "
        f"{part['gigabytes']:.1f} GB and {part['gflop']:.0f} GFLOP: {1e3 * whole:.1f} ms at the roofline",
        f"{'operation':50} {'calls':>6} {'ms':>9} {'GB':>8} {'GFLOP':>9} {'roofline ms':>11}",
    ]
    for row in part["operations"]:
        least = max(row["bytes"] / bytes_per_second, row["flops"] / flops_per_second)
        lines.append(
            f"{row['name']:50} {row['calls']:6} {1e3 * row['seconds']:9.2f} {row['bytes'] / 1e9:8.2f} "
            f"{row['flops'] / 1e9:9.1f} {1e3 * least:11.2f}"
        )
    lines.append(f"{'kernel':80} {'calls':>6} {'ms':>9}")
    lines += [f"{row['name'][:80]:80} {row['calls']:6} {1e3 * row['seconds']:9.2f}" for row in part["kernels"]]
    return "\n".join(lines) + "\n"


def profiles(device: str, preset: str, batch: int, seconds: float, rounds: int, path: Path) -> None:
    """A training step with the recipe `fast`, and a decoding, of random weights; each printed and written when done."""
    torch.backends.cudnn.benchmark = True
    dtype = torch.bfloat16 if device != "cpu" else torch.float32
    result: dict[str, Any] = {
        "machine": machine(device),
        "preset": preset,
        "batch": batch,
        "bytes_per_second": memory_speed(device),
        "flops_per_second": matrix_flops(torch.device(device), dtype),
    }
    config, recipe = PRESETS[preset], RECIPES["fast"]
    model = Music2Latent(Checkpoint(networks_of(preset), Path("random"), ""), device, dtype, batch_size=batch)
    latents = torch.zeros(batch, config.latent_channels, model.latents_for(round(seconds * config.sample_rate)))
    calls = {
        "training step": our_step(batch, torch.device(device), dtype, False, config, recipe),
        "decoding": lambda: model.decode(latents),
    }
    for name, call in calls.items():
        result[name] = take_apart(call, device, rounds)
        print(as_text(name, result[name], result["bytes_per_second"], result["flops_per_second"]), flush=True)
        write(result, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["correct", "profile"])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--preset", default="small", choices=sorted(PRESETS))
    parser.add_argument("--batch", type=int, default=32, help="of the profile: crops, and clips to decode")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of a clip")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, required=True)
    arguments = parser.parse_args()
    device, preset, seconds = arguments.device, arguments.preset, arguments.seconds
    if arguments.what == "profile":
        profiles(device, preset, arguments.batch, seconds, arguments.rounds, arguments.json)
    elif not correct(device, preset, seconds, arguments.json):
        sys.exit(1)


if __name__ == "__main__":
    main()
