"""A local HTTP server that looks like a repository on the Hugging Face hub."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """Where it listens, and the (method, path) of what was asked."""

    endpoint: str
    requests: list[tuple[str, str]] = field(default_factory=list)

    def environment(self, home: Path) -> dict[str, str]:
        return {"HF_ENDPOINT": self.endpoint, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", "HF_TOKEN": ""}


@contextlib.contextmanager
def serve(
    repository: str,
    files: dict[str, Path],
    gated: bool = False,
    etag: str = "",
    stalls: str = "",
    status: int = 200,
    licence: str = "mit",
) -> Iterator[Hub]:
    """Serve files of one repository at revision `main` and at its commit.

    Args:
        gated: only to those with a token.
        etag: the ETag in place of the right one.
        stalls: the method, HEAD or GET, that gets no answer.
        status: the status in place of 200.
    """
    released = threading.Event()
    known = {
        f"/{repository}/resolve/{revision}/{name}": path
        for name, path in files.items()
        for revision in ("main", COMMIT)
    }

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            path = self._answer()
            if path:
                with path.open("rb") as file:
                    while block := file.read(2**20):
                        self.wfile.write(block)

        def _answer(self) -> Path | None:
            hub.requests.append((self.command, self.path))
            if self.command == stalls:
                released.wait(20)
                return None
            if self.path.startswith(f"/api/models/{repository}"):
                self._send(json.dumps(_described(repository, files, licence)).encode())
                return None
            path = known.get(self.path)
            if gated and "Authorization" not in self.headers:
                self.send_response(401)
                self.send_header("X-Error-Code", "GatedRepo")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return None
            self.send_response(status if path else 404)
            if path is None:
                self.send_header("X-Error-Code", "EntryNotFound")
                self.send_header("Content-Length", "0")
            else:
                self.send_header("X-Repo-Commit", COMMIT)
                self.send_header("ETag", f'"{etag or hashlib.sha256(path.read_bytes()).hexdigest()}"')
                self.send_header("Content-Length", str(path.stat().st_size))
            self.end_headers()
            return path

        def _send(self, content: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub = Hub(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        released.set()
        server.shutdown()
        server.server_close()


def _described(repository: str, files: dict[str, Path], licence: str) -> dict[str, Any]:
    """What the hub's interface says of a repository; only large files have a hash there."""
    siblings: list[dict[str, Any]] = []
    for name, path in files.items():
        content = path.read_bytes()
        sibling: dict[str, Any] = {"rfilename": name, "size": len(content)}
        if path.suffix != ".json":
            sibling["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 1}
        siblings.append(sibling)
    return {"id": repository, "sha": COMMIT, "siblings": siblings, "cardData": {"license": licence}}
