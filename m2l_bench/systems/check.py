"""One second through a codec: is it what its card says, is it the same twice, how fast, in how much memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from m2l_bench.cards import Latents, SystemCard
from m2l_bench.systems.codec_runner import CodecRunner
from m2l_bench.systems.devices import MemoryMeter, clock

if TYPE_CHECKING:
    import torch

    from m2l_bench.codecs.base import Codec

SPARE_FRAMES = 3
"""Frames that one second may have beyond its samples' share: one begun, and what a model adds at the ends."""


@dataclass
class Check:
    """What was seen; `problems` is empty for a codec that keeps what its card and the harness expect."""

    sample_rate: int
    channels: int
    latents: tuple[int, ...]
    """Shape for one second: (1, dim, frames)."""
    features: tuple[int, ...] | None
    """Shape for one second; None: the codec has none."""
    values_per_second: int
    bytes_per_second: int
    compression: float
    """Samples of all channels for each number."""
    encode_seconds: float
    decode_seconds: float
    peak_memory_mb: float
    """Of the process on a CPU, of what torch allocated on a GPU."""
    problems: list[str] = field(default_factory=list)


def check_codec(card: SystemCard, runner: CodecRunner) -> Check:
    """Encode and decode one second of noise under a tone, twice; times are the faster of the two."""
    import torch

    codec, samples = runner.codec, runner.codec.sample_rate
    audio = _one_second(samples, codec.channels).to(runner.device)
    meter = MemoryMeter(runner.device)
    passes = []
    with torch.inference_mode():
        for _ in range(2):
            generator = torch.Generator(runner.device).manual_seed(0)
            started = clock(runner.device)
            latents = codec.encode(audio)
            encoded = clock(runner.device)
            output = codec.decode(latents, samples, steps=runner.steps, generator=generator)
            passes.append((latents, output, encoded - started, clock(runner.device) - encoded))
        memory = meter.peak_mb()
        features = tuple(codec.features(audio).shape) if codec.has_features() else None
    latents, output, *_ = passes[0]
    values, bits = codec.transmitted(latents)
    check = Check(
        samples,
        codec.channels,
        tuple(latents.shape),
        features,
        values,
        -(-bits // 8),
        audio.numel() / values,
        min(encode for _, _, encode, _ in passes),
        min(decode for _, _, _, decode in passes),
        memory,
    )
    check.problems += _of_shapes(audio, output, latents) + _of_repetition(codec, passes)
    if card.latents is not None and len(check.latents) == 3:
        check.problems += _against_card(card.latents, check)
    return check


def _one_second(sample_rate: int, channels: int) -> torch.Tensor:
    """(1, channels, samples)."""
    import torch

    noise = torch.randn(1, channels, sample_rate, generator=torch.Generator().manual_seed(0))
    return 0.1 * noise + 0.5 * torch.sin(2 * torch.pi * 440 * torch.arange(sample_rate) / sample_rate)


def _of_shapes(audio: torch.Tensor, output: torch.Tensor, latents: torch.Tensor) -> list[str]:
    problems = []
    if latents.ndim != 3 or len(latents) != 1:
        problems.append(f"latents have the shape {tuple(latents.shape)}: expected (batch, dim, frames)")
    if output.shape[:2] != audio.shape[:2] or output.shape[-1] < audio.shape[-1]:
        problems.append(f"gives {tuple(output.shape)} for audio of {tuple(audio.shape)}")
    if not output.isfinite().all():
        problems.append("gives NaN or infinite samples")
    return problems


def _of_repetition(codec: Codec, passes: list[tuple[Any, ...]]) -> list[str]:
    import torch

    compared = {"latents": 0, "samples": 1} if codec.deterministic else {"samples": 1}
    return [
        f"{what} of the same audio and seed differ from run to run"
        for what, i in compared.items()
        if not torch.equal(passes[0][i], passes[1][i])
    ]


def _against_card(said: Latents, check: Check) -> list[str]:
    problems = [
        f"{what} is {found}, the card says {expected}"
        for what, found, expected in (
            ("the sample rate", check.sample_rate, said.sample_rate),
            ("the number of channels", check.channels, said.channels),
            ("the width of latents", check.latents[1], said.width),
        )
        if found != expected
    ]
    frames, share = check.values_per_second / said.width, check.sample_rate / said.samples
    if not share <= frames <= share + SPARE_FRAMES:
        problems.append(f"one second is {frames:.1f} frames, by the card's {said.samples} samples a frame {share:.1f}")
    bits = check.bytes_per_second * 8 / check.values_per_second
    if abs(bits - said.bits) > 0.05 * said.bits:
        problems.append(f"a number of the latents takes {bits:.1f} bits, the card says {said.bits}")
    return problems
