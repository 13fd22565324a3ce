"""A check of a codec on one second of audio: does it match its card, does it repeat, how fast and large is it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from m2l_bench.cards import Latents, SystemCard
from m2l_bench.engine.torch_devices import MemoryMeter, clock
from m2l_bench.systems.codec_runner import CodecRunner

if TYPE_CHECKING:
    import torch

    from m2l_bench.codecs.base import Codec

SPARE_FRAMES = 3
"""Frames that one second may have beyond its number of whole frames: a partial one, and what a model adds at the
ends."""


@dataclass
class Check:
    """The result of a check."""

    sample_rate: int
    """Sample rate of the codec in Hz."""
    channels: int
    """Channels of one encoded stream."""
    latents: tuple[int, ...]
    """Shape of the latents of one second: (1, dim, frames)."""
    features: tuple[int, ...] | None
    """Shape of the features of one second; None: the codec has none."""
    values_per_second: int
    """Numbers in the latents of one second."""
    bytes_per_second: int
    """Bytes in the latents of one second."""
    compression: float
    """Samples of all channels divided by the numbers in the latents."""
    encode_seconds: float
    """Time to encode one second of audio."""
    decode_seconds: float
    """Time to decode one second of audio."""
    peak_memory_mb: float
    """Peak memory in 10^6 bytes: of the process on a CPU, allocated by torch on a GPU."""
    problems: list[str] = field(default_factory=list)
    """What does not match the card or what the harness expects of every codec; empty for a codec in order."""


def check_codec(card: SystemCard, runner: CodecRunner) -> Check:
    """Encode and decode one second of a tone with noise, twice; the times are the faster of the two passes."""
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
    check.problems += _shape_problems(audio, output, latents) + _repetition_problems(codec, passes)
    if card.latents is not None and len(check.latents) == 3:
        check.problems += _card_mismatches(card.latents, check)
    return check


def _one_second(sample_rate: int, channels: int) -> torch.Tensor:
    """Make a tone with noise, (1, channels, samples)."""
    import torch

    noise = torch.randn(1, channels, sample_rate, generator=torch.Generator().manual_seed(0))
    return 0.1 * noise + 0.5 * torch.sin(2 * torch.pi * 440 * torch.arange(sample_rate) / sample_rate)


def _shape_problems(audio: torch.Tensor, output: torch.Tensor, latents: torch.Tensor) -> list[str]:
    problems = []
    if latents.ndim != 3 or len(latents) != 1:
        problems.append(f"latents have the shape {tuple(latents.shape)}: expected (batch, dim, frames)")
    if output.shape[:2] != audio.shape[:2] or output.shape[-1] < audio.shape[-1]:
        problems.append(f"gives {tuple(output.shape)} for audio of {tuple(audio.shape)}")
    if not output.isfinite().all():
        problems.append("gives NaN or infinite samples")
    return problems


def _repetition_problems(codec: Codec, passes: list[tuple[Any, ...]]) -> list[str]:
    import torch

    positions = {"latents": 0, "samples": 1} if codec.deterministic else {"samples": 1}
    return [
        f"{what} of the same audio and seed differ from run to run"
        for what, i in positions.items()
        if not torch.equal(passes[0][i], passes[1][i])
    ]


def _card_mismatches(expected: Latents, check: Check) -> list[str]:
    problems = [
        f"{what} is {actual}, the card says {on_card}"
        for what, actual, on_card in (
            ("the sample rate", check.sample_rate, expected.sample_rate),
            ("the number of channels", check.channels, expected.channels),
            ("the width of latents", check.latents[1], expected.width),
        )
        if actual != on_card
    ]
    frames, whole_frames = check.values_per_second / expected.width, check.sample_rate / expected.samples
    if not whole_frames <= frames <= whole_frames + SPARE_FRAMES:
        problems.append(
            f"one second is {frames:.1f} frames; with the card's {expected.samples} samples per frame it would be "
            f"{whole_frames:.1f}"
        )
    bits = check.bytes_per_second * 8 / check.values_per_second
    if abs(bits - expected.bits) > 0.05 * expected.bits:
        problems.append(f"a number of the latents takes {bits:.1f} bits, the card says {expected.bits:g}")
    return problems
