"""A file from the web is whole and right, or not there; what was fetched is not fetched again."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from support.file_server import FileServer, serve

from m2l_bench.errors import UserError
from m2l_bench.weights.download import download

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
