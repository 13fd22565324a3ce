"""Published names through a hub-shaped local server: download, cache, offline mode, a wrong file, and the whole way."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.hub_server import COMMIT, Hub, serve

from m2l_bench.cards import load_cards
from m2l_bench.music2latent import checkpoint
from m2l_bench.music2latent.hashes import file_checksum
from m2l_bench.music2latent.hub import PUBLISHED
from m2l_bench.music2latent.networks import Networks

ROOT = Path(__file__).resolve().parents[2]
CONTENT = b"weights, as far as the hub is concerned"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    file = tmp_path / "served.pt"
    file.write_bytes(CONTENT)
    with serve("SonyCSLParis/music2latent", {"music2latent.pt": file}) as served:
        yield served


def python(code: str, environment: dict[str, str]) -> str:
    """Prints of code in a process of its own: huggingface_hub reads the environment once."""
    code = "from m2l_bench.music2latent import hub, CheckpointError\n" + code
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | environment, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


FILE = "hub.PUBLISHED['music2latent']"
DOWNLOAD = f"print({FILE}.download())"
BEFORE_AND_AFTER = f"print({FILE}.cached()); {DOWNLOAD}; print({FILE}.cached())"
ERROR = f"""
try:
    {FILE}.download()
except CheckpointError as error:
    print(error)
"""
WRONG_HASH = f"""
import dataclasses
{FILE} = dataclasses.replace({FILE}, sha256='0' * 64)
"""


def test_download_goes_to_the_cache_and_stays_there_offline(hub: Hub, tmp_path: Path) -> None:
    environment = hub.environment(tmp_path / "home")
    before, path, after = python(BEFORE_AND_AFTER, environment).splitlines()
    assert before == "None"
    assert path == after
    assert Path(path).read_bytes() == CONTENT
    assert Path(path).is_relative_to(tmp_path / "home")
    assert COMMIT in path
    asked = len(hub.requests)
    offline = python(DOWNLOAD, environment | {"HF_HUB_OFFLINE": "1"})
    assert offline == path
    assert len(hub.requests) == asked


def test_offline_and_not_there(hub: Hub, tmp_path: Path) -> None:
    message = python(ERROR, hub.environment(tmp_path) | {"HF_HUB_OFFLINE": "1"})
    assert "SonyCSLParis/music2latent/music2latent.pt: not on this machine and cannot be fetched" in message
    assert "offline mode is enabled" in message
    assert message.endswith("hf download SonyCSLParis/music2latent music2latent.pt --revision main")
    assert not hub.requests


def test_no_connection(tmp_path: Path) -> None:
    """What is tried again waits before it."""
    waits = "import time\ntime.sleep = lambda seconds: print('waits', seconds)\n"
    message = python(waits + ERROR, {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path)})
    assert message.count("cannot be fetched ([Errno 111] Connection refused)") == 1
    assert "waits" not in message and "\n" not in message


def test_file_missing_from_the_repository(tmp_path: Path) -> None:
    with serve("SonyCSLParis/music2latent", {}) as empty:
        assert "cannot be fetched" in python(ERROR, empty.environment(tmp_path))


@pytest.mark.parametrize(
    ("method", "reason"), [("HEAD", "no answer within 0.5 s"), ("GET", "127.0.0.1 broke off or sent nothing for 0.5 s")]
)
def test_a_stalled_hub_is_asked_once(tmp_path: Path, method: str, reason: str) -> None:
    (tmp_path / "served.pt").write_bytes(CONTENT)
    files = {"music2latent.pt": tmp_path / "served.pt"}
    with serve("SonyCSLParis/music2latent", files, stalls=method) as stalled:
        message = python("hub.TIMEOUT_SECONDS = 0.5\n" + ERROR, stalled.environment(tmp_path / "home"))
        assert [request for request, path in stalled.requests if "resolve" in path].count(method) == 1
    assert f"cannot be fetched ({reason})" in message


@pytest.mark.parametrize("status", [403, 429, 500, 503])
def test_a_hub_that_refuses_is_asked_once(tmp_path: Path, status: int) -> None:
    (tmp_path / "served.pt").write_bytes(CONTENT)
    files = {"music2latent.pt": tmp_path / "served.pt"}
    with serve("SonyCSLParis/music2latent", files, status=status) as broken:
        message = python(ERROR, broken.environment(tmp_path / "home"))
        assert [request for request, path in broken.requests if "resolve" in path] == ["HEAD"]
    assert f"{status} " in message and "with a connection: hf download" in message and "\n" not in message


@pytest.mark.parametrize("folder", ["", "Path('into')"])
def test_an_etag_cannot_leave_the_cache(tmp_path: Path, folder: str) -> None:
    (tmp_path / "served.pt").write_bytes(CONTENT)
    files = {"music2latent.pt": tmp_path / "served.pt"}
    code = "from pathlib import Path\n" + ERROR.replace("download()", f"download({folder})")
    with serve("SonyCSLParis/music2latent", files, etag="../../../../planted") as hostile:
        message = python(code, hostile.environment(tmp_path / "home" / "cache"))
    assert "its ETag is a path, which is refused" in message
    assert not list(tmp_path.rglob("*planted*"))


def test_a_cache_that_leads_outside_is_not_read(hub: Hub, tmp_path: Path) -> None:
    environment = hub.environment(tmp_path / "home")
    blob = Path(python(DOWNLOAD, environment)).resolve()
    blob.rename(tmp_path / "elsewhere")
    blob.symlink_to(tmp_path / "elsewhere")
    assert python(f"print({FILE}.cached())", environment) == "None"
    assert f"leads out of the hub's cache, to {tmp_path / 'elsewhere'}" in python(ERROR, environment)


def test_a_folder_of_the_cache_may_be_a_link(hub: Hub, tmp_path: Path) -> None:
    environment = hub.environment(tmp_path / "home")
    path = Path(python(DOWNLOAD, environment))
    repository = path.parents[2]
    repository.rename(tmp_path / "other disk")
    repository.symlink_to(tmp_path / "other disk")
    assert python(BEFORE_AND_AFTER, environment) == f"{path}\n{path}\n{path}"


def test_a_file_with_another_hash_is_refused(hub: Hub, tmp_path: Path) -> None:
    environment = hub.environment(tmp_path / "home")
    message = python(WRONG_HASH + ERROR, environment)
    assert f"SHA-256 is not {'0' * 64}; delete the file and run: hf download" in message
    right = WRONG_HASH.replace("'0' * 64", repr(hashlib.sha256(CONTENT).hexdigest()))
    assert python(right + DOWNLOAD, environment).endswith("music2latent.pt")


@pytest.mark.full
def test_from_the_hub_to_the_authors_package(full_size: Networks, tmp_path: Path) -> None:
    """The check that waits for the real file, with random weights in its place."""
    checkpoint.export_official(full_size, tmp_path / "music2latent.pt")
    file = PUBLISHED["music2latent"]
    with serve(file.repository, {file.filename: tmp_path / "music2latent.pt"}) as hub:
        result = subprocess.run(
            [sys.executable, ROOT / "scripts" / "check_published_weights.py", "music2latent", "--seconds", "0.3"],
            capture_output=True,
            text=True,
            env=os.environ | hub.environment(tmp_path / "home"),
            check=False,
        )
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.startswith("well    music2latent: latents ")
    assert f"revision {COMMIT}; 58,185,026 parameters; weights: sha256 " in result.stdout
    assert result.stdout.endswith(f"{file_checksum(tmp_path / 'music2latent.pt')}\n1 of 1 are well\n")


def test_the_card_names_the_same_file() -> None:
    """What `weights get` fetches for the benchmark is what the name stands for elsewhere."""
    (card,), file = load_cards().system("music2latent").weights.values(), PUBLISHED["music2latent"]
    assert (card.repository, card.filename, card.revision) == (file.repository, file.filename, file.revision)
    assert card.sha256 == (file.sha256 or "")
