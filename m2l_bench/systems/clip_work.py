"""A clip on its way through a codec: cut into streams and chunks that go through it, and joined again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypedDict, TypeVar

import numpy as np

from m2l_bench.audio import Audio, fit_length, resample

if TYPE_CHECKING:
    from torch import Generator

    from m2l_bench.metrics.codes import Counts


class Cost(TypedDict, total=False):
    """What a reconstruction cost; a system without latents has none of these figures."""

    encode_seconds: float
    decode_seconds: float
    latent_values: int
    """Numbers in the latents."""
    latent_bytes: int
    """Bytes in the latents."""
    peak_memory_mb: float
    """Peak memory in 10^6 bytes."""


@dataclass
class Reconstruction:
    """A codec's reconstruction of a clip, and what it cost."""

    audio: Audio
    """(channels, samples) at the clip's sample rate."""
    cost: Cost
    code_counts: Counts | None = None
    """How often its codes use each entry of each codebook; None where the system has no codebooks."""


class Work:
    """Audio on its way through a codec, in parts.

    Args:
        streams: the audio at the codec's rate, each stream (width, samples).
    """

    def __init__(self, streams: list[Audio]) -> None:
        self.streams = streams
        self.parts: list[Part[Any]] = []
        self.finished_parts = 0
        self.problem = ""
        """Reason why it failed; empty if it did not."""


AnyWork = TypeVar("AnyWork", bound=Work)


class ClipWork(Work):
    """A clip at the sample rate of a codec, and its reconstruction as far as it has come.

    Args:
        clip_id: id of the clip.
        audio: (channels, samples) at `sample_rate`.
        sample_rate: sample rate of the clip in Hz.
        codec_rate: sample rate of the codec in Hz.
        width: channels of one stream of the codec, 1 or 2.
        chunk: samples of a chunk at the codec's rate; None: the clip is not cut.
        overlap: samples that neighbouring chunks share.
        group: number of streams and chunks that go through the codec together.
    """

    def __init__(
        self,
        clip_id: str,
        audio: Audio,
        sample_rate: int,
        *,
        codec_rate: int,
        width: int,
        chunk: int | None,
        overlap: int,
        group: int,
    ) -> None:
        super().__init__(to_streams(resample(audio, sample_rate, codec_rate), width))
        self.clip_id = clip_id
        self.channels, self.samples = audio.shape
        self.sample_rate, self.codec_rate = sample_rate, codec_rate
        self.length = self.streams[0].shape[1]
        self.size: int = self.length
        self.overlap = 0
        if chunk is not None and chunk < self.length:
            self.size, self.overlap = chunk, overlap
        self.starts = list(range(0, self.length - self.overlap, self.size - self.overlap))
        places = [(stream, start) for stream in range(len(self.streams)) for start in self.starts]
        groups = [places[first : first + group] for first in range(0, len(places), group)]
        self.parts = [Part(self, index, group_places, self.size) for index, group_places in enumerate(groups)]
        self.generator: Generator | None = None
        self.cost: Cost = {
            "encode_seconds": 0.0,
            "decode_seconds": 0.0,
            "latent_values": 0,
            "latent_bytes": 0,
            "peak_memory_mb": 0.0,
        }
        self.code_counts: Counts | None = None
        """Counts of the codes of the parts that are finished; None where the codec has no codebooks."""
        self._whole: Audio | None = None

    def add_codes(self, counts: Counts) -> None:
        """Add the counts of the codes of a part, (codebooks, entries)."""
        self.code_counts = counts if self.code_counts is None else self.code_counts + counts

    def add(self, places: list[tuple[int, int]], audio: Audio) -> None:
        """Add decoded chunks (places, width, samples), faded in and out where chunks overlap."""
        if self._whole is None:
            self._whole = np.zeros((len(self.streams), audio.shape[1], self.starts[-1] + self.size), np.float32)
        first, last = self.starts[0], self.starts[-1]
        for (stream, start), chunk in zip(places, audio, strict=True):
            window = _fades(self.size, self.overlap, at_start=start != first, at_end=start != last)
            self._whole[stream, :, start : start + self.size] += chunk * window

    def reconstruction(self) -> Reconstruction:
        """Return the finished reconstruction, at the clip's own rate, length and channels."""
        assert self._whole is not None
        joined = _from_streams(self._whole[..., : self.length], self.channels)
        restored = resample(joined, self.codec_rate, self.sample_rate)
        return Reconstruction(fit_length(restored, self.samples), self.cost, self.code_counts)


@dataclass(frozen=True)
class Part(Generic[AnyWork]):
    """Chunks of one clip that go through the codec together; they are cut when they are needed."""

    work: AnyWork
    index: int
    places: list[tuple[int, int]]
    """Stream and first sample of each chunk."""
    length: int
    """Samples of each chunk."""

    def cut(self) -> Audio:
        """Cut the chunks, (places, width, samples)."""
        streams, size = self.work.streams, self.length
        return np.stack([fit_length(streams[stream][:, start : start + size], size) for stream, start in self.places])


def to_streams(audio: Audio, width: int) -> list[Audio]:
    """Group channels by `width`, one or two, as views; a single last channel is repeated to fill its group."""
    groups = [audio[first : first + width] for first in range(0, len(audio), width)]
    return [np.broadcast_to(group, (width, audio.shape[1])) for group in groups]


def _from_streams(streams: Audio, channels: int) -> Audio:
    """Map (streams, width, samples) to (channels, samples): the inverse of `to_streams`."""
    count, width, samples = streams.shape
    spare = count * width - channels
    if spare == 0:
        return streams.reshape(channels, samples)
    last = streams[-1, width - spare - 1 :].mean(axis=0, keepdims=True)
    return np.concatenate([streams.reshape(-1, samples)[: channels - 1], last]) if channels > 1 else last


def _fades(size: int, overlap: int, *, at_start: bool, at_end: bool) -> Audio:
    """Compute the weights (size,) of a chunk: linear ramps over each overlap, so that the sum of all chunks is one."""
    ramp = (np.arange(overlap, dtype=np.float32) + 0.5) / max(overlap, 1)
    window: Audio = np.ones(size, np.float32)
    if at_start:
        window[:overlap] = ramp
    if at_end:
        window[size - overlap :] = ramp[::-1]
    return window
