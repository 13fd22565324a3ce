"""A local HTTP server that looks like a repository on the Hugging Face hub, to download from and to upload to."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """Where it listens, and the (method, path) of what was asked."""

    endpoint: str
    requests: list[tuple[str, str]] = field(default_factory=list)
    created: list[dict[str, Any]] = field(default_factory=list)
    """What was asked when repositories were created."""
    commits: list[dict[str, Any]] = field(default_factory=list)
    """Message, branch, description and files of each commit."""

    def environment(self, home: Path) -> dict[str, str]:
        return {"HF_ENDPOINT": self.endpoint, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", "HF_TOKEN": ""}

    def use_here(self, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
        """Make this process use it, without a token; huggingface_hub has read the environment already."""
        from huggingface_hub import constants

        monkeypatch.delenv("HF_TOKEN", raising=False)
        monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
        for name, value in {
            "ENDPOINT": self.endpoint,
            "HUGGINGFACE_CO_URL_TEMPLATE": self.endpoint + "/{repo_id}/resolve/{revision}/{filename}",
            "HF_HUB_CACHE": str(home / "hub"),
            "HF_TOKEN_PATH": str(home / "token"),
            "HF_HUB_DISABLE_XET": True,
        }.items():
            monkeypatch.setattr(constants, name, value, raising=False)


@contextlib.contextmanager
def serve(
    repository: str,
    files: dict[str, Path],
    gated: bool = False,
    etag: str = "",
    stalls: str = "",
    status: int = 200,
    licence: str = "mit",
    uploads: Path | None = None,
) -> Iterator[Hub]:
    """Serve files of one repository at revision `main` and at its commit.

    Args:
        uploads: folder for uploads, which those with a token may make; None: none are accepted.
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

        def do_PUT(self) -> None:
            self._upload()

        def do_POST(self) -> None:
            self._upload()

        def _upload(self) -> None:
            hub.requests.append((self.command, self.path))
            content = self.rfile.read(int(self.headers["Content-Length"]))
            if uploads is None or (self.command == "POST" and "Authorization" not in self.headers):
                self._send(b'{"error": "no token that may write here"}', 401)
                return
            answer, new = _uploaded(self.path, content, hub, repository, uploads)
            for (revision, name), path in new.items():
                known[f"/{repository}/resolve/{revision}/{name}"] = path
            self._send(json.dumps(answer).encode())

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

        def _send(self, content: bytes, status: int = 200) -> None:
            self.send_response(status)
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


def _uploaded(
    address: str, content: bytes, hub: Hub, repository: str, uploads: Path
) -> tuple[dict[str, Any], dict[tuple[str, str], Path]]:
    """What the hub answers to a step of an upload, and the files of a commit by revision and name."""
    place, _, query = address.replace("/api/datasets/", "/api/models/").replace("/datasets/", "/").partition("?")
    if place.startswith("/storage/"):
        assert hashlib.sha256(content).hexdigest() == Path(place).name
        (uploads / Path(place).name).write_bytes(content)
        return {}, {}
    if place == "/api/validate-yaml":
        return {"errors": [], "warnings": []}, {}
    if place == f"/api/models/{repository}/branch/{Path(place).name}":
        return {}, {}
    if place.startswith(f"/api/models/{repository}/commit/"):
        lines = [json.loads(line) for line in content.splitlines()]
        files = {}
        for line in lines[1:]:
            value = line["value"]
            path = uploads / value["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            if line["key"] == "lfsFile":
                (uploads / value["oid"]).replace(path)
            else:
                path.write_bytes(base64.b64decode(value["content"]))
            files[value["path"]] = path
        branch = Path(place).name
        hub.commits.append({**lines[0]["value"], "branch": branch, "files": sorted(files)})
        commit = f"{hub.endpoint}/{repository}/commit/{COMMIT}"
        request = f"{hub.endpoint}/{repository}/discussions/1" if "create_pr=1" in query else None
        answer = {"commitUrl": commit, "commitOid": COMMIT, "pullRequestUrl": request}
        return answer, {(revision, name): path for name, path in files.items() for revision in (branch, COMMIT)}
    body = json.loads(content)
    if place == "/api/repos/create":
        hub.created.append(body)
        kind = "datasets/" if body.get("type") == "dataset" else ""
        return {"url": f"{hub.endpoint}/{kind}{repository}", "name": repository}, {}
    if place.startswith(f"/api/models/{repository}/preupload/"):
        modes = {True: "lfs", False: "regular"}
        return {
            "files": [
                {
                    "path": file["path"],
                    "uploadMode": modes[file["path"].endswith((".safetensors", ".parquet", ".flac"))],
                    "shouldIgnore": False,
                }
                for file in body["files"]
            ]
        }, {}
    assert place == f"/{repository}.git/info/lfs/objects/batch", address
    return {
        "transfer": "basic",
        "objects": [
            {**thing, "actions": {"upload": {"href": f"{hub.endpoint}/storage/{thing['oid']}"}}}
            for thing in body["objects"]
        ],
    }, {}


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
