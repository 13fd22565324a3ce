"""The wrapper around every codec: sample rate, channels, chunks, batches, length, device, seed, time and memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from m2l_bench.audio import Audio
from m2l_bench.boundary import is_out_of_memory, reason_of
from m2l_bench.digests import seed_of
from m2l_bench.engine.torch_devices import MemoryMeter, clock, is_gpu
from m2l_bench.errors import BadClip, UserError
from m2l_bench.systems.clip_work import AnyWork, ClipWork, Part, Reconstruction
from m2l_bench.systems.packing import WAITING_LENGTHS, pack

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from m2l_bench.codecs.base import Codec
    from m2l_bench.metrics.codes import Counts


class CodecRunner:
    """A codec that takes audio of any sample rate, number of channels and length.

    - Streams: a codec of one channel encodes each channel by itself. A codec of two channels takes them in pairs; an
      odd last channel is doubled, and its two reconstructions are averaged.
    - Chunks: where `chunk_seconds` is set, longer audio is cut into overlapping pieces that are cross-faded linearly.
    - Batches: on a GPU, chunks of equal length of several clips go through the codec together; on a CPU, where that is
      not faster, each clip goes by itself.
    - Noise: that of a generative decoder depends on the seed, the clip's id and `batch_size` only, so neither the order
      of the clips, nor the other clips of a batch, nor a resumed run changes a result. Clips of more streams and chunks
      than `batch_size` have other noise on a GPU, where each `batch_size` of them have a generator of their own, than
      on a CPU, where all share one.

    Args:
        codec: the codec to run.
        steps: denoising steps passed to the decoder.
        seed: seed of the decoder's noise.
        device: a torch device, for example "cpu" or "cuda:0".
        chunk_seconds: length of a chunk; None encodes each clip whole.
        overlap_seconds: length that neighbouring chunks share.
        batch_size: number of streams and chunks of one clip that are encoded at once.
        gpu_batch_size: number of streams and chunks of all clips that are encoded at once on a GPU.
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
        gpu_batch_size: int = 16,
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
        self.packs = is_gpu(device)
        """Whether several clips go through the codec together."""
        self.largest_batch = gpu_batch_size
        """Streams and chunks of several clips that go through the codec together."""
        self.weights_sha256 = weights_sha256
        codec.to(device)

    def reconstruct(self, clip_id: str, audio: Audio, sample_rate: int) -> Reconstruction:
        """Encode and decode (channels, samples) at `sample_rate`; the result has the same shape and rate.

        Args:
            clip_id: decides the noise, together with the seed.

        Raises:
            BadClip: the codec gave an array of a wrong shape, NaN or infinity, or ran out of memory.
        """
        work = self.prepare(clip_id, audio, sample_rate)
        for part in work.parts:
            try:
                self._run([part])
            except Exception as error:
                if is_out_of_memory(error):
                    raise BadClip(self._memory_advice()) from error
                raise
        if work.problem:
            raise BadClip(work.problem)
        return work.reconstruction()

    def prepare(self, clip_id: str, audio: Audio, sample_rate: int) -> ClipWork:
        """Resample and cut a clip (channels, samples) for `reconstruct_all`; this needs no device and no other clip."""
        rate, seconds = self.codec.sample_rate, self.chunk_seconds
        return ClipWork(
            clip_id,
            audio,
            sample_rate,
            codec_rate=rate,
            width=self.codec.channels,
            chunk=None if seconds is None else round(seconds * rate),
            overlap=round(self.overlap_seconds * rate),
            group=self.batch_size,
        )

    def reconstruct_all(self, clips: Iterable[ClipWork]) -> Iterator[ClipWork]:
        """Reconstruct clips, and give each when it is finished or has a problem."""
        return self.run_all(clips, self._run)

    def run_all(self, works: Iterable[AnyWork], run: Callable[[Sequence[Part[AnyWork]]], None]) -> Iterator[AnyWork]:
        """Call `run` with the parts of works, and give each work when it is finished or has a problem.

        On a GPU parts are packed into batches of `gpu_batch_size`, so works of other lengths may overtake each other,
        and a few wait in memory for others of their length. A batch that fails is repeated part by part.
        """
        parts: Iterator[Part[AnyWork]] = (part for work in works for part in work.parts)
        batches = (
            pack(parts, _length, _size, lambda: self.largest_batch, WAITING_LENGTHS)
            if self.packs
            else ([p] for p in parts)
        )
        for batch in batches:
            self._run_safely([part for part in batch if not part.work.problem], run)
            for part in batch:
                part.work.finished_parts += 1
                if part.work.finished_parts == len(part.work.parts):
                    yield part.work

    def _run_safely(self, parts: Sequence[Part[AnyWork]], run: Callable[[Sequence[Part[AnyWork]]], None]) -> None:
        """Run parts in one batch; if that fails, one by one; a part that fails alone is the failure of its work."""
        if not parts:
            return
        reason = ""
        try:
            run(parts)
            return
        except UserError:
            raise
        except Exception as error:
            reason = reason_of(error)
            if is_out_of_memory(error):
                reason = self._memory_advice()
                # Or each of the next batches would fail as well before its parts are done one by one.
                self.largest_batch = max(1, sum(len(part.places) for part in parts) // 2)
        # Not in the handler: there the error keeps the memory of the failed batch.
        if len(parts) == 1:
            parts[0].work.problem = reason
            return
        for part in parts:
            if not part.work.problem:
                self._run_safely([part], run)

    def _run(self, parts: Sequence[Part[ClipWork]]) -> None:
        """Encode and decode parts of equal length in one batch, and add the result to their clips.

        Each chunk is cut just before it is encoded and added to its clip at once. So, apart from the input and the
        output, an hour takes no more memory than a minute.
        """
        import torch

        pieces = np.concatenate([part.cut() for part in parts])
        ends = np.cumsum([len(part.places) for part in parts])
        slices = [slice(end - len(part.places), end) for end, part in zip(ends.tolist(), parts, strict=True)]
        meter = MemoryMeter(self.device)
        with torch.inference_mode():
            batch = torch.from_numpy(pieces).to(self.device)
            started = clock(self.device)
            latents = self.codec.encode(batch)
            encoded = clock(self.device)
            output = self._decode(latents, batch.shape[-1], parts, slices)
            finished = clock(self.device)
            audio = self._checked_shape(output, batch)
            each = [latents] if len(parts) == 1 else [latents[places] for places in slices]
            sizes = [self.codec.transmitted(part) for part in each]
            counts = [self._count_codes(part) for part in each]
        peak = meter.peak_mb()
        for part, places, (values, bits), part_counts in zip(parts, slices, sizes, counts, strict=True):
            work, share = part.work, len(part.places) / len(pieces)
            if not np.isfinite(audio[places]).all():
                work.problem = "the codec gave NaN or infinite samples"
                continue
            work.add(part.places, audio[places])
            if part_counts is not None:
                work.add_codes(part_counts)
            work.cost["encode_seconds"] += share * (encoded - started)
            work.cost["decode_seconds"] += share * (finished - encoded)
            work.cost["latent_values"] += values
            work.cost["latent_bytes"] += -(-bits // 8)
            work.cost["peak_memory_mb"] = max(work.cost["peak_memory_mb"], peak)

    def _decode(
        self, latents: Tensor, samples: int, parts: Sequence[Part[ClipWork]], slices: Sequence[slice]
    ) -> Tensor:
        """Decode a batch, with noise of each clip's own."""
        import torch

        generators = [self._generator(part) for part in parts]
        if len(parts) == 1:
            return self.codec.decode(latents, samples, steps=self.steps, generator=generators[0])
        if self.codec.generator_per_item:
            each = [generator for generator, part in zip(generators, parts, strict=True) for _ in part.places]
            return self.codec.decode(latents, samples, steps=self.steps, generator=each)  # type: ignore[arg-type]
        return torch.cat(
            [
                self.codec.decode(latents[places], samples, steps=self.steps, generator=generator)
                for places, generator in zip(slices, generators, strict=True)
            ]
        )

    def _generator(self, part: Part[ClipWork]) -> Generator:
        """Return the source of a part's noise."""
        import torch

        work, index = part.work, part.index if self.packs else 0
        if self.packs or work.generator is None:
            work.generator = torch.Generator(self.device).manual_seed(_seed_for(self.seed, work.clip_id, index))
        return work.generator

    def _count_codes(self, latents: Tensor) -> Counts | None:
        """Count the uses of each entry of the codebooks; None where the codec has no codebooks."""
        if not self.codec.codebook_entries:
            return None
        from m2l_bench.metrics.codes import count_codes

        return count_codes(self.codec.codes(latents).cpu().numpy(), self.codec.codebook_entries)

    def _checked_shape(self, output: Tensor, batch: Tensor) -> Audio:
        if output.ndim != 3 or output.shape[:2] != batch.shape[:2]:
            raise BadClip(f"the codec gave shape {tuple(output.shape)} for audio of shape {tuple(batch.shape)}")
        if output.shape[-1] < batch.shape[-1]:
            raise BadClip(f"the codec gave only {output.shape[-1]} of {batch.shape[-1]} samples")
        audio: Audio = output[..., : batch.shape[-1]].float().cpu().numpy()
        return audio

    def _memory_advice(self) -> str:
        # Only one part of a clip, with batch_size streams and chunks, was in memory.
        smaller = "set chunk_seconds or a smaller batch_size in the card"
        return f"out of memory: {smaller}" + (", or use --precision bfloat16" if self.codec.number_types else "")


def _seed_for(seed: int, clip_id: str, part: int) -> int:
    name = f"{seed}:{clip_id}" + (f"\0{part}" if part else "")
    return seed_of(name)


def _length(part: Part[AnyWork]) -> int:
    return part.length


def _size(part: Part[AnyWork]) -> int:
    return len(part.places)
