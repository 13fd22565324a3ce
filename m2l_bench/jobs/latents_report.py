"""The work of `m2l-bench latents report`: measure the latents of systems over clips, one clip in memory at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from m2l_bench.audio import Audio, read, resample, to_mono
from m2l_bench.boundary import reason_of
from m2l_bench.cards import SystemCard
from m2l_bench.codecs.base import Codec
from m2l_bench.datasets.base import Clip, Dataset
from m2l_bench.digests import digest
from m2l_bench.engine.torch_devices import torch_device
from m2l_bench.errors import UserError
from m2l_bench.latent_space.coder import Latents, Values
from m2l_bench.latent_space.codes import code_use, stable_codes
from m2l_bench.latent_space.distribution import by_channel, distribution, gaussian_floor, moments
from m2l_bench.latent_space.dynamics import (
    autocorrelation,
    predict,
    predictable_bits,
    shift_robustness,
    spectral_slope,
)
from m2l_bench.latent_space.intervals import Figure, over_clips, over_set
from m2l_bench.latent_space.linearity import gain_error, pair_linearity
from m2l_bench.latent_space.measures import MEASURES, VERSION
from m2l_bench.latent_space.robustness import disturbed, drift
from m2l_bench.metrics.codes import count_codes
from m2l_bench.music2latent.hashes import file_checksum
from m2l_bench.progress import Progress
from m2l_bench.runs.latent_spaces import LatentSpace, read_latent_spaces, write_latent_spaces
from m2l_bench.systems.latents_coder import LatentsCoder
from m2l_bench.systems.loading import load_runner, system_versions

ENCODED_SECONDS = 10.0
"""Longest part of a clip, from its middle, whose latents are measured."""
DECODED_SECONDS = 3.0
"""Longest part of a clip, from its middle, that is decoded some twenty times."""
LONGEST_SECONDS = 1800.0
MOST_NUMBERS = 16_000_000
"""Numbers of latents that are kept for what is computed of all clips together, 64 MB; longer clips are cut."""


@dataclass
class SystemOutcome:
    """What was done for a system."""

    space: LatentSpace
    measured: bool
    """Whether it was measured now, or had been before."""
    failed: dict[str, str] = field(default_factory=dict)
    """Reasons of the clips that failed, by id."""


def report_latents(
    cards: Sequence[SystemCard],
    dataset: Dataset,
    out: Path,
    progress: Progress,
    device: str = "auto",
    weights_dir: Path | None = None,
) -> list[SystemOutcome]:
    """Measure the latents of systems, and write each to `out` when it is finished.

    A system that `out` has with the same key is not measured again. Other systems in `out` stay as they are.

    Args:
        cards: systems whose cards have `latents`.
        out: the CSV file.

    Raises:
        UserError: a system is not available on this machine, no clip could be used, or `out` cannot be read or written.
    """
    spaces = read_latent_spaces(out)
    clips = [(clip.id, clip.start_seconds, clip.duration_seconds, _checksum(clip.path)) for clip in dataset.clips]
    outcomes = []
    for card in cards:
        runner = load_runner(card, device=torch_device(device), weights_dir=weights_dir)
        versions = system_versions(card)
        key = digest([VERSION, card.digest, versions, runner.weights_sha256, runner.steps, runner.seed, clips])[:16]
        present = spaces.get(card.name)
        if present and present.key == key:
            outcomes.append(SystemOutcome(present, measured=False))
            continue
        assert card.latents is not None
        work = _Work(LatentsCoder(runner, card.latents), len(dataset.clips))
        with progress.start(card.name, 2 * len(dataset.clips), 0) as advance:
            figures = work.measure(dataset.clips, advance)
        if not figures:
            reasons = "; ".join(f"{id}: {reason}" for id, reason in [*work.failed.items()][:3])
            raise UserError(f"{card.name}: no clip could be measured ({reasons})")
        space = LatentSpace(card.name, card.title, dataset.label, key, figures, work.channels)
        spaces[card.name] = space
        write_latent_spaces(out, spaces)
        outcomes.append(SystemOutcome(space, measured=True, failed=work.failed))
    return outcomes


class _Work:
    """The measures of one system: first of all latents, then of the decoded audio."""

    def __init__(self, coder: LatentsCoder, clips: int) -> None:
        self.coder = coder
        self.entries = coder.codec.codebook_entries
        self.kept_frames = max(1, MOST_NUMBERS // (clips * coder.width))
        self.latents: list[Latents] = []
        self.by_clip: dict[str, list[float]] = defaultdict(list)
        self.failed: dict[str, str] = {}
        self.channels: dict[str, list[float | None]] = {}

    def measure(self, clips: Sequence[Clip], advance: Callable[[], None]) -> dict[str, Figure]:
        """Measure clips; empty where all failed."""
        usable = []
        for clip, audio in self._read(clips, ENCODED_SECONDS, advance):
            if self._safely(clip, lambda audio=audio: self._encode(audio)):  # type: ignore[misc]
                usable.append(clip)
        if not usable:
            return {}
        figures = self._figures_of_codes() if self.entries else self._figures_of_latents()
        measure = self._decode_codes if self.entries else self._disturb
        for number, (clip, audio) in enumerate(self._read(usable, DECODED_SECONDS, advance)):
            self._safely(clip, lambda audio=audio, number=number: measure(audio, number))  # type: ignore[misc]
        figures |= {name: over_clips(values) for name, values in self.by_clip.items()}
        return {name: figures[name] for name in MEASURES if name in figures and np.isfinite(figures[name].value)}

    def _read(self, clips: Sequence[Clip], seconds: float, advance: Callable[[], None]) -> Iterator[tuple[Clip, Audio]]:
        """Read the middle of clips as the codec takes it; a clip that cannot be read fails."""
        for clip in clips:
            try:
                audio = middle_of(clip, seconds, self.coder.codec)
            except Exception as error:
                self.failed[clip.id] = reason_of(error)
            else:
                yield clip, audio
            advance()

    def _safely(self, clip: Clip, measure: Callable[[], Values]) -> bool:
        """Add the values of a clip, or the reason why it has none."""
        try:
            values = measure()
        except UserError:
            raise
        except Exception as error:
            self.failed[clip.id] = reason_of(error)
            return False
        for name, value in values.items():
            self.by_clip[name].append(value)
        return True

    def _encode(self, audio: Audio) -> Values:
        latents = self.coder.encode(audio)
        if self.entries:
            codes = self.coder.codes(latents)
            self.latents.append(count_codes(codes[None], self.entries))
            return stable_codes(self.coder, audio)
        spare = max(0, latents.shape[1] - self.kept_frames)
        self.latents.append(latents[:, spare // 2 : spare // 2 + self.kept_frames].astype(np.float32))
        return {"autocorrelation": autocorrelation(latents), "spectral_slope": spectral_slope(latents)}

    def _figures_of_codes(self) -> dict[str, Figure]:
        return over_set(code_use, self.latents)

    def _figures_of_latents(self) -> dict[str, Figure]:
        """Measure the latents of all clips together, and keep what later measures need of them."""
        frames = np.concatenate(self.latents, axis=1).astype(np.float64)
        mean, deviation, *_ = moments(frames)
        self.mean, self.deviation = mean[:, None], deviation[:, None]
        self.channels = by_channel(self.latents)
        self.previous: Audio | None = None
        figures = over_set(distribution, self.latents)
        nowhere = float("nan")  # draws of a Gaussian are not about these clips: no interval
        figures["gaussian_floor"] = Figure(gaussian_floor(*frames.shape), nowhere, nowhere, len(self.latents))
        predictions = predict(self.latents)
        return figures | (over_set(predictable_bits, predictions) if predictions else {})

    def _disturb(self, audio: Audio, number: int) -> Values:
        previous, self.previous = self.previous, audio
        values = gain_error(self.coder, audio)
        if previous is not None:
            samples = min(audio.shape[1], previous.shape[1])
            values |= pair_linearity(self.coder, audio[:, :samples], previous[:, :samples])
        values |= disturbed(self.coder, audio, self.mean, self.deviation, seed=number)
        return values | shift_robustness(self.coder, audio) | drift(self.coder, audio)

    def _decode_codes(self, audio: Audio, number: int) -> Values:
        return drift(self.coder, audio)


def middle_of(clip: Clip, seconds: float, codec: Codec) -> Audio:
    """Read the middle of a clip at the codec's rate: mixed to mono for one channel, else its first two channels.

    Raises:
        BadClip: it cannot be read.
    """
    audio, rate = read(clip.path, clip.start_seconds, clip.duration_seconds, longest_seconds=LONGEST_SECONDS)
    spare = max(0, audio.shape[1] - round(seconds * rate))
    middle = np.clip(audio[:, spare // 2 : audio.shape[1] - (spare - spare // 2)], -1.0, 1.0)
    if codec.channels == 1:
        middle = to_mono(middle)
    else:
        middle = middle[:2] if len(middle) > 1 else np.repeat(middle, 2, axis=0)
    return resample(middle, rate, codec.sample_rate)


def _checksum(path: Path) -> str:
    """Checksum of a file; empty for a file that cannot be read, which fails when it is measured."""
    try:
        return file_checksum(path)
    except OSError:
        return ""
