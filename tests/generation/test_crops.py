"""Crops are the same seconds of the same files, whatever the frame rate and the order of the files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from support.generation import write_latents

from m2l_bench.errors import UserError
from m2l_bench.generation.crops import Crop, Music, Scale, spread_crops


def test_systems_with_other_frame_rates_see_the_same_seconds(tmp_path: Path) -> None:
    fine = Music(write_latents(tmp_path / "fine", 441), 0.5, 50)
    coarse = Music(write_latents(tmp_path / "coarse", 2205, order=-1), 0.5, 10)
    assert fine.digest == coarse.digest
    crops = fine.draw(20, 3)
    assert crops == coarse.draw(20, 3) and crops != fine.draw(20, 4)
    first = [music.read(crops)[:, 0, 0] for music in (fine, coarse)]
    torch.testing.assert_close(first[0], first[1], atol=0.03, rtol=0)


def test_a_crop_is_one_stream_of_its_file(tmp_path: Path) -> None:
    folder = write_latents(tmp_path / "latents", files=1, streams=2)
    music = Music(folder, 0.5, 50)
    parts = music.read([Crop(0, 0.25, 0.49), Crop(0, 0.25, 0.51)])
    assert parts[0, 0, 0] == 0.25 and parts[1, 0, 0] == 10.25
    assert torch.equal(music.streams(Crop(0, 0.25, 0.0)), parts)


def test_all_seconds_are_drawn(music: Music) -> None:
    crops = music.draw(2000, 0)
    counts = np.bincount([crop.file for crop in crops])
    np.testing.assert_allclose(counts / 2000, music.lengths / music.lengths.sum(), atol=0.03)
    assert min(crop.start for crop in crops) < 0.02
    assert max(crop.start - music.lengths[crop.file] for crop in crops) > -music.seconds - 0.02


def test_crops_at_equal_distances_do_not_overlap() -> None:
    assert spread_crops(np.array([2.5, 1.0]), 1.0, 9) == [Crop(0, 0.0, 0.0), Crop(0, 1.0, 0.0), Crop(1, 0.0, 0.0)]
    assert [crop.file for crop in spread_crops(np.ones(10), 1.0, 5)] == [0, 2, 4, 6, 8]


def test_frames_that_a_codec_leaves_out_at_the_end_are_repeated(tmp_path: Path) -> None:
    music = Music(write_latents(tmp_path / "latents", 441), 1.0, 102)
    part = music.read([Crop(0, 0.0, 0.0)])
    assert part.shape == (1, 3, 102)
    assert part[0, 0, 99] == part[0, 0, 101] != part[0, 0, 98]


def test_short_files_are_left_out(tmp_path: Path) -> None:
    folder = write_latents(tmp_path / "latents")
    music = Music(folder, 1.25, 125)
    assert (music.ids, music.left_out) == (["3.wav", "4.wav", "5.wav"], 3)
    with pytest.raises(UserError, match=r"none of its 6 audio files is as long as a crop, 3 s"):
        Music(folder, 3, 300)


def test_normalised_latents_have_mean_0_and_deviation_1(music: Music) -> None:
    scale = Scale(music)
    whole = torch.cat([music.streams(Crop(file, 0.0, 0.0)) for file in range(6)], dim=2)
    assert scale.normalise(whole).abs().max() < 3
    torch.testing.assert_close(scale.denormalise(scale.normalise(whole)), whole, atol=1e-3, rtol=0)
