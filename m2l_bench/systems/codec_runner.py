"""The wrapper around every codec: sample rate, channels, chunks, batches, length, device, seed, time and memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from m2l_bench.audio import Audio, fit_length, resample
from m2l_bench.errors import BadClip
from m2l_bench.systems.devices import MemoryMeter, clock

if TYPE_CHECKING:
    import torch

    from m2l_bench.codecs.base import Codec


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


class CodecRunner:
    """A codec that takes audio of any sample rate, number of channels and length.

    - Streams: a codec of one channel encodes each channel by itself. A codec of two channels takes them in pairs; an
      odd last channel is doubled, and its two reconstructions are averaged.
    - Chunks: where `chunk_seconds` is set, longer audio is cut into overlapping pieces that are cross-faded linearly.
    - Noise: that of a generative decoder depends on the seed and the clip's id only, so neither the order of the clips
      nor a resumed run changes a result.

    Args:
        codec: the codec to run.
        steps: denoising steps passed to the decoder.
        seed: seed of the decoder's noise.
        device: a torch device, for example "cpu" or "cuda:0".
        chunk_seconds: length of a chunk; None encodes each clip whole.
        overlap_seconds: length that neighbouring chunks share.
        batch_size: number of streams and chunks encoded at once.
        weights_sha256: SHA-256 of the codec's weights; empty if it has none.

    Raises:
        ValueError: the overlap is more than half a chunk.
    """

    version = "1"
    """Version of this wrapper's numbers. Raise it when the same codec begins to give other numbers through it: runs of
    another version are not continued."""

    def __init__(
        self,
        codec: Codec,
        *,
        steps: int = 1,
        seed: int = 0,
        device: str = "cpu",
        chunk_seconds: float | None = None,
        overlap_seconds: float = 0.0,
        batch_size: int = 16,
        weights_sha256: str = "",
    ) -> None:
        if chunk_seconds is not None and overlap_seconds > chunk_seconds / 2:
            raise ValueError(f"overlap of {overlap_seconds} s is more than half a chunk of {chunk_seconds} s")
        self.codec = codec
        self.steps = steps
        self.seed = seed
        self.device = device
        self.chunk_seconds = chunk_seconds
        self.overlap_seconds = overlap_seconds
        self.batch_size = batch_size
        self.weights_sha256 = weights_sha256
        codec.to(device)

    def reconstruct(self, clip_id: str, audio: Audio, sample_rate: int) -> Reconstruction:
        """Encode and decode (channels, samples) at `sample_rate`; the result has the same shape and rate.

        Args:
            clip_id: decides the noise, together with the seed.

        Raises:
            BadClip: the codec gave an array of a wrong shape, NaN or infinity, or ran out of memory.
        """
        import torch

        channels, samples = audio.shape
        at_codec_rate = resample(audio, sample_rate, self.codec.sample_rate)
        length = at_codec_rate.shape[1]
        streams = _to_streams(at_codec_rate, self.codec.channels)
        generator = torch.Generator(self.device).manual_seed(_seed_for(self.seed, clip_id))
        try:
            decoded, cost = self._run(streams, generator)
        except torch.OutOfMemoryError as error:
            raise BadClip("out of memory: set chunk_seconds or a smaller batch_size in the card") from error
        restored = resample(_from_streams(decoded[..., :length], channels), self.codec.sample_rate, sample_rate)
        return Reconstruction(fit_length(restored, samples), cost)

    def _chunks(self, length: int) -> tuple[list[int], int, int]:
        """Compute the first sample of each chunk, the size of a chunk and the overlap, in samples."""
        if self.chunk_seconds is None or length <= round(self.chunk_seconds * self.codec.sample_rate):
            return [0], length, 0
        size = round(self.chunk_seconds * self.codec.sample_rate)
        overlap = round(self.overlap_seconds * self.codec.sample_rate)
        hop = size - overlap
        return list(range(0, length - overlap, hop)), size, overlap

    def _run(self, streams: list[Audio], generator: torch.Generator) -> tuple[Audio, Cost]:
        """Encode and decode streams (channels, samples), `batch_size` chunks at a time.

        Each chunk is cut just before it is encoded and added to the result at once. So, apart from the input and the
        output, an hour takes no more memory than a minute.
        """
        import torch

        cost: Cost = {
            "encode_seconds": 0.0,
            "decode_seconds": 0.0,
            "latent_values": 0,
            "latent_bytes": 0,
        }
        starts, size, overlap = self._chunks(streams[0].shape[1])
        places = [(stream, start) for stream in range(len(streams)) for start in starts]
        whole: Audio = np.zeros((len(streams), self.codec.channels, starts[-1] + size), np.float32)
        meter = MemoryMeter(self.device)
        with torch.inference_mode():
            for first in range(0, len(places), self.batch_size):
                batch_places = places[first : first + self.batch_size]
                pieces = np.stack([fit_length(streams[k][:, start : start + size], size) for k, start in batch_places])
                batch = torch.from_numpy(pieces).to(self.device)
                started = clock(self.device)
                latents = self.codec.encode(batch)
                encoded = clock(self.device)
                output = self.codec.decode(latents, batch.shape[-1], steps=self.steps, generator=generator)
                finished = clock(self.device)
                for (k, start), chunk in zip(batch_places, self._checked_audio(output, batch), strict=True):
                    window = _fades(size, overlap, at_start=start != starts[0], at_end=start != starts[-1])
                    whole[k, :, start : start + size] += chunk * window
                cost["encode_seconds"] += encoded - started
                cost["decode_seconds"] += finished - encoded
                values, bits = self.codec.transmitted(latents)
                cost["latent_values"] += values
                cost["latent_bytes"] += -(-bits // 8)
        cost["peak_memory_mb"] = meter.peak_mb()
        return whole, cost

    def _checked_audio(self, output: torch.Tensor, batch: torch.Tensor) -> Audio:
        if output.ndim != 3 or output.shape[:2] != batch.shape[:2]:
            raise BadClip(f"the codec gave shape {tuple(output.shape)} for audio of shape {tuple(batch.shape)}")
        if output.shape[-1] < batch.shape[-1]:
            raise BadClip(f"the codec gave only {output.shape[-1]} of {batch.shape[-1]} samples")
        audio: Audio = output[..., : batch.shape[-1]].float().cpu().numpy()
        if not np.isfinite(audio).all():
            raise BadClip("the codec gave NaN or infinite samples")
        return audio


def _seed_for(seed: int, clip_id: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}:{clip_id}".encode()).digest()[:8], "big") >> 1


def _to_streams(audio: Audio, width: int) -> list[Audio]:
    """Group channels by `width`, one or two, as views; a single last channel is repeated to fill its group."""
    groups = [audio[first : first + width] for first in range(0, len(audio), width)]
    return [np.broadcast_to(group, (width, audio.shape[1])) for group in groups]


def _from_streams(streams: Audio, channels: int) -> Audio:
    """Map (streams, width, samples) to (channels, samples): the inverse of `_to_streams`."""
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
