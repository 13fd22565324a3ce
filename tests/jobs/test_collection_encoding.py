"""`m2l-bench encode --codec` and `m2l-bench latents`, as a user runs them, and killed at many moments."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
import soundfile
from support.audio import music, write
from support.collections import Encode, contents
from support.command_line import TESTS, Cli
from support.toy_codec import FRAMES

import m2l_bench as mb
from m2l_bench.commands.music2latent import CollectionFormat
from m2l_bench.latents.checking import find_damage
from m2l_bench.latents.collection import Collection
from m2l_bench.latents.formats import FORMATS
from m2l_bench.latents.index import read_index

PATHS = os.pathsep.join([TESTS, os.environ.get("PYTHONPATH", "")])
"""`PYTHONPATH` of processes that import the toy codecs."""


def test_a_folder_is_encoded_described_checked_and_read(
    encode: Encode, songs: Path, cli_here: Cli, tmp_path: Path
) -> None:
    result = encode("music", "out")
    assert result.returncode == 0, result.stderr
    assert result.stdout == "out: 7 files encoded, 0.00 h of audio; 0 already there, 0 failed\n"
    info = json.loads(cli_here("latents", "info", "out", "--json").stdout)
    assert (info["files"], info["entries"], info["volumes"], info["codec"]) == (7, 10, 1, "frames")
    assert len(info["mean"]) == len(info["deviation"]) == 2
    shown = cli_here("latents", "info", "out").stdout
    assert "10 of 7 files" in shown and "webdataset" in shown
    assert "1 volume: every byte is as it was written" in cli_here("latents", "verify", "out").stdout
    assert contents(tmp_path / "out")["0.wav", 0][:2] == (4410, 44_100)
    crop = mb.latents_dataset(tmp_path / "out", frames=10)[0]
    audio = music(0.1, seed=0)[0]
    written = np.round(audio * 32768) / 32768
    np.testing.assert_allclose(crop[0], written.reshape(10, 441).mean(axis=1), atol=1e-4)
    again = encode("music", "out", "--json")
    assert json.loads(again.stdout) == {"encoded": 0, "present": 7, "failed": {}}
    volume = next((tmp_path / "out").rglob("*.tar"))
    content = bytearray(volume.read_bytes())
    content[1000] ^= 1
    volume.write_bytes(content)
    damaged = cli_here("latents", "verify", "out")
    assert damaged.returncode == 3
    expected = "out/1-of-1/000000.tar: entry 0, '0.wav', stream 0: its bytes are not those that were written (SHA-256)"
    assert damaged.stderr.splitlines() == [expected]


def test_codes_are_kept_as_codes(encode: Encode, songs: Path, cli_here: Cli, tmp_path: Path) -> None:
    assert encode("music", "out", "--format", "safetensors", codec="codes").returncode == 0
    crop = mb.latents_dataset(tmp_path / "out", frames=8)[3]
    assert int(crop.min()) >= 0 and int(crop.max()) <= 15 and not crop.is_floating_point()
    assert "codes, 16 entries" in cli_here("latents", "info", "out").stdout
    assert "mean" not in json.loads(cli_here("latents", "info", "out", "--json").stdout)


def test_a_file_that_fails_is_1_line_and_is_tried_again(encode: Encode, songs: Path, tmp_path: Path) -> None:
    good = (songs / "2.wav").read_bytes()
    (songs / "2.wav").write_bytes(good[:500])
    result = encode("music", "out", "--json")
    assert result.returncode == 3
    told = json.loads(result.stdout)
    assert (told["encoded"], list(told["failed"])) == (6, ["2.wav"])
    (line,) = result.stderr.splitlines()
    assert line.startswith("2.wav: truncated")
    (songs / "2.wav").write_bytes(good)
    again = encode("music", "out", "--json")
    assert again.returncode == 0 and json.loads(again.stdout) == {"encoded": 1, "present": 6, "failed": {}}
    assert encode("music", "whole").returncode == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_for_temporary_files_is_no_failure_of_the_files(
    encode: Encode, songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tars").mkdir()
    with tarfile.open(tmp_path / "tars" / "all.tar", "w") as tar:
        tar.add(songs, "songs")
    with monkeypatch.context() as patch:
        full = partial(Path("/dev/full").open, "r+b", buffering=0)
        patch.setattr(tempfile, "NamedTemporaryFile", lambda suffix: full())
        result = encode("tars", "out")
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    expected = "error: a temporary file or a cache (TMPDIR, XDG_CACHE_HOME, NUMBA_CACHE_DIR): the disk is full "
    expected += "(No space left on device). What is finished is safe: free space or choose another folder, then run "
    assert line == f"{expected}the same command again"
    assert json.loads(encode("tars", "out", "--json").stdout) == {"encoded": 7, "present": 0, "failed": {}}


def test_byte_orders_sample_types_and_rates_may_differ(encode: Encode, tmp_path: Path) -> None:
    audio = music(0.2, channels=2).T
    kinds = {
        "little.wav": {"subtype": "PCM_16"},
        "big.wav": {"subtype": "PCM_16", "endian": "BIG"},
        "big.aiff": {"subtype": "PCM_24"},
        "little.aiff": {"subtype": "PCM_16", "endian": "LITTLE"},
        "big.au": {"subtype": "DOUBLE", "endian": "BIG"},
        "float.wav": {"subtype": "FLOAT"},
    }
    (tmp_path / "mixed").mkdir()
    for name, kind in kinds.items():
        soundfile.write(tmp_path / "mixed" / name, audio, 44_100, **kind)
    soundfile.write(tmp_path / "mixed" / "slow.wav", audio[::4], 11_025)
    result = encode("mixed", "out")
    assert result.returncode == 0, result.stderr
    entries = contents(tmp_path / "out")
    assert entries["slow.wav", 0][:2] == (2205, 11_025)
    expected = np.frombuffer(entries["float.wav", 1][2], np.float32)
    for name in kinds:
        samples, rate, latents = entries[name, 1]
        assert (samples, rate) == (8820, 44_100)
        np.testing.assert_allclose(np.frombuffer(latents, np.float32), expected, atol=4e-5)  # a step of 16 bits


def test_shards_of_a_source_are_encoded_into_one_collection(encode: Encode, songs: Path, tmp_path: Path) -> None:
    assert encode("music", "whole").returncode == 0
    for index in (3, 1, 2):
        result = encode("music", "out", "--shard", f"{index}/3")
        assert result.returncode == 0, result.stderr
        assert result.stderr.splitlines()[-1] == f"shard {index}/3: {2 + (index == 1)} of 7 files"
    out, whole = read_index(tmp_path / "out"), read_index(tmp_path / "whole")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole") and len(out.volumes) == 3
    assert out.statistics is not None and whole.statistics is not None
    np.testing.assert_allclose(out.statistics.deviation, whole.statistics.deviation)
    assert json.loads(encode("music", "out", "--json").stdout)["present"] == 7


def test_every_kind_of_source_has_the_same_latents(encode: Encode, songs: Path, tmp_path: Path) -> None:
    paths = sorted(path.relative_to(songs).as_posix() for path in songs.rglob("*.wav"))
    (songs / "list.txt").write_text("\n".join(paths) + "\n")
    table = pd.DataFrame({"id": [f"00{place}" for place in range(7)], "title": "x", "path": paths})
    table.to_csv(songs / "table.csv", index=False)
    table.to_parquet(songs / "table.parquet")
    (tmp_path / "tars").mkdir()
    with tarfile.open(tmp_path / "tars" / "songs.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("notes.txt"), io.BytesIO())
        tar.addfile(tarfile.TarInfo("sub/._1.wav"), io.BytesIO())
        for path in paths:
            tar.add(songs / path, path)
    expected = {"table": [f"00{place}" for place in range(7)], "tars": [f"songs.tar/{path}" for path in paths]}
    means = []
    for number, source in enumerate(
        ["music", "music/list.txt", "music/table.csv", "music/table.parquet", "tars", "tars/songs.tar"]
    ):
        result = encode(source, f"out{number}")
        assert result.returncode == 0, result.stderr
        index = read_index(tmp_path / f"out{number}")
        name = "tars" if "tars" in source else Path(source).stem
        assert sorted(set(index.table["id"].to_pylist())) == expected.get(name, paths)
        assert index.statistics is not None and index.statistics.frames == 160
        means.append(index.statistics.mean)
    np.testing.assert_allclose(means, [means[0]] * len(means), rtol=1e-9)


def test_mistakes_are_1_line(encode: Encode, songs: Path, cli_here: Cli, tmp_path: Path) -> None:
    assert encode("music", "out").returncode == 0
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.json").write_text("{}")
    (tmp_path / "table.csv").write_text("file,title\na.wav,A\n")
    (tmp_path / "twice.txt").write_text("music/0.wav\nmusic/0.wav\n")
    mistakes = {
        ("encode", "music", "--format", "npy"): "name a codec with --codec NAME",
        ("encode", "music", "--codec", "frames", "--cards", "cards"): "-o DIR: name a folder",
        ("encode", "music", "-o", "a", "--codec", "frames", "--weights", "x"): "--weights is for Music2Latent",
        ("encode", "music", "-o", "a", "--codec", "frames", "--overwrite"): "never overwritten",
        ("encode", "music", "-o", "a", "--codec", "opus-24k"): "does not say what its latents are",
        ("encode", "music", "-o", "a", "--codec", "frame", "--cards", "cards"): "did you mean 'frames'",
        ("encode", "music", "-o", "out", "--codec", "codes", "--cards", "cards"): "holds latents of frames",
        ("encode", "music", "-o", "out", "--codec", "frames", "--cards", "cards", "--format", "npy"): "webdataset",
        ("encode", "empty", "-o", "a", "--codec", "frames", "--cards", "cards"): "no audio files",
        ("encode", "nowhere", "-o", "a", "--codec", "frames", "--cards", "cards"): "nowhere: no such file or folder",
        ("encode", "notes.json", "-o", "a", "--codec", "frames", "--cards", "cards"): "expected a folder",
        ("encode", "table.csv", "-o", "a", "--codec", "frames", "--cards", "cards"): "no column `path`",
        ("encode", "twice.txt", "-o", "a", "--codec", "frames", "--cards", "cards"): "the id music/0.wav",
        ("latents", "info", "music"): "music: no collection of latents",
        ("latents", "verify", "music"): "music: no collection of latents",
    }
    for arguments, message in mistakes.items():
        result = cli_here(*arguments)
        assert result.returncode == 1, (arguments, result.stdout)
        assert message in result.stderr and len(result.stderr.strip().splitlines()) == 1, result.stderr


def test_a_format_whose_package_is_missing_is_1_line_that_installs_it(
    encode: Encode, songs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("m2l_bench.extras.find_spec", lambda name: None)
    result = encode("music", "out", "--format", "zarr")
    assert result.returncode == 1
    assert result.stderr == "error: the package zarr is not installed: pip install 'm2l-bench[zarr]'\n"


def test_formats_are_the_same_everywhere() -> None:
    stated = get_args(Collection.model_fields["format"].annotation)
    assert set(stated) == set(FORMATS) == {format.value for format in CollectionFormat}


KILLED = """
import os, signal, sys
from pathlib import Path
import filelock, pyarrow.compute, pyarrow.parquet, soundfile, support.toy_codec
from m2l_bench.cards import load_cards
from m2l_bench.console.encoding import EncodingBar
from m2l_bench.jobs.collection_encoding import CollectionOptions, encode_collection
from rich.console import Console

card = load_cards([Path("cards")]).system("frames")
options = CollectionOptions(format=sys.argv[1], volume_mb=float(sys.argv[3]), device="cpu")
silent = EncodingBar(Console(file=open(os.devnull, "w")))


def encode(out, last=None):
    "Encode in a process of its own, which is killed before the event of this number in the folder; returns its status."
    events = 0

    def count(event, arguments):
        nonlocal events
        if event.startswith(("open", "os.", "shutil.")) and any(out in str(argument) for argument in arguments):
            events += 1
            if events == last:
                os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if not child:
        sys.addaudithook(count)
        encode_collection("music", out, card, options, silent)
        os._exit(0)
    return os.waitpid(child, 0)[1]


assert encode("whole") == 0
moment, killed = 1, 0
while os.WIFSIGNALED(encode(f"out{moment}", moment)):
    killed += 1
    encode(f"out{moment}", 30)  # and again, on its way back
    assert encode(f"out{moment}") == 0, moment
    moment += int(sys.argv[2])
print(killed)
"""


@pytest.mark.parametrize(
    ("format", "step", "volume_mb"),
    [
        ("webdataset", 13, 0.008),
        pytest.param("webdataset", 1, 0.008, marks=pytest.mark.full),
        pytest.param("npy", 1, 0.002, marks=pytest.mark.full),
    ],
)
def test_killed_at_any_moment_it_goes_on(
    encode: Encode, songs: Path, tmp_path: Path, format: str, step: int, volume_mb: float
) -> None:
    """Before an access to the collection's folder; the result is that of an undisturbed run to the last byte."""
    script = [sys.executable, "-c", KILLED, format, str(step), str(volume_mb)]
    environment = os.environ | {"PYTHONPATH": PATHS}
    result = subprocess.run(script, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stderr
    outs = sorted(tmp_path.glob("out*"))
    assert int(result.stdout) == len(outs) - 1 and len(outs) > 4
    expected = _files(tmp_path / "whole")
    assert sum(name.endswith(".parquet") for name in expected) > 1
    for out in outs:
        assert _files(out).keys() == expected.keys(), out
        assert {name for name, content in _files(out).items() if content != expected[name]} == set(), out
        assert find_damage(out) == []


def _files(folder: Path) -> dict[str, bytes]:
    """Content of all files, hidden ones too, but for the lock."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.mark.full
def test_on_two_devices_a_file_that_kills_its_process_fails_alone(
    encode: Encode, songs: Path, tmp_path: Path, cli: Cli
) -> None:
    (tmp_path / "cards" / "frames.yaml").write_text(FRAMES.replace(":Frames", ":Deadly"))
    assert encode("music", "one").returncode == 0
    write(songs / "deadly.wav", np.ones((1, 4410), np.float32))
    options = ("--codec", "frames", "--cards", "cards", "--device", "cpu,cpu", "--json")
    result = cli("encode", "music", "-o", "two", *options, PYTHONPATH=PATHS)
    assert result.returncode == 3, result.stderr
    told = json.loads(result.stdout)
    assert told["encoded"] == 7 and "killed by a signal" in told["failed"]["deadly.wav"]
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert find_damage(tmp_path / "two") == []
