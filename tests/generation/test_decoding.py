"""Streams of a codec become channels, and the noise of an item depends on nothing but its seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.toy_codec import Denoiser
from torch import Tensor

from m2l_bench.audio import read
from m2l_bench.codecs.base import Codec
from m2l_bench.errors import BadClip
from m2l_bench.generation.decoding import decode, frames_of, present, write_items
from m2l_bench.runs.generated import path_of
from m2l_bench.systems.codec_runner import CodecRunner


class Together(Denoiser):
    """The same noise, with a generator for each stream of a batch."""

    generator_per_item = True

    def decode(self, latents: Tensor, samples: int, *, steps: int = 1, generator: Any = None) -> Tensor:
        noise = [torch.randn(latents.shape[1:], generator=each) for each in generator]
        return latents + 0.1 / steps * torch.stack(noise)


class Stereo(Codec):
    sample_rate, channels = 1000, 2

    def encode(self, audio: Tensor) -> Tensor:
        return audio.unflatten(2, (-1, 10)).mean(3)

    def decode(self, latents: Tensor, samples: int, *, steps: int = 1, generator: Any = None) -> Tensor:
        return latents.repeat_interleave(10, dim=2)


@pytest.mark.parametrize("codec", [Denoiser, Together])
def test_items_have_the_same_noise_alone_and_together(codec: type[Codec]) -> None:
    runner = CodecRunner(codec())
    items = [torch.zeros(2, 1, 441), torch.ones(1, 1, 441)]
    together = decode(items, [5, 6], runner, 0.01)
    assert [audio.shape for audio in together] == [(2, 441), (1, 441)]
    for item, seed, audio in zip(items, [5, 6], together, strict=True):
        np.testing.assert_array_equal(decode([item], [seed], runner, 0.01)[0], audio)
        assert not np.array_equal(decode([item], [seed + 9], runner, 0.01)[0], audio)


def test_a_codec_of_two_channels_gives_stereo() -> None:
    runner = CodecRunner(Stereo())
    assert frames_of(runner, 2.0) == 200
    latents = torch.tensor([0.25, -0.25])[None, :, None].expand(1, 2, 200)
    [audio] = decode([latents], [0], runner, 1.995)
    np.testing.assert_array_equal(audio, np.tile([[0.25], [-0.25]], 1995).astype(np.float32))


def test_only_items_that_are_not_there_are_made(tmp_path: Path) -> None:
    runner, made = CodecRunner(Stereo()), []

    def make(numbers: Any) -> list[Tensor]:
        made.extend(numbers)
        return [torch.full((1, 2, 10), 0.5) for _ in numbers]

    write_items(tmp_path / "set", 3, make, runner, 0.1, lambda: None)
    path_of(tmp_path / "set", 1).unlink()
    assert present(tmp_path / "set", 12) == 2
    seconds = write_items(tmp_path / "set", 12, make, runner, 0.1, lambda: None)
    assert made == [0, 1, 2, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11] and seconds > 0
    audio, rate = read(path_of(tmp_path / "set", 11))
    assert rate == 1000 and audio.shape == (2, 100) and np.allclose(audio, 0.5)


def test_nan_is_refused() -> None:
    with pytest.raises(BadClip, match="NaN"):
        decode([torch.full((1, 2, 10), torch.nan)], [0], CodecRunner(Stereo()), 0.1)
