"""Latents of long audio in chunks, which are those of the whole, and what makes a file fail."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.audio import music

from m2l_bench.audio import Audio
from m2l_bench.cards import Latents
from m2l_bench.codecs.base import Codec
from m2l_bench.systems.codec_runner import CodecRunner
from m2l_bench.systems.latents_encoder import LatentsEncoder

FRAME = 40


class Context(Codec):
    """Two numbers for every 40 samples: sums over the frame and over it and the two frames on each side."""

    sample_rate = 8_000
    generator_per_item = True

    def __init__(self, channels: int = 1) -> None:
        self.channels = channels
        self.lengths: list[int] = []

    def encode(self, audio: torch.Tensor) -> torch.Tensor:
        self.lengths.append(audio.shape[-1])
        frames = torch.nn.functional.pad(audio, (0, -audio.shape[-1] % FRAME)).unflatten(-1, (-1, FRAME)).sum((1, 3))
        wide = torch.nn.functional.avg_pool1d(frames[:, None], 5, 1, 2)[:, 0]
        return torch.stack([frames, wide], dim=1)

    def decode(self, latents: torch.Tensor, samples: int, **_: Any) -> torch.Tensor:
        raise NotImplementedError


def encode(codec: Codec, audio: Audio, width: int = 2, frame: int = FRAME, **options: Any) -> list[np.ndarray]:
    """Latents of each stream; the problem as an error."""
    encoder = LatentsEncoder(
        CodecRunner(codec, **options),
        Latents(sample_rate=codec.sample_rate, channels=codec.channels, width=width, samples=frame),  # type: ignore[arg-type]
    )
    (work,) = encoder.encode_all([encoder.prepare("file", audio, codec.sample_rate)])
    assert not work.problem, work.problem
    return work.result()


@settings(max_examples=60)
@given(
    samples=st.integers(1, 4000),
    channels=st.integers(1, 3),
    width=st.sampled_from([1, 2]),
    chunk=st.sampled_from([0.05, 0.101, 0.25]),
    batch=st.sampled_from([1, 3]),
)
def test_chunks_join_to_the_latents_of_the_whole(
    samples: int, channels: int, width: int, chunk: float, batch: int
) -> None:
    audio = np.random.default_rng(samples).uniform(-1, 1, (channels, samples)).astype(np.float32)
    whole = encode(Context(width), audio)
    parts = encode(Context(width), audio, chunk_seconds=chunk, overlap_seconds=0.02, batch_size=batch)
    assert len(whole) == -(-channels // width)
    for ours, expected in zip(parts, whole, strict=True):
        assert ours.shape == (2, -(-samples // FRAME))
        np.testing.assert_allclose(ours, expected, atol=1e-4)


def test_chunks_bound_the_length_that_the_codec_gets() -> None:
    codec = Context()
    encode(codec, music(2.0, 8_000), chunk_seconds=0.1, overlap_seconds=0.02)
    assert max(codec.lengths) == 20 * FRAME and min(codec.lengths) > 4 * FRAME


def test_latents_that_cannot_be_joined_are_made_of_the_whole() -> None:
    codec = Context()
    codec.even_frames = False
    encode(codec, music(1.0, 8_000), chunk_seconds=0.1, overlap_seconds=0.02)
    assert codec.lengths == [8_000]


@pytest.mark.parametrize(
    ("latents", "problem"),
    [
        (torch.zeros(1, 3, 200), "3, 200"),
        (torch.full((1, 2, 200), torch.nan), "NaN"),
        (torch.zeros(1, 2, 1), "1 frames"),
    ],
)
def test_a_codec_that_gives_nonsense_fails_its_file(latents: torch.Tensor, problem: str) -> None:
    codec = Context()
    codec.encode = lambda audio: latents  # type: ignore[method-assign]
    with pytest.raises(AssertionError, match=problem):
        encode(codec, music(1.0, 8_000), chunk_seconds=0.1, overlap_seconds=0.02, batch_size=1)


def test_files_of_equal_length_go_together_on_a_gpu() -> None:
    runner = CodecRunner(Context(), batch_size=1, gpu_batch_size=4)
    runner.packs = True
    encoder = LatentsEncoder(runner, Latents(sample_rate=8_000, channels=1, width=2, samples=FRAME))
    audio = {f"{number}": music(0.1 + 0.1 * (number == 2), 8_000, seed=number) for number in range(6)}
    works = encoder.encode_all(encoder.prepare(name, clip, 8_000) for name, clip in audio.items())
    results = {work.file_id: work.result() for work in works}
    assert sorted(results) == sorted(audio)
    for name, clip in audio.items():
        np.testing.assert_array_equal(results[name][0], encode(Context(), clip)[0])
