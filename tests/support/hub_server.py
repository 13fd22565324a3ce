"""A local HTTP server that looks like a repository on the Hugging Face hub."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

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
    repository: str, files: dict[str, Path], gated: bool = False, etag: str = "", stalls: str = "", status: int = 200
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
