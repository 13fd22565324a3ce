"""A disk of one node of a Ray cluster is full: one line names it, nothing half written stays, no clip is blamed.

A temporary file that is a link to /dev/full stands for the disk: what writes it meets the system's own refusal.
"""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file
from support.audio import music, write
from support.pages import make_page, noise

from m2l_bench.embeddings.untrained import UntrainedMusic2Latent
from m2l_bench.engine import ray_cluster
from m2l_bench.engine.base import Work
from m2l_bench.engine.choice import EngineChoice
from m2l_bench.engine.ray_cluster import RayEngine
from m2l_bench.errors import UserError
from m2l_bench.jobs.transcode import Options, encode
from m2l_bench.listen.writer import write_page
from m2l_bench.progress import Quiet

ray = pytest.importorskip("ray")
FULL = Path("/dev/full")
pytestmark = pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")


def fill_disk_for(path: Path) -> None:
    """Let the next process that writes this file meet a full disk."""
    path.with_name(f".{path.stem}.part{path.suffix}").symlink_to(FULL)


def files(folder: Path) -> set[str]:
    """The files in a folder and below it, also hidden ones."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def test_encode_stops_and_the_same_command_completes(cluster: Any, engine: RayEngine, tmp_path: Path) -> None:
    weights = str(UntrainedMusic2Latent("tiny").model.save_pretrained(tmp_path / "weights").parent)
    for number in range(4):
        write(tmp_path / "music" / f"{number}.wav", music(0.2, seed=number))
    out = tmp_path / "out"
    out.mkdir()
    fill_disk_for(out / "2.safetensors")
    options = Options(device="cpu", engine=EngineChoice("ray", cluster.address))
    with pytest.raises(UserError) as refused:
        encode(tmp_path / "music", out, weights, options, Quiet())
    expected = rf"on the node \S+: {out}: the disk is full \(No space left on device\)\. What is finished is safe: "
    expected += "free space or choose another folder, then run the same command again"
    assert refused.match(f"^{expected}$")
    assert "2.safetensors" not in files(out)
    results = encode(tmp_path / "music", out, weights, options, Quiet())
    assert out / "2.safetensors" in results.written and not results.failed
    encode(tmp_path / "music", tmp_path / "local", weights, Options(device="cpu"), Quiet())
    assert files(out) == files(tmp_path / "local") == {f"{number}.safetensors" for number in range(4)}
    for name in files(out):
        np.testing.assert_array_equal(*(load_file(folder / name)["latents"] for folder in (out, tmp_path / "local")))


@pytest.mark.full
def test_listen_stops_and_the_same_command_completes(engine: RayEngine, tmp_path: Path) -> None:
    collection, page = make_page(tmp_path, {"one": noise(0.5, 1), "two": noise(0.5, 2)})
    local, out = page.path.parent, tmp_path / "out"
    (out / "pictures").mkdir(parents=True)
    (out / "audio").mkdir()
    name = min(files(local / "audio"))
    fill_disk_for(out / "audio" / name)
    with pytest.raises(UserError, match=rf"^on the node \S+: {out}: the disk is full \(No space left on device\)\. "):
        write_page(collection, out, "A page", 30.0, engine)
    assert name not in files(out / "audio") and not (out / "data.js").exists()
    write_page(collection, out, "A page", 30.0, engine)
    assert files(out) == files(local)
    for name in files(local) - {".finished.jsonl"}:
        assert (out / name).read_bytes() == (local / name).read_bytes(), name


def write_what_is_no_output(number: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def return_what_has_no_room(number: int) -> None:
    raise ray.exceptions.OutOfDiskError("Local disk is full")


def test_a_full_disk_of_the_node_itself_is_named(engine: RayEngine) -> None:
    with pytest.raises(UserError, match=r"^on the node \S+: a temporary file or a cache \(TMPDIR, .*the disk is full"):
        list(engine.map(write_what_is_no_output, [(0,)]))
    with pytest.raises(UserError, match=r"^on the node [\d.]+: the disk with Ray's temporary folder is full"):
        list(engine.map(return_what_has_no_room, [(0,)], lambda number: None))


def die(number: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def load_death(device: str) -> Work[int, None]:
    return lambda numbers: map(die, numbers)


@pytest.mark.full
def test_no_clip_is_blamed_where_a_node_cannot_start_a_process(
    engine: RayEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk of Ray's own folder has this effect."""

    def refuse(*, in_new_processes: bool) -> None:
        assert in_new_processes
        raise UserError("the node cannot start a process")

    monkeypatch.setattr(ray_cluster, "_check_nodes", refuse)
    with pytest.raises(UserError, match="cannot start a process"):
        list(engine.map(die, [(0,)], lambda number: None))
    with pytest.raises(UserError, match="cannot start a process"):
        list(engine.map_on_devices(load_death, [0], 1, lambda number: None))
