"""Files that are whole or not there, also while two processes write the same one."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from m2l_bench.music2latent.files import whole_or_absent

WRITER = """
import sys
from pathlib import Path
import pytest

from m2l_bench.music2latent.files import whole_or_absent
with whole_or_absent(Path(sys.argv[1])) as path:
    path.write_bytes(b"theirs")
    print(path, flush=True)
    sys.stdin.read()
"""


def test_two_processes_share_no_temporary_name(tmp_path: Path) -> None:
    target = tmp_path / "song.wav"
    writer = [sys.executable, "-c", WRITER, str(target)]
    with subprocess.Popen(writer, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        theirs = Path(other.stdout.readline().strip())
        with whole_or_absent(target) as ours:
            assert ours != theirs and ours.suffix == theirs.suffix == ".wav"
            ours.write_bytes(b"ours")
        assert target.read_bytes() == b"ours" and theirs.read_bytes() == b"theirs"
        other.communicate("")
    assert other.returncode == 0
    assert target.read_bytes() == b"theirs" and list(tmp_path.iterdir()) == [target]


def test_what_a_killed_process_leaves_is_used_again(tmp_path: Path) -> None:
    target = tmp_path / "song.wav"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(target)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        left = Path(writer.stdout.readline().decode().strip())
        writer.kill()
    assert left.read_bytes() == b"theirs" and not target.exists()
    with whole_or_absent(target) as ours:
        assert ours == left
        ours.write_bytes(b"ours")
    assert target.read_bytes() == b"ours" and list(tmp_path.iterdir()) == [target]


def test_without_locks_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    target = tmp_path / "song.wav"
    with whole_or_absent(target) as ours:
        ours.write_bytes(b"ours")
    assert target.read_bytes() == b"ours" and list(tmp_path.iterdir()) == [target]
