"""Music2Latent for waveforms of any length: encode, decode, features.

Framing. Audio counts as silent before its start and after its end; the spectrogram starts three hops early, so that
four windows overlap at every sample. `samples` samples give `ceil((samples + 1536) / 4096)` latents and come back as
exactly `samples`. Audio that is longer than a chunk is cut into overlapping chunks (see `chunks`), so that memory does
not grow with length. `strict=True` frames as the authors' package does instead (see `official_framing`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from m2l_bench.music2latent import checkpoint, official_framing
from m2l_bench.music2latent.allocator import reuse_freed_memory
from m2l_bench.music2latent.checkpoint import Checkpoint
from m2l_bench.music2latent.chunks import chunk_starts, join
from m2l_bench.music2latent.config import Config
from m2l_bench.music2latent.consistency import sample, sampling_levels
from m2l_bench.music2latent.graphs import Replays
from m2l_bench.music2latent.inference import inference_form
from m2l_bench.music2latent.inputs import check_latents, check_noise, resample, to_waveforms
from m2l_bench.music2latent.names import locate
from m2l_bench.music2latent.networks import Networks
from m2l_bench.music2latent.noise import Generators, SharedNoise, draw_noise
from m2l_bench.music2latent.spectrogram import spectrogram, waveform

if TYPE_CHECKING:
    from pandas import DataFrame

CHUNK_LATENTS = 120
"""Longest sequence that is not cut: 11.1 s at 44.1 kHz, so that ten-second clips stay whole."""
OVERLAP_LATENTS = 16
MARGIN_LATENTS = 4
"""Latents at each end of a chunk that get no weight, because convolutions saw zeros beyond them."""

Read = Callable[[int, int], Tensor]
"""(start, stop) -> (batch, stop - start) samples. No start is before the one before it."""


class Music2Latent:
    """A trained model, ready to use.

    Args:
        checkpoint: trained networks and where they come from.
        device: where to run, for example "cuda".
        dtype: of weights and feature maps: float32, bfloat16 (faster on recent processors and GPUs) or float16.
        latent_scale: latents are divided by it on encoding and multiplied on decoding. 1 gives the tanh output of
            the paper, in (-1, 1); `PUBLISHED_LATENT_SCALE` (0.06) gives the values of the authors' package.
        batch_size: sequences passed through the networks at once; by default 1 on a CPU and 8 elsewhere.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        device: torch.device | str | None = None,
        dtype: torch.dtype = torch.float32,
        latent_scale: float = 1.0,
        batch_size: int | None = None,
    ) -> None:
        self.checkpoint = checkpoint
        self.dtype = dtype
        self.latent_scale = latent_scale
        self._batch_size = batch_size
        self.to(device or "cpu")

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str | Path,
        preset: str | None = None,
        device: torch.device | str | None = None,
        *,
        revision: str | None = None,
        token: str | bool | None = None,
        **options: Any,
    ) -> Music2Latent:
        """Load weights by name ("music2latent-mini", in this package; "music2latent", fetched from the hub) or path.

        Args:
            name_or_path: a name; `owner/name`, which `push_to_hub` uploaded; a folder or `.safetensors` of
                `save_pretrained`; the folder of a training; or an official `.pt`. A path comes before a name.
            preset: configuration that the weights must have; by default their own.
            revision: commit, tag or branch on the hub; default: `main`.
            token: access token of the hub; default: that of `hf auth login` or HF_TOKEN.
            options: further arguments of the class.

        Raises:
            CheckpointError: no such weights, or weights that cannot be used; the message says why.
        """
        path, published_preset = locate(str(name_or_path), revision, token)
        return cls(checkpoint.load(path, preset or published_preset), device, **options)

    def save_pretrained(self, folder: str | Path) -> Path:
        """Write `model.safetensors` and `config.json`; returns the former."""
        return checkpoint.save(self.checkpoint.networks, Path(folder))

    def push_to_hub(
        self,
        repository: str,
        *,
        revision: str | None = None,
        token: str | bool | None = None,
        private: bool | None = None,
        commit_message: str = "Music2Latent weights",
        create_pr: bool = False,
        license: str | None = None,
        results: DataFrame | None = None,
        run: str | Path | None = None,
    ) -> str:
        """Upload the weights and a model card to the Hugging Face hub, and return the address of the commit.

        Args: see `publishing.push_to_hub`.

        Raises:
            CheckpointError: the hub cannot be reached, or refuses it.
            ValueError: results or a run that do not belong to this model.
        """
        from m2l_bench.music2latent.publishing import push_to_hub

        return push_to_hub(
            self.checkpoint,
            repository,
            revision=revision,
            token=token,
            private=private,
            commit_message=commit_message,
            create_pr=create_pr,
            license=license,
            results=results,
            run=None if run is None else Path(run),
        )

    @property
    def config(self) -> Config:
        return self.checkpoint.networks.config

    def to(self, device: torch.device | str) -> Music2Latent:
        """Move to a device."""
        self.device = torch.device(device)
        self.batch_size = self._batch_size or (1 if self.device.type == "cpu" else 8)
        self.networks: Networks = inference_form(self.checkpoint.networks, self.dtype).to(self.device)
        self.replays = Replays() if self.device.type == "cuda" else None
        return self

    def latents_for(self, samples: int) -> int:
        """Return the number of latents that `encode` gives for this many samples."""
        return -(-(samples + self._lead) // self.config.samples_per_latent)

    def samples_for(self, latents: int) -> int:
        """Return the largest number of samples that this many latents give: `decode` without `samples`."""
        return latents * self.config.samples_per_latent - self._lead

    @property
    def _lead(self) -> int:
        """Samples of silence before the audio, for all windows that overlap at its first sample."""
        return self.config.window - self.config.hop

    def encode(self, audio: Any, strict: bool = False, sample_rate: int | None = None) -> Tensor:
        """Encode audio.

        Args:
            audio: (samples,) or (batch, samples), numpy or torch, see `inputs.to_waveforms`; channels are a batch.
            strict: frame as the authors' package does: drop the tail that fills no latent, cut chunks of 60 s.
            sample_rate: of the audio, in Hz, which is resampled; default: the model's, 44.1 kHz.

        Returns:
            (batch, 64, frames), float32, on the CPU.

        Raises:
            ValueError: unusable audio; the message says what was expected.
        """
        waveforms = self._waveforms(audio, sample_rate)
        if strict:
            return self._strict_encode(waveforms, features=False) / self.latent_scale
        return torch.cat(list(self.encode_stream(_reader(waveforms), waveforms.shape[-1])), dim=-1)

    def features(self, audio: Any, strict: bool = False, sample_rate: int | None = None) -> Tensor:
        """Return the encoder's widest layer, before the bottleneck, which Section 5.5 probes.

        Returns:
            (batch, 8192, frames) for the full size, float32, on the CPU. Arguments and errors are those of `encode`.
        """
        waveforms = self._waveforms(audio, sample_rate)
        if strict:
            return self._strict_encode(waveforms, features=True)
        network = self.networks.encoder.features
        return torch.cat(list(self._encode_chunks(_reader(waveforms), waveforms.shape[-1], network)), dim=-1)

    def decode(
        self,
        latents: Any,
        samples: int | None = None,
        steps: int = 1,
        noise: Tensor | None = None,
        generator: Generators | None = None,
        strict: bool = False,
        sample_rate: int | None = None,
    ) -> Tensor:
        """Decode latents.

        Args:
            latents: (64, frames) or (batch, 64, frames).
            samples: length of the audio that was encoded, at its sample rate; by default the largest that the latents
                give.
            steps: denoising steps.
            noise: standard normal, (batch, 2, 1024, 8 * frames), to start from; drawn from `generator` by default.
            generator: of the noise, drawn on the generator's own device; by default PyTorch's global one of the model's
                device. A generator on the CPU gives the same noise whatever the model's device. A list has one for each
                item of the batch.
            strict: frame as the authors' package does: `4096 * frames + 1536` samples, the first and last 1,536 of
                them faded; `samples` must not be given.
            sample_rate: of the result, in Hz; default: the model's, 44.1 kHz.

        Returns:
            (batch, samples), float32 in [-1, 1], on the CPU.

        Raises:
            ValueError: latents of another width, too few for `samples`, NaN, or noise of another shape.
        """
        if strict:
            if samples is not None:
                raise ValueError("strict framing gives a fixed length: leave samples out")
            checked = check_latents(latents, self.config.latent_channels) * self.latent_scale
            levels = sampling_levels(steps, self.config)
            with torch.inference_mode(), reuse_freed_memory(), self._explained_memory():
                decoded = official_framing.decode(
                    checked.to(self.device),
                    self._denoised,
                    levels,
                    self.config,
                    noise,
                    lambda shape: self._draw(shape, generator),
                    self.batch_size,
                )
                strict_audio = waveform(decoded, self.config).cpu()
            return resample(strict_audio, self.config.sample_rate, sample_rate or self.config.sample_rate)
        own_rate = self.config.sample_rate
        rate = own_rate if sample_rate is None else sample_rate
        own_samples = samples if samples is None else -(-samples * own_rate // rate)
        decoded = torch.cat(list(self.decode_stream(latents, own_samples, steps, noise, generator)), dim=-1)
        return resample(decoded, own_rate, rate)[..., :samples]

    def _waveforms(self, audio: Any, sample_rate: int | None) -> Tensor:
        own_rate = self.config.sample_rate
        return resample(to_waveforms(audio), own_rate if sample_rate is None else sample_rate, own_rate)

    def encode_stream(self, read: Read, samples: int) -> Iterator[Tensor]:
        """Encode audio that need not be in memory: give the latents in parts, (batch, 64, frames), as `encode` does."""
        for latents in self._encode_chunks(read, samples, self.networks.encoder):
            yield latents / self.latent_scale

    def decode_stream(
        self,
        latents: Any,
        samples: int | None = None,
        steps: int = 1,
        noise: Tensor | None = None,
        generator: Generators | None = None,
    ) -> Iterator[Tensor]:
        """Decode as `decode` does, and give the audio in parts, (batch, samples), as soon as they are ready."""
        latents = check_latents(latents, self.config.latent_channels) * self.latent_scale
        batch, _, frames = latents.shape
        longest = self.samples_for(frames)
        samples = longest if samples is None else samples
        if not 0 < samples <= longest:
            raise ValueError(f"{frames} latents give 1 to {longest} samples, not {samples}")
        levels = sampling_levels(steps, self.config)
        if noise is not None:
            check_noise(noise, (batch, 2, self.config.bins, frames * self.config.frames_per_latent))
        skip, left = self._lead, samples
        for part in self._decode_chunks(latents, levels, noise, generator):
            audio = part[..., skip:][..., :left]
            skip = 0
            left -= audio.shape[-1]
            yield audio

    def _encode_chunks(self, read: Read, samples: int, network: Callable[[Tensor], Tensor]) -> Iterator[Tensor]:
        total = self.latents_for(samples)
        size = min(total, CHUNK_LATENTS)
        starts = chunk_starts(total, CHUNK_LATENTS, OVERLAP_LATENTS)

        def chunks() -> Iterator[tuple[Tensor, ...]]:
            for start in starts:
                first = start * self.config.samples_per_latent - self._lead
                last = first + size * self.config.samples_per_latent + self._lead
                audio = read(max(first, 0), min(last, samples))
                yield (torch.nn.functional.pad(audio, (max(0, -first), max(0, last - samples))),)

        def encode(audio: Tensor) -> Tensor:
            return network(spectrogram(audio, self.config)).float()

        encoded = self._together(encode, chunks(), network)
        yield from join(encoded, starts, unit=1, margin=MARGIN_LATENTS)

    def _decode_chunks(
        self, latents: Tensor, levels: list[float], noise: Tensor | None, generator: Generators | None
    ) -> Iterator[Tensor]:
        total = latents.shape[-1]
        size = min(total, CHUNK_LATENTS)
        ratio = self.config.frames_per_latent
        starts = chunk_starts(total, CHUNK_LATENTS, OVERLAP_LATENTS)
        shape = (len(latents), 2, self.config.bins)
        # Chunks get the same noise where they overlap, in each step, or their reconstructions would not match.
        noises = [
            SharedNoise(shape, lambda new: self._draw(new, generator), noise if step == 0 else None)
            for step in range(len(levels))
        ]

        def chunks() -> Iterator[tuple[Tensor, ...]]:
            for start in starts:
                frames = range(start * ratio, (start + size) * ratio)
                yield latents[..., start : start + size], *(source.frames(frames) for source in noises)

        def decode(part: Tensor, *noise: Tensor) -> Tensor:
            audio = waveform(self._denoised(part, list(noise), levels), self.config)
            return audio[..., : size * self.config.samples_per_latent]  # too few windows overlap at what follows

        decoded = self._together(decode, chunks(), tuple(levels))
        yield from join(decoded, starts, unit=self.config.samples_per_latent, margin=MARGIN_LATENTS)

    def _denoised(self, latents: Tensor, noises: list[Tensor], levels: list[float]) -> Tensor:
        """Denoise latents, with one noise per level, into a spectrogram, (batch, 2, bins, frames)."""
        decoded = self.networks.decoder(latents)
        following = iter(noises)
        return sample(
            lambda noisy, sigma: self.networks.unet(noisy, sigma, decoded),
            next(following),
            levels,
            self.config,
            fresh_noise=lambda: next(following),
        )

    def _together(
        self, function: Callable[..., Tensor], chunks: Iterator[tuple[Tensor, ...]], replayed_as: Hashable
    ) -> Iterator[Tensor]:
        """Apply a function to chunks (batch, ...), as many at once as a batch holds; gives one result per chunk."""
        while first := next(chunks, None):
            rows = len(first[0])
            group = [first, *islice(chunks, max(1, self.batch_size // rows) - 1)]
            inputs = [torch.cat(tensors) if len(group) > 1 else tensors[0] for tensors in zip(*group, strict=True)]
            yield from self._batched(function, *inputs, replayed_as=replayed_as).split(rows)

    def _batched(self, function: Callable[..., Tensor], *inputs: Tensor, replayed_as: Hashable = None) -> Tensor:
        """Apply a function of (batch, ...) tensors, `batch_size` at a time on the device; the result is on the CPU.

        Args:
            replayed_as: what sets the function apart from others, if a CUDA graph may replay it.
        """
        results = []
        with torch.inference_mode(), reuse_freed_memory(), self._explained_memory():
            for parts in zip(*(tensor.split(self.batch_size) for tensor in inputs), strict=True):
                moved = [part.to(self.device, non_blocking=True) for part in parts]
                if self.replays is None or replayed_as is None:
                    results.append(function(*moved))
                else:
                    results.append(self.replays(replayed_as, function, *moved))
            return torch.cat(results).cpu()  # the only time that the host waits for the device

    def _strict_encode(self, waveforms: Tensor, features: bool) -> Tensor:
        network = self.networks.encoder.features if features else self.networks.encoder
        return self._batched(
            lambda part: official_framing.encode(part, lambda x: network(x).float(), self.config), waveforms
        )

    def _draw(self, shape: tuple[int, ...], generator: Generators | None) -> Tensor:
        """Draw standard normal noise on the generator's device or, without one, on the model's."""
        return draw_noise(shape, generator, self.device)

    @contextmanager
    def _explained_memory(self) -> Iterator[None]:
        """Explain a full memory in one line that says what to lower."""
        try:
            yield
        except torch.OutOfMemoryError as error:
            smaller = (
                f"lower batch_size ({self.batch_size})" if self.batch_size > 1 else "use bfloat16 or a smaller model"
            )
            raise torch.OutOfMemoryError(f"out of memory on {self.device}: {smaller}") from error


def _reader(waveforms: Tensor) -> Read:
    return lambda start, stop: waveforms[..., start:stop]
