import hashlib
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from support.trees import magnatagatune_tree, tinysol_tree

from m2l_bench.datasets import magnatagatune, tinysol
from m2l_bench.datasets.remotes import REMOTES, Remote, get
from m2l_bench.errors import UserError
from m2l_bench.progress import Quiet


class Server:
    """Gives `files` by path with ranges; breaks off after `breaks` bytes once for the names in `fragile`."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.fragile: set[str] = set()
        self.asked: list[tuple[str, str | None]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.partition("?")[0].strip("/")
                range_header = self.headers.get("Range")
                outer.asked.append((name, range_header))
                body = outer.files.get(name)
                if body is None:
                    self.send_error(404)
                    return
                start = int(range_header.removeprefix("bytes=").rstrip("-")) if range_header else 0
                self.send_response(206 if range_header else 200)
                self.send_header("Content-Length", str(len(body) - start))
                self.end_headers()
                broken = name in outer.fragile
                outer.fragile.discard(name)
                self.wfile.write(body[start : len(body) // 2 if broken else None])

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.server.shutdown()


def packed(root: Path, kind: str) -> bytes:
    """The files below `root` as a .tar.gz or .zip."""
    buffer = io.BytesIO()
    paths = sorted(path for path in root.rglob("*") if path.is_file())
    if kind == "zip":
        with zipfile.ZipFile(buffer, "w") as archive:
            for path in paths:
                archive.write(path, path.relative_to(root))
    else:
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            for path in paths:
                tar.add(path, path.relative_to(root).as_posix())
    return buffer.getvalue()


@pytest.fixture
def tinysol_remotes(tmp_path: Path, server: Server) -> tuple[Remote, ...]:
    root = tinysol_tree(tmp_path / "published")
    server.files = {
        "TinySOL_metadata.csv": (root / tinysol.METADATA).read_bytes(),
        "TinySOL.tar.gz": packed(root / "audio", "tar.gz"),
    }
    sums = {name: hashlib.md5(content).hexdigest() for name, content in server.files.items()}
    return tuple(
        Remote((f"{server.url}/{remote.names[0]}?download=1",), remote.into, sums[remote.names[0]], remote.archive)
        for remote in REMOTES["tinysol"]
    )


def test_a_download_that_broke_off_goes_on(tmp_path: Path, server: Server, tinysol_remotes: tuple[Remote, ...]) -> None:
    folder = tmp_path / "set"
    server.fragile = {"TinySOL.tar.gz"}
    with pytest.raises(
        UserError, match=r"TinySOL\.tar\.gz.*cannot be fetched .*run the same command again to continue"
    ):
        get("tinysol", folder, Quiet(), tinysol_remotes)
    with pytest.raises(UserError, match=r"not complete; `m2l-bench data get tinysol .*set` continues"):
        tinysol.load(folder)
    assert get("tinysol", folder, Quiet(), tinysol_remotes) == {"remotes": 2, "fetched": 1}
    half = len(server.files["TinySOL.tar.gz"]) // 2
    assert server.asked[-1] == ("TinySOL.tar.gz", f"bytes={half}-")
    assert len(tinysol.load(folder).clips) == 20
    assert not (folder / ".downloads").exists()
    requests = len(server.asked)
    assert get("tinysol", folder, Quiet(), tinysol_remotes) == {"remotes": 2, "fetched": 0}
    assert len(server.asked) == requests


def test_another_file_than_the_published_one_is_not_kept(
    tmp_path: Path, server: Server, tinysol_remotes: tuple[Remote, ...]
) -> None:
    server.files["TinySOL.tar.gz"] += b"more"
    with pytest.raises(UserError, match=r"its md5 is \w+, expected \w+; the file was not kept"):
        get("tinysol", tmp_path / "set", Quiet(), tinysol_remotes)
    assert not list((tmp_path / "set" / ".downloads").iterdir())


def test_magnatagatune_comes_in_parts(tmp_path: Path, server: Server) -> None:
    root = magnatagatune_tree(tmp_path / "published")
    content = packed(root / "audio", "zip")
    third = len(content) // 3
    server.files = {path.name: path.read_bytes() for path in (root / "metadata").iterdir()}
    server.files |= {f"mp3.zip.00{i}": content[(i - 1) * third : i * third if i < 3 else None] for i in (1, 2, 3)}
    remotes = [
        Remote(tuple(f"{server.url}/{name}" for name in remote.names), remote.into, archive=remote.archive)
        for remote in REMOTES["magnatagatune"]
    ]
    get("magnatagatune", tmp_path / "set", Quiet(), remotes)
    assert len(magnatagatune.load(tmp_path / "set").clips) == 9


def test_an_archive_that_would_leave_its_folder_leaves_nothing(tmp_path: Path, server: Server) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("audio/good.mp3", b"good")
        archive.writestr("../evil", b"evil")
    server.files = {"evil.zip": buffer.getvalue()}
    with pytest.raises(UserError, match=r"its member '\.\./evil' would leave the folder"):
        get("beatport_key", tmp_path / "set", Quiet(), [Remote((f"{server.url}/evil.zip",), "", archive=True)])
    assert not (tmp_path / "evil").exists() and not (tmp_path / "set" / "audio").exists()


def test_the_addresses_are_those_that_mirdata_publishes() -> None:
    for name in ("tinysol", "beatport_key"):
        module = pytest.importorskip(f"mirdata.datasets.{name}")
        published = {(remote.url, remote.checksum) for remote in module.REMOTES.values()}
        assert {(remote.urls[0], remote.md5) for remote in REMOTES[name]} == published
