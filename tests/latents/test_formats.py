"""Formats of volumes: what is written comes back, and no changed byte is missed."""

from __future__ import annotations

import io
import json
import random
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from support.collections import collection, latents_of, write_collection

from m2l_bench.errors import UserError
from m2l_bench.latents.checking import find_damage
from m2l_bench.latents.formats import FORMATS
from m2l_bench.latents.index import read_index, read_volume_index
from m2l_bench.latents.summary import summarise


@pytest.fixture(params=list(FORMATS))
def format_name(request: pytest.FixtureRequest) -> str:
    if request.param == "zarr":
        pytest.importorskip("zarr")
    return str(request.param)


def files_of(out: Path) -> list[Path]:
    return sorted(path for path in out.rglob("*") if path.is_file() and path.name != "collection.json")


def test_entries_come_back_from_every_place(tmp_path: Path, format_name: str) -> None:
    description = collection(format_name)
    write_collection(tmp_path, description, range(6), volume_bytes=2000)
    index, format = read_index(tmp_path), FORMATS[format_name]
    assert len(index) == 9 and len(index.volumes) > 1
    for name in index.volumes:
        entries, _ = read_volume_index(tmp_path / f"{name}.parquet", description)
        volume = tmp_path / (name + format.suffix)
        for number, entry in enumerate(entries):
            expected = latents_of(int(entry.id.removeprefix("file")))
            opened = format.latents(volume, number, entry)
            assert tuple(opened.shape) == (3, entry.frames)
            np.testing.assert_array_equal(np.asarray(opened[:, 2:4]), expected[:, 2:4])
            description_of_entry = format.description(volume, number, entry)
            assert description_of_entry["id"] == entry.id and description_of_entry["stream"] == entry.stream
    assert find_damage(tmp_path) == []


def test_a_changed_byte_is_found_and_named(tmp_path: Path, format_name: str) -> None:
    write_collection(tmp_path, collection(format_name), range(4))
    draw = random.Random(0)
    data = [path for path in files_of(tmp_path) if path.suffix != ".parquet"]
    for _ in range(25):
        path = draw.choice(data)
        whole = path.read_bytes()
        changed = bytearray(whole)
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
        path.write_bytes(changed)
        problems = find_damage(tmp_path)
        assert problems and all("1-of-1/000000" in problem for problem in problems)
        path.write_bytes(whole)
    assert find_damage(tmp_path) == []


def test_what_is_missing_or_too_much_is_found(tmp_path: Path, format_name: str) -> None:
    write_collection(tmp_path, collection(format_name), range(3))
    volume = tmp_path / "1-of-1" / ("000000" + FORMATS[format_name].suffix)
    if volume.is_dir():
        (volume / "000077.npy").write_bytes(b"")
        assert find_damage(tmp_path) == [f"{volume}: 000077.npy belongs to none of its entries"]
    else:
        volume.write_bytes(volume.read_bytes() + b"more")
        assert find_damage(tmp_path) == [f"{volume}: 1028 bytes behind its last entry; expected 1024 zeros"]
    volume.rename(tmp_path / "elsewhere")
    problems = find_damage(tmp_path)
    assert len(problems) == 5 and all(str(volume) in problem for problem in problems)
    (tmp_path / "elsewhere").rename(volume)
    (tmp_path / "1-of-1" / "000000.parquet").unlink()
    assert find_damage(tmp_path) == [f"{volume}: has no index"]


def test_a_changed_byte_of_an_index_is_found(tmp_path: Path) -> None:
    write_collection(tmp_path, collection(), range(4))
    (index,) = tmp_path.glob("*/*.parquet")
    whole = index.read_bytes()
    draw = random.Random(1)
    entries, statistics = read_volume_index(index, collection())
    for _ in range(60):
        changed = bytearray(whole)
        place = draw.randrange(len(changed))
        changed[place] ^= 1 << draw.randrange(8)
        index.write_bytes(changed)
        try:
            problems = find_damage(tmp_path)
        except UserError as error:
            assert str(index) in str(error)
            continue
        if not problems:  # a byte that decides nothing which is read, such as a letter of the name of the library
            read, of_volume = read_volume_index(index, collection())
            assert read == entries and of_volume is not None and statistics is not None
            np.testing.assert_allclose(of_volume.mean, statistics.mean, rtol=1e-6)
            np.testing.assert_allclose(of_volume.squares, statistics.squares, rtol=1e-6)


def test_tar_files_are_those_of_webdataset(tmp_path: Path) -> None:
    """A program that knows nothing of the index finds a `.npy` and a `.json` of each entry, one behind the other."""
    write_collection(tmp_path, collection(), range(3))
    with tarfile.open(tmp_path / "1-of-1" / "000000.tar") as tar:
        members = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
    assert list(members) == [f"{number:06d}.{suffix}" for number in range(4) for suffix in ("npy", "json")]
    np.testing.assert_array_equal(np.load(io.BytesIO(members["000000.npy"])), latents_of(0))
    assert json.loads(members["000003.json"])["id"] == "file2"


@pytest.mark.parametrize("crop", [None, 4, 100])
def test_the_npy_format_is_what_stable_audio_tools_reads(tmp_path: Path, crop: int | None) -> None:
    """Its loader of latents takes every `.npy` below a folder and, where ".npy" becomes ".json", what belongs to it."""
    write_collection(tmp_path, collection("npy"), range(3))
    paths = [str(path) for path in tmp_path.rglob("*.npy")]
    assert len(paths) == 4
    for path in paths:
        latents = torch.from_numpy(np.load(path))
        information = json.loads(Path(path.replace(".npy", ".json")).read_text())
        mask = information["padding_mask"]
        assert latents.ndim == 2 and latents.dtype == torch.float32 and len(mask) == latents.shape[1]
        if crop is not None:
            last = max(place for place, value in enumerate(mask) if value == 1)
            start = (last - crop) // 2 if last > crop else 0
            latents, mask = latents[:, start : start + crop], mask[start : start + crop]
            assert latents.shape == (3, len(mask)) and len(mask) == min(crop, last + 1)
        assert torch.tensor(mask).sum() == len(mask)
        assert isinstance(information["seconds_total"], float) and information["seconds_total"] > 0
        assert information["seconds_start"] == 0


def test_statistics_are_those_of_all_frames(tmp_path: Path) -> None:
    write_collection(tmp_path, collection(), range(8), volume_bytes=4000)
    index = read_index(tmp_path)
    assert len(index.volumes) > 2 and index.statistics is not None
    frames = np.concatenate([latents_of(n).astype(float) for n in range(8) for _ in range(1 + n % 2)], axis=1)
    assert index.statistics.frames == frames.shape[1] == summarise(tmp_path).frames
    np.testing.assert_allclose(index.statistics.mean, frames.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(index.statistics.deviation, frames.std(axis=1), rtol=1e-10)


def test_codes_have_no_statistics(tmp_path: Path) -> None:
    write_collection(tmp_path, collection("npy", codebook_entries=1024), range(2))
    assert read_index(tmp_path).statistics is None
    assert find_damage(tmp_path) == []


def test_a_damaged_index_leaves_the_other_volumes_to_be_checked(tmp_path: Path) -> None:
    write_collection(tmp_path, collection("npy"), range(6), volume_bytes=2000)
    first, second, *_ = sorted(tmp_path.rglob("*.parquet"))
    first.write_bytes(first.read_bytes()[:-40])
    (second.with_suffix("") / "000000.npy").write_bytes(b"")
    problems = find_damage(tmp_path)
    assert any(str(first) in problem for problem in problems), problems
    assert any(str(second.with_suffix("")) in problem for problem in problems), problems
