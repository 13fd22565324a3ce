"""The training loader: crops, their seed, several processes, and normalisation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from support.collections import collection, latents_of, write_collection
from torch.utils.data import DataLoader

import m2l_bench as mb
from m2l_bench.errors import UserError
from m2l_bench.latents.formats import FORMATS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_collection(tmp_path, collection(), range(12), volume_bytes=6000)
    return tmp_path


@pytest.mark.parametrize("format", FORMATS)
def test_crops_are_pieces_of_the_entries(tmp_path: Path, format: str) -> None:
    if format == "zarr":
        pytest.importorskip("zarr")
    write_collection(tmp_path, collection(format), range(12), volume_bytes=6000)
    dataset = mb.latents_dataset(tmp_path, frames=8)
    assert len(dataset) == 14 and dataset.left_out == 4  # files 0, 1 and 2 have 5, 6 and 7 frames
    starts = set()
    for item in range(len(dataset)):
        crop = dataset[item]
        assert crop.shape == (3, 8) and crop.dtype == torch.float32
        number, start = divmod(int(crop[0, 0]), 1000)
        np.testing.assert_array_equal(crop.numpy(), latents_of(number)[:, start : start + 8])
        starts.add(start)
    assert len(starts) > 3
    with pytest.raises(IndexError):
        dataset[14]


def epochs(folder: Path, seed: int, **options: object) -> list[torch.Tensor]:
    """All items of three epochs."""
    dataset = mb.latents_dataset(folder, frames=6, seed=seed)
    loader = DataLoader(dataset, batch_size=len(dataset), **options)  # type: ignore[arg-type]
    return [batch for _ in range(3) for batch in loader]


def test_crops_depend_on_the_seed_and_the_epoch_alone(folder: Path) -> None:
    first, second, third = epochs(folder, 0)
    assert not torch.equal(first, second) and not torch.equal(second, third)
    assert torch.equal(torch.stack(epochs(folder, 0)), torch.stack([first, second, third]))
    assert not torch.equal(epochs(folder, 1)[0], first)
    for options in ({}, {"persistent_workers": True}):
        several = epochs(folder, 0, num_workers=2, **options)
        assert torch.equal(torch.stack(several), torch.stack([first, second, third]))


def test_normalised_rows_have_mean_0_and_deviation_1(folder: Path) -> None:
    dataset = mb.latents_dataset(folder, frames=5, normalise=True)
    index_statistics = np.concatenate([latents_of(n) for n in range(12) for _ in range(1 + n % 2)], axis=1)
    mean, deviation = index_statistics.mean(axis=1), index_statistics.std(axis=1)
    crop = dataset[0]  # file 0 has 5 frames: all of them
    np.testing.assert_allclose(crop.numpy(), (latents_of(0) - mean[:, None]) / deviation[:, None], atol=1e-4)


def test_codes_are_whole_numbers(tmp_path: Path) -> None:
    write_collection(tmp_path, collection(codebook_entries=1024), range(3))
    assert mb.latents_dataset(tmp_path, frames=5)[0].dtype == torch.int64
    with pytest.raises(UserError, match="codes of toy"):
        mb.latents_dataset(tmp_path, frames=5, normalise=True)


def test_mistakes_name_the_folder(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="none of its 18 entries has at least 100 frames"):
        mb.latents_dataset(folder, frames=100)
    with pytest.raises(UserError, match="no collection of latents"):
        mb.latents_dataset(tmp_path / "nowhere", frames=5)
