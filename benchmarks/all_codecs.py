"""Every codec on this machine: how fast, in how much memory, and beside the upstream call that its adapter wraps.

    pip install -e ".[test]"
    python benchmarks/codec.py --models all --seconds 3 --csv codecs.csv

Random weights of the published sizes, each system in a process of its own. On a CPU the times are seconds of one core
that worked for this process, so that others on the machine disturb them little; on a GPU they are seconds. A real-time
factor is seconds of audio a second. Ratios are upstream's time over ours, in turn in one process, medians over rounds:
1 is equal, below 0.97 ours is slower than it may be.
"""

from __future__ import annotations

import csv
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from random_music2latent import load_package
from timing import in_turn
from torch import Tensor

from devtools.random_codecs import CARDS, CODECS, NOT_NARROW, network_of, prepare
from devtools.random_networks import PUBLISHED
from m2l_bench import audio
from m2l_bench.cards import SystemCard
from m2l_bench.datasets import bundled
from m2l_bench.engine.torch_devices import MemoryMeter
from m2l_bench.music2latent import PUBLISHED_LATENT_SCALE
from m2l_bench.systems.loading import load_runner

SLOWER = 0.97


@dataclass
class Upstream:
    """What an adapter wraps: its name, its call for audio (batch, channels, samples), its call for our latents."""

    name: str
    encode: Callable[[Tensor], Any]
    decode: Callable[[Tensor], Any]


def _dac(codec: Any) -> Upstream:
    def encode(clip: Tensor) -> Any:
        return codec.model.encode(clip, n_quantizers=codec.codebooks)

    return Upstream("transformers.DacModel", encode, lambda codes: codec.model.decode(audio_codes=codes.long()))


def _encodec(codec: Any) -> Upstream:
    """Its decoder takes codes and levels segment by segment, so that it is handed those of its own encoder."""
    encoded: list[Any] = []

    def encode(clip: Tensor) -> Any:
        encoded[:] = [codec.model.encode(clip, bandwidth=codec.kilobits)]

    def decode(_: Tensor) -> Any:
        (encoding,) = encoded
        return codec.model.decode(
            encoding.audio_codes, encoding.audio_scales, last_frame_pad_length=encoding.last_frame_pad_length
        )

    return Upstream("transformers.EncodecModel", encode, decode)


def _mimi(codec: Any) -> Upstream:
    def encode(clip: Tensor) -> Any:
        return codec.model.encode(clip, num_quantizers=codec.codebooks)

    return Upstream("transformers.MimiModel", encode, lambda codes: codec.model.decode(codes.long()))


def _oobleck(codec: Any) -> Upstream:
    def encode(clip: Tensor) -> Any:
        return codec.model.encode(clip).latent_dist.mode()

    return Upstream("diffusers.AutoencoderOobleck", encode, lambda latents: codec.model.decode(latents).sample)


def _music2latent(codec: Any) -> Upstream:
    package = load_package(codec.model.checkpoint.networks, str(codec.model.device))
    return Upstream(
        "music2latent 0.1.8",
        lambda clip: package.encode(clip[:, 0]),
        lambda latents: package.decode(latents / PUBLISHED_LATENT_SCALE),
    )


def _linear_cae(codec: Any) -> Upstream:
    return Upstream("linear-cae 0.1.4", lambda clip: codec.model.encode(clip[:, 0]), codec.model.decode)


UPSTREAM: dict[str, Callable[[Any], Upstream]] = {
    "dac": _dac,
    "encodec": _encodec,
    "linear-cae": _linear_cae,
    "mimi": _mimi,
    "oobleck": _oobleck,
    "music2latent": _music2latent,
}
"""Upstream calls by network; others are networks of this package, or call a library that has no networks."""


def measure_all(names: str, seconds: float, rounds: int, device: str) -> list[dict[str, Any]]:
    """Measure each system; a row has the reason in `problem` where it fails. Rows are in the order of the cards."""
    systems = CODECS if names == "all" else names.split(",")
    unknown = sorted(set(systems) - set(CODECS))
    if unknown:
        raise SystemExit(f"no codec called {', '.join(unknown)}; there are {', '.join(CODECS)}")
    rows = []
    for name in systems:
        with tempfile.TemporaryDirectory() as folder:
            published = network_of(CARDS[name]) in {*PUBLISHED, "music2latent", "musika", "lossy"}
            row: dict[str, Any] = {"system": name, "width": "published" if published else "narrow"}
            try:
                card = _in_a_process(prepare, name, Path(folder), published)
                row |= _in_a_process(measure, card, Path(folder), seconds, rounds, device)
            except BrokenProcessPool:
                row["problem"] = "its process was killed: not enough memory?"
            except Exception as error:
                row["problem"] = f"{type(error).__name__}: {' '.join(str(error).split())}"
            rows.append(row)
            print(row, file=sys.stderr)
    if names == "all":
        why = "no random weights of its size are made here"
        rows += [{"system": name, "width": "", "problem": why} for name in NOT_NARROW]
    return rows


def _in_a_process(function: Callable[..., Any], *arguments: Any) -> Any:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def measure(card: SystemCard, folder: Path, seconds: float, rounds: int, device: str) -> dict[str, Any]:
    """Measure memory of the first pass, before upstream is there; then times, ours and theirs in turn."""
    torch.set_num_threads(1)
    runner = load_runner(card, device=device, weights_dir=folder)
    codec, clip = runner.codec, _clip(card, runner.codec, seconds).to(device)
    length = clip.shape[-1]

    def decode(latents: Tensor) -> Tensor:
        return codec.decode(latents, length, steps=runner.steps, generator=torch.Generator(device).manual_seed(0))

    with torch.inference_mode():
        meter = MemoryMeter(device)
        latents = codec.encode(clip)
        decode(latents)
        row: dict[str, Any] = {"peak_memory_mb": meter.peak_mb(), "clip_seconds": length / codec.sample_rate}
        make = UPSTREAM.get(network_of(card))
        upstream = make(codec) if make else None
        row["upstream"] = upstream.name if upstream else ""
        clock = time.process_time if device == "cpu" else time.perf_counter
        for verb, ours, argument in (("encode", codec.encode, clip), ("decode", decode, latents)):
            calls: dict[str, Callable[[], Any]] = {"ours": partial(ours, argument)}
            if upstream:
                calls["theirs"] = partial(getattr(upstream, verb), argument)
            times = in_turn(calls, rounds, clock)
            row[f"{verb}_real_time_factor"] = row["clip_seconds"] / statistics.median(times["ours"])
            if upstream:
                ratios = [theirs / ours for theirs, ours in zip(times["theirs"], times["ours"], strict=True)]
                row[f"{verb}_ratio"] = statistics.median(ratios)
    return row


def _clip(card: SystemCard, codec: Any, seconds: float) -> Tensor:
    """(1, channels, samples) of the first bundled clip; of whole frames, since some upstream calls take no others."""
    samples, rate = audio.read(bundled.load().clips[0].path)
    samples = audio.resample(samples, rate, codec.sample_rate)
    frame = card.latents.samples if card.latents else 1
    length = max(1, round(seconds * codec.sample_rate) // frame) * frame
    waveform = np.resize(audio.to_mono(samples)[0], length)
    return torch.from_numpy(np.tile(waveform, (1, codec.channels, 1)))


HEAD = {
    "system": "System",
    "encode_real_time_factor": "encode, x real time",
    "decode_real_time_factor": "decode, x real time",
    "peak_memory_mb": "peak MB",
    "upstream": "upstream call",
    "encode_ratio": "encode ratio",
    "decode_ratio": "decode ratio",
}


def markdown(rows: list[dict[str, Any]]) -> str:
    """The table, and in words what failed or is slower than upstream by more than 3 %."""
    lines = ["| " + " | ".join(HEAD.values()) + " |", "|---|" + "---:|" * (len(HEAD) - 1)]
    lines += ["| " + " | ".join(_cell(row.get(key, "")) for key in HEAD) + " |" for row in rows]
    lines.append("")
    lines += [f"{row['system']}: {row['problem']}" for row in rows if row.get("problem")]
    lines += [f"{row['system']}: narrow network, its figures say nothing" for row in rows if row["width"] == "narrow"]
    for row in rows:
        for verb in ("encode", "decode"):
            if row.get(f"{verb}_ratio", 1) < SLOWER:
                lines.append(f"{row['system']}: {verb} is slower than {row['upstream']} by more than 3 %")
    return "\n".join(lines)


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def write_csv(rows: list[dict[str, Any]], path: Path) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: f"{v:.4g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows)
