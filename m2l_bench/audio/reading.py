"""The one place where a file becomes audio: block by block, by what is in the file and not by what its header promises.

libsndfile is given an open file and never a path, so that neither a file name nor what is beside the file decides
anything. Where a header states the length, a file with less is truncated; where it only estimates the length, or says
nothing (MP3 without a count, FLAC written to a pipe), the length is what decodes. What libsndfile cannot read, ffmpeg
decodes where it is on the PATH.
"""

from __future__ import annotations

import contextlib
import functools
import math
import os
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from m2l_bench.audio import ffmpeg
from m2l_bench.audio.arrays import Audio
from m2l_bench.audio.ffmpeg import Ffmpeg
from m2l_bench.audio.ogg import FileFrom, link_offsets
from m2l_bench.errors import BadClip, TooLong
from m2l_bench.text import one_line

LOWEST_RATE, HIGHEST_RATE = 1_000, 1_000_000
"""Hz. Anything else in a header is damage, or no audio."""
MOST_CHANNELS = 49
"""Ambisonics of order six."""
BLOCK_SAMPLES = 1 << 16
MP3_FRAME = 1_152
"""Samples. An encoder's delay makes the count in an MP3's header inexact by up to one frame."""
UNKNOWN = 1 << 62
"""libsndfile's frame counts from here on mean that the header does not state the length."""
STREAMED_WAV = 0x7FFF_0000
"""Sizes of a WAV file's data chunk from here on were written before the length was known."""
EXTENSIONS = frozenset(
    [
        ".wav",
        ".wave",
        ".flac",
        ".mp3",
        ".ogg",
        ".oga",
        ".opus",
        ".aif",
        ".aiff",
        ".aifc",
        ".au",
        ".snd",
        ".caf",
        ".w64",
        ".rf64",
    ]
)
"""What libsndfile reads."""
INDEPENDENT = frozenset(["PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"])
"""Encodings whose samples do not depend on where decoding begins. Opus differs by a rounding; others cannot seek."""


def can_decode(extension: str) -> bool:
    """Whether files with this extension can be read on this machine."""
    return extension in EXTENSIONS or (extension in ffmpeg.EXTENSIONS and ffmpeg.is_here())


class AudioFile:
    """An open file of audio, read once, from its beginning or from a later place, to its end.

    Args:
        path: the file.

    Raises:
        BadClip: it is missing, empty, not audio, or its header is absurd.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise BadClip("file not found" if not path.exists() else "not a regular file")
        if path.stat().st_size == 0:
            raise BadClip("empty file (0 bytes)")
        self.path = path
        self._stack = contextlib.ExitStack()
        self._ffmpeg: Ffmpeg | None = None
        with self._explained():
            self._source: Any = self._open()
            self.sample_rate = int(self._source.samplerate)
            """Hz."""
            self.channels = int(self._source.channels)
            self.stated_samples = self._stated_samples()
            """Samples that the header states; None where it only estimates them, or says nothing."""
        try:
            self._check_header()
        except BadClip:
            self.close()
            raise

    def __enter__(self) -> AudioFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._stack.close()

    @property
    def stated_seconds(self) -> float:
        return (self.stated_samples or 0) / self.sample_rate

    @property
    def tolerance(self) -> int:
        """Samples by which a whole file may fall short of what its header states."""
        return MP3_FRAME if self._source.format == "MP3" else 0

    def blocks(self, samples: int = BLOCK_SAMPLES) -> Iterator[Audio]:
        """All audio as blocks (channels, samples) at the file's own rate.

        Raises:
            BadClip: a part cannot be decoded or holds NaN; the blocks before it have been given.
        """
        sources = [self._source]
        with self._explained():
            if self._source.format == "OGG":
                sources += self._further_links()
            for source in sources:
                if (source.samplerate, source.channels) != (self.sample_rate, self.channels):
                    raise BadClip("its parts have different rates or channels")
                while len(block := source.read(samples, dtype="float32", always_2d=True)):
                    if not np.isfinite(block).all():
                        raise BadClip("NaN or infinite samples")
                    yield np.ascontiguousarray(block.T)
            if self._ffmpeg is not None:
                self._ffmpeg.check()

    def whole_blocks(
        self, skipped: int = 0, stop: int | None = None, *, accept_truncated: bool = False
    ) -> Iterator[Audio]:
        """All audio, or that until the sample `stop`, as blocks (channels, samples).

        Args:
            skipped: samples that were skipped.
            accept_truncated: end without an error where a file holds less than its header states.

        Raises:
            BadClip: as in `blocks`, or there is less than the header states, or nothing.
        """
        count, stated = skipped, self.stated_samples
        try:
            for block in self.blocks():
                count += block.shape[1]
                yield block
                if stop is not None and count >= stop:
                    break
        except BadClip as error:
            if stated is None or not count:
                raise
            if not accept_truncated:
                seconds = count / self.sample_rate
                raise BadClip(
                    f"damaged or truncated after {seconds:.1f} of {self.stated_seconds:.1f} s ({error})"
                ) from error
        wanted = stated if stop is None or stated is None else min(stop, stated)
        if wanted is not None and count < wanted - self.tolerance and not accept_truncated:
            raise BadClip(f"truncated: {wanted} samples promised, {count} present")
        if not count:
            raise BadClip("no samples in the file")

    def skip(self, samples: int) -> int:
        """Go forward before the first block, where what follows is then exactly what decoding from the start gives.

        Returns:
            How many samples were skipped: `samples`, or 0.
        """
        exact = self._source.subtype in INDEPENDENT and self._source.format != "OGG" and self._ffmpeg is None
        if not exact or not 0 < samples < (self.stated_samples or 0):
            return 0
        with self._explained():
            with contextlib.suppress(RuntimeError):  # the place is behind the end of a truncated file
                if self._source.seek(samples) == samples:
                    return samples
            self._source = self._open()
        return 0

    def _open(self) -> Any:
        """The file as libsndfile sees it: from the disk, as a stream, or through ffmpeg."""
        if self.path.suffix.lower() in ffmpeg.EXTENSIONS:
            self._ffmpeg = self._stack.enter_context(Ffmpeg(self.path))
            try:
                return self._sound(self._ffmpeg.descriptor())
            except Exception:
                self._ffmpeg.check()  # it knows better what is wrong
                raise
        source = self._sound(os.open(self.path, os.O_RDONLY))
        # Of an MP3 libsndfile reads as many samples as it estimates; from a pipe, all there are.
        return self._sound(self._through_pipe()) if source.format == "MP3" else source

    def _sound(self, descriptor: int) -> Any:
        # Closed here: where libsndfile fails it may close a descriptor or not, and a second time would be the file of
        # another thread.
        self._stack.callback(os.close, descriptor)
        return self._stack.enter_context(_sequential_file()(descriptor, closefd=False))

    def _through_pipe(self) -> int:
        """The read end of a pipe that a thread feeds with the file, from behind an ID3 tag on."""
        file = self._stack.enter_context(self.path.open("rb"))
        header = file.read(10)
        tag = 10 + sum(byte << shift for byte, shift in zip(header[6:10], (21, 14, 7, 0), strict=False))
        file.seek(tag if header[:3] == b"ID3" else 0)
        reading, writing = os.pipe()
        thread = threading.Thread(target=_feed, args=(file, writing), daemon=True)
        thread.start()
        self._stack.callback(thread.join)
        return reading

    def _stated_samples(self) -> int | None:
        frames = int(self._source.frames)
        if frames >= UNKNOWN or self._source.format == "OGG" or self._ffmpeg is not None:
            return None
        # libsndfile replaces a size in a header that is larger than the file, and says so in its log.
        replaced = re.findall(r"(\d+) \(should be (\d+)\)", self._source.extra_info)
        if not replaced:
            return frames
        stated, present = map(int, replaced[-1])
        if stated >= STREAMED_WAV:
            return None
        return math.ceil(frames * stated / present) if present and stated > present else frames

    def _check_header(self) -> None:
        if not LOWEST_RATE <= self.sample_rate <= HIGHEST_RATE:
            raise BadClip(f"its header says {self.sample_rate} Hz; {LOWEST_RATE} to {HIGHEST_RATE} Hz can be read")
        if self.channels > MOST_CHANNELS:
            raise BadClip(f"its header says {self.channels} channels; up to {MOST_CHANNELS} can be read")

    def _further_links(self) -> Iterator[Any]:
        """The further parts of a chained Ogg file, of which libsndfile reads the first."""
        for offset in link_offsets(self.path)[1:]:
            yield self._stack.enter_context(_sequential_file()(self._stack.enter_context(FileFrom(self.path, offset))))

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn every failure into the reason why this file cannot be used."""
        try:
            yield
        except BadClip:
            self.close()
            raise
        except MemoryError as error:
            self.close()
            raise BadClip("too large for the memory of this machine") from error
        except Exception as error:
            self.close()
            reason = getattr(error, "error_string", None) or one_line(error)
            raise BadClip(f"not readable as audio ({reason.rstrip('.')})") from error


def read(
    path: Path,
    start_seconds: float = 0.0,
    duration_seconds: float | None = None,
    *,
    accept_truncated: bool = False,
    longest_seconds: float = math.inf,
) -> tuple[Audio, int]:
    """Read a file, or a section of it, at its own sample rate.

    Args:
        accept_truncated: take what is there of a file that holds less than its header states.
        longest_seconds: refuse more than this before memory is taken for it.

    Returns:
        The audio (channels, samples) and the sample rate in Hz. Lossy files may decode to values beyond full scale.

    Raises:
        BadClip: the file is missing, empty, not audio, shorter than its header states, too long, or holds NaN.
    """
    with AudioFile(path) as file:
        rate = file.sample_rate
        start = round(start_seconds * rate)
        stop = None if duration_seconds is None else start + round(duration_seconds * rate)
        last = start + longest_seconds * rate
        if (stop or file.stated_samples or 0) > last:
            raise TooLong(f"longer than {longest_seconds / 60:g} minutes")
        blocks, read_samples = [], file.skip(start)
        for block in file.whole_blocks(read_samples, stop, accept_truncated=accept_truncated):
            blocks.append(block[:, max(0, start - read_samples) : None if stop is None else stop - read_samples])
            read_samples += block.shape[1]
            if stop is None and read_samples > last:
                raise TooLong(f"longer than {longest_seconds / 60:g} minutes")
        if read_samples <= start:
            raise BadClip(f"starts at {start_seconds:g} s but the file lasts {read_samples / rate:.1f} s")
        return np.concatenate(blocks, axis=1), rate


def stated_samples(path: Path) -> int | None:
    """Read how many samples the header of a file states; None where it only estimates them, or says nothing.

    Raises:
        BadClip: the file is not readable as audio.
    """
    with AudioFile(path) as file:
        return file.stated_samples


def count_samples(path: Path, accept_truncated: bool = False) -> int:
    """Count the samples that `read` gives of a file: by its header where that states them, else by decoding it.

    Raises:
        BadClip: the file is not readable as audio, or has no samples.
    """
    with AudioFile(path) as file:
        return _count(file, accept_truncated)


def duration_seconds(path: Path) -> float:
    """Measure the length of a file in seconds: by its header where that states it, else by decoding it.

    Raises:
        BadClip: the file is not readable as audio.
    """
    with AudioFile(path) as file:
        return _count(file) / file.sample_rate


def _count(file: AudioFile, accept_truncated: bool = False) -> int:
    if file.stated_samples and not accept_truncated:
        return file.stated_samples
    count = 0
    try:
        for block in file.blocks():
            count += block.shape[1]
    except BadClip:
        if not (accept_truncated and count):
            raise
    if not count:
        raise BadClip("no samples in the file")
    return count


@functools.cache
def _sequential_file() -> type:
    """The class of a sound file that is read from beginning to end: what its header promises bounds nothing."""
    import soundfile

    class SequentialFile(soundfile.SoundFile):  # type: ignore[misc]
        def seekable(self) -> bool:
            return False

    return SequentialFile


def _feed(file: IO[bytes], writing: int) -> None:
    """Copy a file into a pipe until its end, or until nobody reads any more."""
    with contextlib.suppress(OSError), os.fdopen(writing, "wb") as pipe:
        shutil.copyfileobj(file, pipe, 1 << 16)
