import contextlib
import re
import tracemalloc
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.audio import music

from m2l_bench.codecs.base import Codec
from m2l_bench.errors import BadClip
from m2l_bench.music2latent.noise import draw_noise
from m2l_bench.systems.clip_work import ClipWork
from m2l_bench.systems.codec_runner import CodecRunner


class Identity(Codec):
    """Latents are the audio; remembers the batches it saw."""

    def __init__(self, sample_rate: int = 44_100, channels: int = 1) -> None:
        self.sample_rate, self.channels = sample_rate, channels
        self.seen: list[tuple[int, ...]] = []

    def encode(self, audio: torch.Tensor) -> torch.Tensor:
        self.seen.append(tuple(audio.shape))
        return audio

    def decode(self, latents: torch.Tensor, samples: int, **_: Any) -> torch.Tensor:
        return torch.nn.functional.pad(latents, (0, 3))

    def features(self, audio: torch.Tensor) -> torch.Tensor:
        return audio


class PackedNoise(Identity):
    """Takes a generator for each item; what it decodes is as loud as what it encoded."""

    generator_per_item = True

    def decode(self, latents: torch.Tensor, samples: int, *, generator: Any = None, **_: Any) -> torch.Tensor:
        if latents.abs().max() > 5:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        noise = draw_noise(latents.shape, generator, latents.device)
        return torch.where(latents.abs().amax((1, 2), True) > 2, torch.nan, latents + noise)


class Codes(Identity):
    """Latents are two codebooks of 16 entries, of samples and of the samples before them."""

    generator_per_item, codebook_entries = True, 16

    def encode(self, audio: torch.Tensor) -> torch.Tensor:
        self.seen.append(tuple(audio.shape))
        codes = (16 * (audio + 0.5)).clamp(0, 15).to(torch.uint8)
        return torch.cat([codes, codes.roll(1, dims=-1)], dim=1)

    def decode(self, latents: torch.Tensor, samples: int, **_: Any) -> torch.Tensor:
        return latents[:, :1] / 16 - 0.5


class Noise(Identity):
    def decode(self, latents: torch.Tensor, samples: int, *, generator: Any = None, **_: Any) -> torch.Tensor:
        return torch.randn(latents.shape, generator=generator)


@settings(max_examples=60)
@given(
    samples=st.integers(1, 3000),
    channels=st.integers(1, 6),
    codec_channels=st.sampled_from([1, 2]),
    rates=st.sampled_from([(44_100, 44_100), (48_000, 44_100), (8_000, 44_100), (192_000, 48_000)]),
    chunk=st.sampled_from([None, 0.01]),
)
def test_shape_is_kept_for_any_audio(
    samples: int, channels: int, codec_channels: int, rates: tuple[int, int], chunk: float | None
) -> None:
    runner = CodecRunner(Identity(rates[1], codec_channels), chunk_seconds=chunk, overlap_seconds=0.002)
    audio = np.random.default_rng(samples).uniform(-1, 1, (channels, samples)).astype(np.float32)
    reconstruction = runner.reconstruct("clip", audio, rates[0]).audio
    assert reconstruction.shape == audio.shape
    if rates[0] == rates[1]:
        np.testing.assert_allclose(reconstruction, audio, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 2, 3, 6])
def test_a_stereo_codec_takes_channels_in_pairs(channels: int) -> None:
    codec = Identity(channels=2)
    CodecRunner(codec).reconstruct("clip", music(0.1, channels=channels), 44_100)
    assert codec.seen == [((channels + 1) // 2, 2, 4410)]


def test_chunks_are_equal_overlap_and_fill_batches() -> None:
    codec = Identity()
    runner = CodecRunner(codec, chunk_seconds=0.1, overlap_seconds=0.02, batch_size=4)
    audio = music(0.75, channels=2)
    np.testing.assert_allclose(runner.reconstruct("clip", audio, 44_100).audio, audio, atol=1e-6)
    assert {shape[1:] for shape in codec.seen} == {(1, 4410)}
    assert [shape[0] for shape in codec.seen] == [4, 4, 4, 4, 4]


def test_memory_beside_input_and_output_does_not_grow_with_length() -> None:
    """Half an hour holds its own samples, which are not counted here, those of the result, and little more."""
    runner = CodecRunner(Identity(8_000), chunk_seconds=10, overlap_seconds=0.5, batch_size=4)
    peaks = []
    for minutes in (3, 30):
        audio = np.tile(music(1.0, 8_000), (1, 60 * minutes))
        tracemalloc.start()
        reconstruction = runner.reconstruct("clip", audio, 8_000).audio
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert reconstruction.shape == audio.shape
    assert peaks[1] - peaks[0] < 1.1 * 4 * 8_000 * 60 * 27


def test_noise_depends_on_seed_and_clip_alone() -> None:
    audio = music(0.1)
    runner = CodecRunner(Noise(), seed=1)
    first = runner.reconstruct("a", audio, 44_100).audio
    other = runner.reconstruct("b", audio, 44_100).audio
    np.testing.assert_array_equal(first, runner.reconstruct("a", audio, 44_100).audio)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, CodecRunner(Noise(), seed=2).reconstruct("a", audio, 44_100).audio)


def test_cost_counts_latents_time_and_memory() -> None:
    cost = CodecRunner(Identity()).reconstruct("a", music(0.1, channels=2), 44_100).cost
    assert cost["latent_values"] == 8820
    assert cost["latent_bytes"] == 4 * 8820
    assert cost["encode_seconds"] >= 0 and cost["decode_seconds"] >= 0
    assert cost["peak_memory_mb"] > 10


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (torch.full((1, 1, 4410), torch.nan), "NaN"),
        (torch.zeros(1, 1, 4400), "only 4400 of 4410 samples"),
        (torch.zeros(1, 2, 4410), "shape"),
    ],
)
def test_a_codec_that_gives_nonsense_fails_its_clip(output: torch.Tensor, reason: str) -> None:
    codec = Identity()
    codec.decode = lambda *_, **__: output  # type: ignore[method-assign]
    with pytest.raises(BadClip, match=reason):
        CodecRunner(codec).reconstruct("a", music(0.1), 44_100)


@pytest.mark.parametrize("codec", [PackedNoise, Noise])
@pytest.mark.parametrize("group", [1, 3])
def test_clips_share_batches_and_keep_their_noise(codec: type[Identity], group: int) -> None:
    """Chunked and whole clips of two lengths, of mono and stereo; those in between are bad in three ways."""
    seconds = {"a": 0.25, "b": 0.1, "c": 0.1, "nan": 0.1, "d": 0.1, "full": 0.1, "e": 0.25, "f": 0.05}
    clips = {id: music(long, channels=1 + (id in "ce"), seed=len(id)) for id, long in seconds.items()}
    clips["nan"] += 3
    clips["full"] += 6
    runner = CodecRunner(codec(), seed=1, chunk_seconds=0.1, overlap_seconds=0.02, batch_size=group)
    unpacked = runner.reconstruct("b", clips["b"], 44_100).audio
    runner.packs = True
    np.testing.assert_array_equal(runner.reconstruct("b", clips["b"], 44_100).audio, unpacked)
    alone = {}
    for id, audio in clips.items():
        with contextlib.suppress(BadClip):
            alone[id] = runner.reconstruct(id, audio, 44_100)
    assert alone.keys() == ({*clips} - {"nan", "full"} if codec is PackedNoise else {*clips})
    runner.codec.seen.clear()  # type: ignore[attr-defined]
    runner.largest_batch = 8
    works = (runner.prepare(id, audio, 44_100) for id, audio in clips.items())
    together = {work.clip_id: work for work in runner.reconstruct_all(works)}
    assert together.keys() == clips.keys()
    assert max(shape[0] for shape in runner.codec.seen) > 4  # type: ignore[attr-defined]
    for id, expected in alone.items():
        ours = together[id].reconstruction()
        np.testing.assert_allclose(ours.audio, expected.audio, atol=1e-5)
        assert ours.cost["latent_values"] == expected.cost["latent_values"]
    if codec is PackedNoise:
        assert together["nan"].problem == "the codec gave NaN or infinite samples"
        assert together["full"].problem == "out of memory: set chunk_seconds or a smaller batch_size in the card"
        assert runner.largest_batch < 8, "the next batches are smaller"


def test_codes_are_counted_over_all_channels_and_chunks_in_any_batch() -> None:
    clips = {id: music(0.1, channels=channels, seed=channels) for id, channels in (("a", 1), ("b", 2), ("c", 3))}
    runner = CodecRunner(Codes(), chunk_seconds=0.06, overlap_seconds=0.02, batch_size=2)
    chunks = [slice(0, 2646), slice(1764, 4410)]
    counts = {id: runner.reconstruct(id, audio, 44_100).code_counts for id, audio in clips.items()}
    for id, audio in clips.items():
        codes = runner.codec.encode(torch.from_numpy(np.concatenate([audio[:, None, chunk] for chunk in chunks])))
        assert counts[id].tolist() == [
            torch.bincount(book.flatten(), minlength=16).tolist() for book in codes.unbind(1)
        ]
    runner.packs, runner.largest_batch = True, 8
    runner.codec.seen.clear()  # type: ignore[attr-defined]
    for work in runner.reconstruct_all(runner.prepare(id, audio, 44_100) for id, audio in clips.items()):
        np.testing.assert_array_equal(work.reconstruction().code_counts, counts[work.clip_id])
    assert max(shape[0] for shape in runner.codec.seen) > 4, "several clips were in one batch"  # type: ignore[attr-defined]


def test_latents_that_are_no_codes_are_not_counted() -> None:
    """Neither numbers nor whole numbers without codebooks, such as the bytes of a bitstream."""
    codec = Codes()
    codec.codebook_entries = 0
    for each in (Identity(), codec):
        assert CodecRunner(each).reconstruct("a", music(0.1), 44_100).code_counts is None


def test_codes_beyond_their_codebook_fail_the_clip() -> None:
    codec = Codes()
    codec.codebook_entries = 4
    runner = CodecRunner(codec)
    (work,) = runner.reconstruct_all([runner.prepare("a", music(0.1), 44_100)])
    assert re.fullmatch(r"ValueError: codes from \d+ to \d+: expected 0 to 3", work.problem)


def test_clips_wait_for_others_of_their_length_only() -> None:
    """One clip of each length, and one that shares its length with the last: no more than four wait."""
    codec, prepared = Identity(), []
    runner = CodecRunner(codec)
    runner.packs, runner.largest_batch = True, 2

    def clips() -> Iterator[ClipWork]:
        for samples in (100, 200, 300, 400, 500, 600, 200, 600):
            prepared.append(samples)
            yield runner.prepare(f"{len(prepared)}", music(samples / 44_100), 44_100)

    first = next(finished := runner.reconstruct_all(clips()))
    assert first.samples == 100 and prepared == [100, 200, 300, 400, 500]
    assert [work.samples for work in finished] == [200, 300, 600, 600, 400, 500, 200]
