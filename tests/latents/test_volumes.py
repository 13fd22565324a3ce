"""Recovery of what a killed process leaves: every file that was added is there once, and nothing else."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from support.collections import collection, latents_of, write_collection, writer

from m2l_bench.errors import UserError
from m2l_bench.latents.checking import find_damage
from m2l_bench.latents.formats import FORMATS
from m2l_bench.latents.index import read_index
from m2l_bench.latents.summary import summarise


def ids(out: Path) -> list[str]:
    return read_index(out).table["id"].to_pylist()


def add(volumes: object, number: int) -> None:
    volumes.add(f"file{number}", [latents_of(number)] * 2, 4410, 44_100)  # type: ignore[attr-defined]


@pytest.fixture(params=["webdataset", "npy"])
def out(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A collection of which two files are in a volume that was not finished."""
    volumes = writer(tmp_path, collection(request.param))
    for number in range(2):
        add(volumes, number)
    return tmp_path


def test_an_unfinished_volume_goes_on(out: Path) -> None:
    assert ids(out) == []
    assert summarise(out).notes == ["1-of-1: not finished; unless it is running, run it again with --shard 1/1"]
    volumes = writer(out, read_index(out).collection)
    assert volumes.recovered == ["file0", "file1"]
    add(volumes, 2)
    volumes.close()
    assert ids(out) == ["file0", "file0", "file1", "file1", "file2", "file2"]
    assert find_damage(out) == [] and summarise(out).notes == []
    assert not [path for path in out.rglob(".*") if path.name != ".lock"]
    index = read_index(out)
    assert index.statistics is not None
    np.testing.assert_allclose(index.statistics.mean[0], np.concatenate([latents_of(n)[0] for n in range(3)]).mean())


@pytest.mark.parametrize("what", ["half a line", "half an entry", "another entry", "a changed byte"])
def test_what_is_not_whole_is_left_out(out: Path, what: str) -> None:
    (journal,) = out.rglob(".*.jsonl")
    (part,) = (path for path in out.rglob(".*.part*"))
    kept = ["file0", "file1"]
    last = part if part.is_file() else part / "000003.npy"
    if what == "half a line":
        journal.write_bytes(journal.read_bytes()[:-20])
        kept = ["file0"]
    elif what == "half an entry":
        os.truncate(last, last.stat().st_size // 2 if part.is_dir() else last.stat().st_size - 700)
        kept = ["file0"]
    elif what == "another entry":
        (part if part.is_file() else part / "000004.npy").open("ab").write(b"half an entry")
    else:
        content = bytearray(last.read_bytes())
        content[-1500 if part.is_file() else -1] ^= 1
        last.write_bytes(content)
        kept = ["file0"]
    volumes = writer(out, read_index(out).collection)
    assert volumes.recovered == kept
    for number in range(len(kept), 3):
        add(volumes, number)
    volumes.close()
    assert ids(out) == ["file0", "file0", "file1", "file1", "file2", "file2"]
    assert find_damage(out) == []


def test_killed_between_the_volume_and_its_index(out: Path) -> None:
    (part,) = (path for path in out.rglob(".*.part*"))
    suffix = FORMATS[read_index(out).collection.format].suffix
    part.rename(part.with_name("000000" + suffix))
    writer(out, read_index(out).collection).close()
    assert ids(out) == ["file0", "file0", "file1", "file1"] and find_damage(out) == []


def test_a_volume_that_was_full_is_finished(out: Path) -> None:
    """Its files are done, though no index named them when the job began."""
    volumes = writer(out, read_index(out).collection, volume_bytes=1)
    assert volumes.recovered == ["file0", "file1"] and volumes.number == 1
    assert ids(out) == ["file0", "file0", "file1", "file1"] and find_damage(out) == []


def test_killed_before_the_journal_is_deleted(out: Path) -> None:
    (journal,) = out.rglob(".*.jsonl")
    content = journal.read_bytes()
    writer(out, read_index(out).collection).close()
    journal.write_bytes(content)
    volumes = writer(out, read_index(out).collection)
    assert volumes.recovered == [] and not journal.exists()
    assert volumes.number == 1


def test_what_another_job_did_meanwhile_is_left_out(out: Path) -> None:
    """Jobs of another number of shards went on before the first one did."""
    description = read_index(out).collection
    other = writer(out, description, "2-of-3")
    add(other, 1)
    other.close()
    volumes = writer(out, description)
    assert volumes.recovered == ["file0"]
    volumes.close()
    assert sorted(set(ids(out))) == ["file0", "file1"] and len(ids(out)) == 4
    assert find_damage(out) == []


def test_volumes_of_all_jobs_are_read(tmp_path: Path) -> None:
    write_collection(tmp_path, collection(), range(0, 6, 2), shard="1-of-2")
    write_collection(tmp_path, collection(), range(1, 6, 2), shard="2-of-2")
    summary = summarise(tmp_path)
    assert (summary.files, len(summary.index), len(summary.index.volumes)) == (6, 9, 2)
    assert summary.seconds == pytest.approx(sum(5 + n for n in range(6)) / 100)


def test_volumes_of_another_codec_are_noticed(tmp_path: Path) -> None:
    write_collection(tmp_path / "a", collection(), range(2))
    write_collection(tmp_path / "b", collection().model_copy(update={"codec_digest": "f" * 16}), range(2))
    shutil.copytree(tmp_path / "b" / "1-of-1", tmp_path / "a" / "2-of-2")
    with pytest.raises(UserError, match="belongs to another collection"):
        read_index(tmp_path / "a")
    with pytest.raises(UserError, match="holds latents of other weights"):
        writer(tmp_path / "b", collection())
