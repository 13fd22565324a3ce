"""A file from the web is whole and right, or not there; what was fetched is not fetched again."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from support.file_server import FileServer, serve

from m2l_bench.cards import WeightFile
from m2l_bench.errors import UserError
from m2l_bench.weights import download as module
from m2l_bench.weights.download import download
from m2l_bench.weights.locate import fetch

CONTENT = np.random.default_rng(0).bytes(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def test_whole_and_checked(tmp_path: Path) -> None:
    had: list[tuple[int, int | None]] = []
    with serve(FileServer(CONTENT)) as server:
        path = download(server.url, tmp_path / "new" / "x", SHA256, on_bytes=lambda *progress: had.append(progress))
    assert path.read_bytes() == CONTENT and had[-1] == (len(CONTENT), len(CONTENT))
    assert [entry.name for entry in path.parent.iterdir()] == ["x"]


def test_md5_and_the_first_digits_of_a_checksum(tmp_path: Path) -> None:
    with serve(FileServer(CONTENT)) as server:
        download(server.url, tmp_path / "a", hashlib.md5(CONTENT).hexdigest(), "md5")
        download(server.url, tmp_path / "b", SHA256[:8].upper())


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_download_goes_on(tmp_path: Path, ranges: bool) -> None:
    with serve(FileServer(CONTENT, break_after=1_000_000, ranges=ranges)) as server:
        with pytest.raises(UserError, match="run the same command again to continue"):
            download(server.url, tmp_path / "x", SHA256)
        assert not (tmp_path / "x").exists() and (tmp_path / "x.part").exists()
        assert download(server.url, tmp_path / "x", SHA256).read_bytes() == CONTENT
        assert server.asked == [None, "bytes=1000000-"]


def test_a_part_that_is_already_whole_or_too_long(tmp_path: Path) -> None:
    with serve(FileServer(CONTENT)) as server:
        (tmp_path / "x.part").write_bytes(CONTENT)
        assert download(server.url, tmp_path / "x", SHA256).read_bytes() == CONTENT
        (tmp_path / "y.part").write_bytes(CONTENT + b"more")
        assert download(server.url, tmp_path / "y", SHA256).read_bytes() == CONTENT


def test_another_checksum_is_not_kept(tmp_path: Path) -> None:
    with serve(FileServer(CONTENT)) as server, pytest.raises(UserError, match=f"its sha256 is {SHA256}, expected ffff"):
        download(server.url, tmp_path / "x", "ffff0000")
    assert list(tmp_path.iterdir()) == []


def test_nobody_there_and_nowhere_to_write(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be fetched"):
        download("http://127.0.0.1:9/x", tmp_path / "x")
    (tmp_path / "file").write_text("")
    with serve(FileServer(CONTENT)) as server, pytest.raises(UserError, match="cannot write there"):
        download(server.url, tmp_path / "file" / "x")


def refused(server: FileServer, tmp_path: Path, checksum: str = "", limit_bytes: int = 10**9) -> str:
    """The message of a download that fails."""
    with serve(server), pytest.raises(UserError) as error:
        download(server.url, tmp_path / "x", checksum, limit_bytes=limit_bytes)
    assert not (tmp_path / "x").exists() and "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("stall_after", [0, 1_500_000])
def test_a_stalled_server_is_one_line_and_what_came_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stall_after: int
) -> None:
    assert module.TIMEOUT_SECONDS < 10
    monkeypatch.setattr(module, "TIMEOUT_SECONDS", 0.5)
    server = FileServer(CONTENT, stall_after=stall_after)
    assert "cannot be fetched (no answer within 0.5 s)" in refused(server, tmp_path, SHA256)
    assert (tmp_path / "x.part").stat().st_size == stall_after
    with serve(server):
        assert download(server.url, tmp_path / "x", SHA256).read_bytes() == CONTENT


@pytest.mark.parametrize("length", ["many", "-1", "1e6", "²", ""])
def test_a_length_that_is_none(tmp_path: Path, length: str) -> None:
    server = FileServer(CONTENT, length=length)
    with serve(server):
        assert download(server.url, tmp_path / "checked", SHA256).read_bytes() == CONTENT
    assert "states no length, so a missing end would not be noticed; the file was not kept" in refused(server, tmp_path)


def test_a_wrong_length(tmp_path: Path) -> None:
    longer = str(len(CONTENT) + 1)
    assert f"broke off after {len(CONTENT)} of {longer} bytes" in refused(FileServer(CONTENT, length=longer), tmp_path)
    (tmp_path / "x.part").unlink()
    assert "expected" in refused(FileServer(CONTENT, length="1000"), tmp_path, SHA256)


@pytest.mark.parametrize("server", [
    FileServer(CONTENT, content_type="text/html; charset=utf-8"),
    FileServer(b"\n<!DOCTYPE html><title>Please log in</title>"),
    FileServer(b"<HTML>" + CONTENT),
])  # fmt: skip
def test_a_web_page_is_no_file(tmp_path: Path, server: FileServer) -> None:
    assert "the server sends a web page in place of the file; the file was not kept" in refused(server, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("length", [None, ""])
def test_more_than_expected_is_not_written(tmp_path: Path, length: str | None) -> None:
    message = refused(FileServer(CONTENT, length=length), tmp_path, SHA256, limit_bytes=2_000_000)
    assert "larger than expected" in message and "at most 2.0 MB are accepted" in message
    assert list(tmp_path.iterdir()) == []


def test_the_size_on_the_card_limits_the_download(tmp_path: Path) -> None:
    with serve(FileServer(bytes(12_000_000))) as server:
        with pytest.raises(UserError, match=r"12\.0 MB, at most 11\.5 MB"):
            fetch(WeightFile(url=server.url, megabytes=1), tmp_path)
        assert fetch(WeightFile(url=server.url, megabytes=8), tmp_path).stat().st_size == 12_000_000


@pytest.mark.parametrize("status", [401, 403, 404, 500, 503])
def test_refusals_are_one_line(tmp_path: Path, status: int) -> None:
    assert f"cannot be fetched (HTTP Error {status}" in refused(FileServer(CONTENT, status=status), tmp_path)


@pytest.mark.parametrize("url", ["http://", "http://[::1", "http://host:port/x", "http://a b/x"])
def test_an_address_that_is_none(tmp_path: Path, url: str) -> None:
    with pytest.raises(UserError, match="cannot be fetched"):
        download(url, tmp_path / "x")


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/x", "/etc/hostname", "data:,x"])
def test_only_the_web(tmp_path: Path, url: str) -> None:
    with pytest.raises(UserError, match="only http and https addresses are fetched"):
        download(url, tmp_path / "x")
    assert list(tmp_path.iterdir()) == []
