"""Checkpoints with integers as decimal text, which Python 2 wrote, through PyTorch's safe reader."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import torch
from support.embedding_checks import Malicious
from support.legacy_files import write_python2_checkpoint

from m2l_bench.errors import UserError
from m2l_bench.music2latent.errors import CheckpointError
from m2l_bench.music2latent.pickles import read_pickle
from m2l_bench.weights import legacy_torch
from m2l_bench.weights.legacy_torch import with_binary_integers
from m2l_bench.weights.read import read_torch

STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.steps": torch.tensor(7)}
LARGE = 139_832_181_927_520


def test_integers_keep_their_values_and_tensors_their_numbers(tmp_path: Path) -> None:
    integers = [LARGE, -LARGE, 2**31, 10**14, 10**40]
    path = write_python2_checkpoint(tmp_path / "a.pth", {"keys": integers, "state": STATE}, integers)
    with pytest.raises(CheckpointError, match="without running code"):
        read_pickle(path)
    content = read_pickle(path, stream=with_binary_integers(path))
    assert content["keys"] == integers
    tensors = read_torch(path, "a test", key="state")
    assert tensors.keys() == STATE.keys() and all(torch.equal(tensors[name], STATE[name]) for name in STATE)


@pytest.mark.parametrize("integer", [0, 9, 127, -1, -9, 10**9, 10**254])
def test_every_length(integer: int, tmp_path: Path) -> None:
    """Of one digit to 255, of which the last must still fit."""
    content = {"key": LARGE, "state": {}}
    path = write_python2_checkpoint(tmp_path / "a.pth", content, [LARGE], text=str(integer))
    assert read_pickle(path, stream=with_binary_integers(path))["key"] == integer


@pytest.mark.parametrize("text", ["1" + 255 * "0", "01", "x"])
def test_other_text_stays_for_the_safe_reader_to_refuse(text: str, tmp_path: Path) -> None:
    """Too many digits, `01` for true, and no number."""
    path = write_python2_checkpoint(tmp_path / "a.pth", {"key": LARGE, "state": STATE}, [LARGE], text=text)
    assert with_binary_integers(path) is None
    with pytest.raises(UserError, match="without running code"):
        read_torch(path, "a test", key="state")


def test_code_is_refused_and_not_run(tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    content = {"key": LARGE, "optim": Malicious(trace), "state": STATE}
    path = write_python2_checkpoint(tmp_path / "a.pth", content, [LARGE])
    assert with_binary_integers(path) is not None
    with pytest.raises(UserError, match=r"a\.pth: .*without running code") as caught:
        read_torch(path, "a test", key="state")
    assert not trace.exists()
    refusal = caught.value.__cause__
    assert refusal is not None and "system" in str(refusal.__cause__)


def test_other_files_are_read_as_before(tmp_path: Path) -> None:
    stream = io.BytesIO(b"content")
    for name, content in (("zip", None), ("legacy", False)):
        path = tmp_path / name
        options = {} if content is None else {"_use_new_zipfile_serialization": content}
        torch.save(STATE, path, **options)
        assert with_binary_integers(path) is None
        assert with_binary_integers(path, stream) is stream and stream.read() == b"content"
        stream.seek(0)
        assert read_torch(path, "a test").keys() == STATE.keys()


def test_a_head_or_a_file_beyond_the_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_python2_checkpoint(tmp_path / "a.pth", {"key": LARGE, "state": STATE}, [LARGE])
    monkeypatch.setattr(legacy_torch, "LARGEST_FILE", path.stat().st_size - 1)
    with pytest.raises(UserError, match=r"a\.pth: cannot be read \(larger than .* bytes\); expected a test"):
        read_torch(path, "a test", key="state")
    monkeypatch.setattr(legacy_torch, "LARGEST_HEAD", 100)
    assert with_binary_integers(path) is None
