"""A local HTTP server for one file that knows ranges and can break off."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FileServer:
    """What it serves, and what it was asked: the value of the header `Range`, or None."""

    content: bytes
    break_after: int | None = None
    """Bytes of the file after which the next answer ends early; once."""
    ranges: bool = True
    stall_after: int | None = None
    """Bytes of the file after which the next answer waits for `release`; once."""
    length: str | None = None
    """The header `Content-Length` in place of the right one; empty: none."""
    content_type: str = "application/octet-stream"
    status: int = 200
    release: threading.Event = field(default_factory=threading.Event)
    asked: list[str | None] = field(default_factory=list)
    url: str = ""


@contextlib.contextmanager
def serve(server: FileServer) -> Iterator[FileServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            range_header = self.headers["Range"]
            server.asked.append(range_header)
            size = len(server.content)
            start = int(range_header.removeprefix("bytes=").rstrip("-")) if range_header and server.ranges else 0
            if start >= size:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{size}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206 if start else server.status)
            self.send_header("Content-Type", server.content_type)
            length = str(size - start) if server.length is None else server.length
            if length:
                self.send_header("Content-Length", length)
            self.end_headers()
            end = size if server.break_after is None else server.break_after
            server.break_after = None
            if server.stall_after is not None:
                end, server.stall_after = server.stall_after, None
                self.wfile.write(server.content[start:end])
                server.release.wait(20)
                return
            self.wfile.write(server.content[start:end])
            self.close_connection = True

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{http.server_port}/file.bin"
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.release.set()
        http.shutdown()
        http.server_close()
