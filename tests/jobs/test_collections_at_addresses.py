"""`m2l-bench encode --codec` from and to an object storage: a server of S3 on this machine."""

from __future__ import annotations

import json
import logging
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.collections import Encode, contents
from support.command_line import Cli

import m2l_bench as mb
from m2l_bench.errors import UserError
from m2l_bench.latents import remote
from m2l_bench.latents.index import read_index

s3fs = pytest.importorskip("s3fs", reason="pip install 'm2l-bench[s3]'")
SMALL = ("--volume-mb", 0.002)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def storage(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The file system of an object storage with an empty bucket, `bucket`."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("M2L_BENCH_CACHE", str(tmp_path / "cache"))
    s3fs.S3FileSystem.clear_instance_cache()
    filesystem = s3fs.S3FileSystem()
    if filesystem.exists("bucket"):
        filesystem.rm("bucket", recursive=True)
    filesystem.mkdir("bucket")
    return filesystem


@pytest.fixture
def uploaded(storage: Any, songs: Path) -> Path:
    """The songs, which are in the storage too: the first four as they are, the others in a tar file."""
    for number, song in enumerate(sorted(songs.rglob("*.wav"))):
        if number < 4:
            storage.put_file(str(song), f"bucket/music/{song.relative_to(songs)}")
        else:
            with tarfile.open(songs / "more.tar", "a") as tar:
                tar.add(song, song.relative_to(songs).as_posix())
            song.unlink()
    storage.put_file(str(songs / "more.tar"), "bucket/music/more.tar")
    storage.pipe_file("bucket/music/.hidden.wav", b"nothing")
    return songs


def fetched(storage: Any, tmp_path: Path, name: str = "out") -> Path:
    """A collection of the storage, copied to this machine."""
    storage.invalidate_cache()
    storage.get(f"bucket/{name}", str(tmp_path / "copy" / name), recursive=True)
    return tmp_path / "copy" / name


@pytest.mark.parametrize("format", ["webdataset", "npy"])
def test_a_bucket_is_encoded_into_a_bucket(
    encode: Encode, uploaded: Path, storage: Any, cli_here: Cli, tmp_path: Path, format: str
) -> None:
    command = ("s3://bucket/music", "s3://bucket/out", *SMALL, "--format", format)
    result = encode(*command)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "s3://bucket/out: 7 files encoded, 0.00 h of audio; 0 already there, 0 failed\n"
    assert encode("music", "here").returncode == 0
    copy = fetched(storage, tmp_path)
    assert contents(copy) == contents(tmp_path / "here") and len(read_index(copy).volumes) > 1
    assert not list((tmp_path / "cache").rglob("0*.tar")), "volumes stay on this machine"
    again = encode("s3://bucket/music/", "s3://bucket/out/", *command[2:], "--json")
    assert json.loads(again.stdout)["present"] == 7
    info = json.loads(cli_here("latents", "info", "s3://bucket/out", "--json").stdout)
    assert (info["files"], info["volumes"]) == (7, len(read_index(copy).volumes))
    assert "every byte is as it was written" in cli_here("latents", "verify", "s3://bucket/out").stdout


def test_what_a_failed_upload_left_is_sent_by_the_next_command(
    encode: Encode, songs: Path, storage: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = remote.upload

    def fail(source: Path, address: str) -> None:
        if address.endswith("000001.parquet"):
            raise UserError(f"{address}: cannot be written (the network is gone)")
        upload(source, address)

    monkeypatch.setattr(remote, "upload", fail)
    result = encode("music", "s3://bucket/out", *SMALL)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].endswith("000001.parquet: cannot be written (the network is gone)")
    monkeypatch.setattr(remote, "upload", upload)
    told = json.loads(encode("music", "s3://bucket/out", *SMALL, "--json").stdout)
    assert told["present"] > 0 and told["present"] + told["encoded"] == 7
    assert encode("music", "here", *SMALL).returncode == 0
    assert contents(fetched(storage, tmp_path)) == contents(tmp_path / "here")


def test_a_list_names_files_anywhere_and_one_that_is_missing_is_a_line(
    encode: Encode, uploaded: Path, storage: Any, tmp_path: Path
) -> None:
    table = "id,path\na,s3://bucket/music/0.wav\nb,music/2.wav\nc,s3://bucket/music/none.wav\n"
    (tmp_path / "table.csv").write_text(table)
    storage.pipe_file("bucket/table.csv", table.encode())
    for source in ("table.csv", "s3://bucket/table.csv"):
        result = encode(source, f"out-{Path(source).parent.name}", "--json")
        assert result.returncode == 3, result.stderr
        assert json.loads(result.stdout)["failed"] == {"c": "s3://bucket/music/none.wav: no such file or folder"}
        assert json.loads(result.stdout)["encoded"] == 2


def test_a_damaged_volume_is_found_and_made_again(
    encode: Encode, songs: Path, storage: Any, cli_here: Cli, tmp_path: Path
) -> None:
    assert encode("music", "s3://bucket/out", *SMALL).returncode == 0
    volume = "bucket/out/1-of-1/000001.tar"
    content = bytearray(storage.cat_file(volume))
    content[1000] ^= 1
    storage.pipe_file(volume, bytes(content))
    storage.pipe_file("bucket/out/1-of-1/000077.tar", b"")
    damaged = cli_here("latents", "verify", "s3://bucket/out")
    assert damaged.returncode == 3
    first, last = damaged.stderr.splitlines()
    assert first.startswith("s3://bucket/out/1-of-1/000001.tar: entry 0") and "SHA-256" in first
    assert last == "s3://bucket/out/1-of-1/000077: has no index"
    storage.rm([volume, "bucket/out/1-of-1/000001.parquet", "bucket/out/1-of-1/000077.tar"])
    again = json.loads(encode("music", "s3://bucket/out", *SMALL, "--json").stdout)
    assert again["encoded"] > 0 and again["encoded"] + again["present"] == 7
    assert "every byte" in cli_here("latents", "verify", "s3://bucket/out").stdout
    assert encode("music", "here").returncode == 0
    assert contents(fetched(storage, tmp_path)) == contents(tmp_path / "here")


def test_what_cannot_be_done_is_1_line(encode: Encode, songs: Path, storage: Any, cli_here: Cli) -> None:
    for source, out, message in (
        ("s3://bucket/none", "out", "s3://bucket/none: no audio files"),
        ("s3://nowhere/music", "out", "s3://nowhere/music: "),
        ("music", "s3://nowhere/out", "s3://nowhere/out"),
        ("nothing://music", "out", "nothing://music: "),
    ):
        result = encode(source, out)
        assert result.returncode == 1 and message in result.stderr, result.stderr
        assert len(result.stderr.splitlines()) == 1, result.stderr
    result = cli_here("encode", "s3://bucket/music", "-o", "out")
    assert result.returncode == 1 and "--codec NAME" in result.stderr
    result = cli_here("latents", "info", "s3://bucket/none")
    assert result.returncode == 1 and "s3://bucket/none: no collection of latents" in result.stderr
    with pytest.raises(UserError, match="copy it to a disk"):
        mb.latents_dataset("s3://bucket/out", frames=4)
