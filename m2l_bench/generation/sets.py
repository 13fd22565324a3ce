"""The latents of the sets that are compared: samples of a transformer, two floors and two ceilings."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from m2l_bench.generation.card import GeneratorCard
from m2l_bench.generation.crops import Crop, Music, Scale
from m2l_bench.generation.decoding import MakeItems, noise_seed
from m2l_bench.generation.flow import follow
from m2l_bench.generation.network import Transformer
from m2l_bench.runs.generated import NOISE, SAMPLES, SHUFFLED

DRAWING = 3
"""Second of the numbers that seed the crops of the corpus that are decoded."""


def samples(network: Transformer, scale: Scale, frames: int, card: GeneratorCard, seed: int, device: str) -> MakeItems:
    """Draw samples from a trained transformer; noise depends on the seed and the number of the sample."""

    def make(numbers: Sequence[int]) -> list[Tensor]:
        shape = len(scale.mean), frames
        noise = torch.stack([_noise(f"{SAMPLES}-{seed}", number, shape) for number in numbers])
        latents = follow(network, noise.to(device), card.sampling_steps, card.sampler)
        return list(scale.denormalise(latents.cpu())[:, None])

    return make


def random_latents(scale: Scale, frames: int) -> MakeItems:
    """Draw each number of the latents by itself, with the mean and the deviation of its row."""

    def make(numbers: Sequence[int]) -> list[Tensor]:
        shape = 1, len(scale.mean), frames
        return [scale.denormalise(_noise(NOISE, number, shape)) for number in numbers]

    return make


def shuffled_frames(music: Music) -> MakeItems:
    """Take the items of `corpus`, with their frames in random order."""
    ordered = corpus(music)

    def make(numbers: Sequence[int]) -> list[Tensor]:
        orders = [torch.randperm(music.frames, generator=_generator(SHUFFLED, number)) for number in numbers]
        return [item[..., order] for item, order in zip(ordered(numbers), orders, strict=True)]

    return make


def corpus(music: Music) -> MakeItems:
    """Take one stream of random crops of the corpus: what a perfect transformer would draw."""

    def make(numbers: Sequence[int]) -> list[Tensor]:
        return [music.read(music.draw(1, DRAWING, number)) for number in numbers]

    return make


def codec(held_out: Music, crops: Sequence[Crop]) -> MakeItems:
    """Take all streams of the crops of the held-out music that are the reference."""

    def make(numbers: Sequence[int]) -> list[Tensor]:
        return [held_out.streams(crops[number]) for number in numbers]

    return make


def _noise(name: str, number: int, shape: tuple[int, ...]) -> Tensor:
    return torch.randn(shape, generator=_generator(name, number))


def _generator(name: str, number: int) -> torch.Generator:
    return torch.Generator().manual_seed(noise_seed(f"latents {name}", number))
