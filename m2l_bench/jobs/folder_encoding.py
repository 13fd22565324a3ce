"""Encoding of many files to latents files on a device; on a GPU short files go through the model together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from m2l_bench.boundary import is_out_of_memory, reason_of
from m2l_bench.engine import drain
from m2l_bench.engine.base import KILLED
from m2l_bench.engine.prefetch import READERS, prefetched
from m2l_bench.engine.torch_devices import is_gpu
from m2l_bench.errors import UserError
from m2l_bench.jobs import latents_files
from m2l_bench.systems.packing import WAITING_LENGTHS, pack

if TYPE_CHECKING:
    import torch

    from m2l_bench.music2latent import Music2Latent

BATCH = 16
"""Channels of short files that go through the model together on a GPU."""
MEMORY_ADVICE = "out of memory: use --precision bfloat16, or --device cpu"


class Pair(NamedTuple):
    """An audio file and the latents file that it is encoded to."""

    source: Path
    target: Path
    seconds: float
    """Length of the audio."""


class Encoded(NamedTuple):
    """A file that was encoded, or the reason why it was not."""

    pair: Pair
    problem: str = ""


class _Short(NamedTuple):
    """A file that the model encodes in one piece."""

    pair: Pair
    waveforms: torch.Tensor
    """(channels, samples) at the model's rate."""
    metadata: latents_files.Metadata


@dataclass(frozen=True)
class Encoder:
    """A loaded model that encodes files.

    Args:
        model: the model.
        weights: name or path that it was loaded from.
        accept_truncated: take what is there of files with less audio than their headers state.
        on_seconds: called with the seconds of audio done since the last call.
    """

    model: Music2Latent
    weights: str
    accept_truncated: bool
    on_seconds: Callable[[float], None] = lambda _: None

    def __call__(self, pairs: Iterable[Pair]) -> Iterator[Encoded]:
        """Encode files one by one or, on a GPU, those of equal length up to one chunk of the model together."""
        if not is_gpu(str(self.model.device)):
            yield from map(self._encode_alone, pairs)
            return
        others: list[Encoded] = []

        def short() -> Iterator[_Short]:
            for future in prefetched(self._read, pairs, BATCH, READERS):
                file = future.result()
                if isinstance(file, _Short):
                    yield file
                else:
                    others.append(file if isinstance(file, Encoded) else self._encode_alone(file))

        for batch in pack(short(), _length, _channels, lambda: BATCH, WAITING_LENGTHS):
            yield from self._encode_together(batch)
            yield from drain(others)
        yield from others

    def _read(self, pair: Pair) -> _Short | Encoded | Pair:
        """Read a short file; a long one is given back, and a bad one with the reason."""
        try:
            read = latents_files.read_waveforms(
                self.model, self.weights, pair.source, accept_truncated=self.accept_truncated
            )
        except Exception as error:
            return Encoded(pair, reason_of(error))
        return _Short(pair, *read) if read else pair

    def _encode_together(self, batch: Sequence[_Short]) -> Iterator[Encoded]:
        import torch

        latents = None
        try:
            latents = self.model.encode(torch.cat([file.waveforms for file in batch]))
        except UserError:
            raise
        except Exception as error:
            reason_of(error)
        if latents is None:
            yield from (self._encode_alone(file.pair) for file in batch)
            return
        for file, part in zip(batch, torch.split(latents, [_channels(file) for file in batch]), strict=True):
            latents_files.write_latents(file.pair.target, part, file.metadata)
            self.on_seconds(file.pair.seconds)
            yield Encoded(file.pair)

    def _encode_alone(self, pair: Pair) -> Encoded:
        try:
            latents_files.encode_file(
                self.model,
                self.weights,
                pair.source,
                pair.target,
                self.on_seconds,
                accept_truncated=self.accept_truncated,
            )
        except UserError:
            raise
        except Exception as error:
            return Encoded(pair, MEMORY_ADVICE if is_out_of_memory(error) else reason_of(error))
        return Encoded(pair)


def lost(pair: Pair) -> Encoded:
    """Make the result of a file that ended the process that worked on it, twice."""
    return Encoded(pair, KILLED)


def _length(file: _Short) -> int:
    return file.waveforms.shape[-1]


def _channels(file: _Short) -> int:
    return len(file.waveforms)
