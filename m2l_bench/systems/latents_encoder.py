"""A codec whose latents are kept: audio of any sample rate, number of channels and length to one array per stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from m2l_bench.audio import Audio, resample
from m2l_bench.cards import Latents
from m2l_bench.errors import BadClip
from m2l_bench.systems.clip_work import Part, Work, to_streams
from m2l_bench.systems.codec_runner import CodecRunner

Array = NDArray[Any]
"""Latents or codes, (width, frames)."""


class Cut(NamedTuple):
    """How audio is cut into chunks whose latents are joined again."""

    frame: int
    """Samples of one frame of latents."""
    size: int
    """Frames of a chunk."""
    overlap: int
    """Frames that neighbouring chunks share, an even number."""


class LatentsEncoder:
    """A codec that takes audio of any sample rate, number of channels and length, and gives its latents.

    - Streams: a codec of one channel encodes each channel by itself; one of two channels takes them in pairs, and an
      odd last channel twice.
    - Chunks: where the card sets `chunk_seconds`, longer audio is cut into overlapping chunks that begin with a frame
      of latents. Of frames that two chunks have, the first half is taken from the first chunk, the rest from the
      second. Latents that cannot be joined so (`Codec.even_frames`) are made of the whole audio at once.

    Args:
        runner: the codec; its device, chunks and batches are used.
        latents: what the card says about the latents.
    """

    version = "1"
    """Version of this wrapper's numbers. Raise it when the same codec begins to give other latents through it."""

    def __init__(self, runner: CodecRunner, latents: Latents) -> None:
        self.runner = runner
        self.latents = latents
        self.cut = _cut(runner, latents.samples)

    def prepare(self, file_id: str, audio: Audio, sample_rate: int) -> LatentsWork:
        """Resample and cut audio (channels, samples) for `encode_all`; this needs no device and no other audio."""
        codec = self.runner.codec
        streams = to_streams(resample(audio, sample_rate, codec.sample_rate), codec.channels)
        return LatentsWork(file_id, audio.shape[1], sample_rate, streams, self.cut, self.runner.batch_size)

    def encode_all(self, works: Iterable[LatentsWork]) -> Iterator[LatentsWork]:
        """Encode works, and give each when it is finished or has a problem, on a GPU not always in their order."""
        return self.runner.run_all(works, self._encode)

    def _encode(self, parts: Sequence[Part[LatentsWork]]) -> None:
        """Encode parts of equal length in one batch, and add the latents to their works."""
        import torch

        pieces = np.concatenate([part.cut() for part in parts])
        with torch.inference_mode():
            latents = self.runner.codec.encode(torch.from_numpy(pieces).to(self.runner.device)).cpu().numpy()
        if latents.ndim != 3 or latents.shape[:2] != (len(pieces), self.latents.width):
            raise BadClip(
                f"the codec gave latents of shape {latents.shape} for {len(pieces)} chunks; the card says that "
                f"a frame has {self.latents.width} numbers"
            )
        if not latents.shape[2]:
            raise BadClip("the codec gave no frames")
        if not np.isfinite(latents).all():
            raise BadClip("the codec gave NaN or infinite latents")
        first = 0
        for part in parts:
            part.work.add(part.places, latents[first : first + len(part.places)])
            first += len(part.places)


class LatentsWork(Work):
    """Audio at the sample rate of a codec, and its latents as far as they have come.

    Args:
        file_id: id of the audio file.
        samples: samples of the file, at its own rate.
        sample_rate: that rate in Hz.
        streams: the audio at the codec's rate, each stream (width, samples).
        cut: how to cut it into chunks; None: it is encoded in one piece.
        group: number of streams and chunks that go through the codec together.
    """

    def __init__(
        self, file_id: str, samples: int, sample_rate: int, streams: list[Audio], cut: Cut | None, group: int
    ) -> None:
        super().__init__(streams)
        self.file_id, self.samples, self.sample_rate = file_id, samples, sample_rate
        length = streams[0].shape[1]
        if cut is None or length <= cut.size * cut.frame:
            cut = Cut(length, 1, 0)
        self.cut = cut
        size, step = cut.size * cut.frame, (cut.size - cut.overlap) * cut.frame
        self.starts = list(range(0, length - cut.overlap * cut.frame, step))
        # All chunks but the last are equally long.
        for starts, chunk_samples in ((self.starts[:-1], size), (self.starts[-1:], length - self.starts[-1])):
            places = [(stream, start) for start in starts for stream in range(len(streams))]
            for first in range(0, len(places), group):
                self.parts.append(Part(self, len(self.parts), places[first : first + group], chunk_samples))
        self._chunks: dict[tuple[int, int], Array] = {}

    def add(self, places: Sequence[tuple[int, int]], latents: Array) -> None:
        """Add the latents of chunks, (places, width, frames): the frames that are not taken from a neighbour.

        Raises:
            BadClip: there are fewer frames than a chunk has.
        """
        half = self.cut.overlap // 2
        for (stream, start), chunk in zip(places, latents, strict=True):
            is_last = start == self.starts[-1]
            if not is_last and chunk.shape[1] < self.cut.size:
                raise BadClip(f"the codec gave {chunk.shape[1]} frames for a chunk of {self.cut.size} frames")
            kept = slice(half if start else 0, None if is_last else self.cut.size - half)
            self._chunks[stream, start] = chunk[:, kept]

    def result(self) -> list[Array]:
        """Join the chunks of each stream to its latents, (width, frames)."""
        streams = range(len(self.streams))
        return [np.concatenate([self._chunks[stream, start] for start in self.starts], axis=1) for stream in streams]


def _cut(runner: CodecRunner, frame: int) -> Cut | None:
    """Make the chunks of a card whole numbers of frames, and even ones: some encoders give frames in pairs."""
    if runner.chunk_seconds is None or not runner.codec.even_frames:
        return None
    frames_per_second = runner.codec.sample_rate / frame
    size = 2 * round(runner.chunk_seconds * frames_per_second / 2)
    overlap = 2 * int(np.ceil(runner.overlap_seconds * frames_per_second / 2))
    return Cut(frame, max(size, overlap + 2), overlap)
