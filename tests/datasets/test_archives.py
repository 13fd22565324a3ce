import io
import tarfile
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from m2l_bench.datasets.archives import Limits, extract
from m2l_bench.errors import UserError


def make_zip(path: Path, members: dict[str, bytes], link: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        if link:
            info = zipfile.ZipInfo(link)
            info.external_attr = 0o120777 << 16
            archive.writestr(info, "/etc/passwd")
    return path


def make_tar(path: Path, members: dict[str, bytes], link: str = "", kind: bytes = tarfile.SYMTYPE) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        if link:
            info = tarfile.TarInfo(link)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    return path


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


GOOD = {"a.txt": b"one", "sub/b.txt": b"two" * 1000, "sub/empty": b""}


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_unpacks(tmp_path: Path, make) -> None:
    archive = make(tmp_path / "archive", GOOD | {"./c": b"3", "__MACOSX/._a.txt": b"x", ".DS_Store": b"x"})
    assert extract([archive], tmp_path / "out") == 6
    assert files_in(tmp_path / "out") == GOOD | {"c": b"3"}


@pytest.mark.parametrize("make", [make_zip, make_tar])
@pytest.mark.parametrize("name", ["../evil", "sub/../../evil", "/tmp/evil", "C:\\evil", "sub\\..\\..\\evil"])
def test_no_member_leaves_its_folder(tmp_path: Path, make, name: str) -> None:
    archive = make(tmp_path / "archive", GOOD | {name: b"evil"})
    with pytest.raises(UserError, match="would leave the folder; nothing was unpacked"):
        extract([archive], tmp_path / "out")
    assert files_in(tmp_path) == {"archive": archive.read_bytes()}


def test_links_and_devices_are_refused(tmp_path: Path) -> None:
    archives = [
        (make_zip(tmp_path / "1", GOOD, "sub/link"), "link"),
        (make_tar(tmp_path / "2", GOOD, "sub/link"), "link"),
        (make_tar(tmp_path / "3", GOOD, "sub/link", tarfile.LNKTYPE), "link"),
        (make_tar(tmp_path / "4", GOOD, "sub/link", tarfile.CHRTYPE), "device"),
    ]
    for archive, kind in archives:
        with pytest.raises(UserError, match=f"its member 'sub/link' is a {kind}; nothing was unpacked"):
            extract([archive], tmp_path / "out")
    assert not files_in(tmp_path / "out")


@pytest.mark.parametrize("make", [make_zip, make_tar])
@pytest.mark.parametrize("limits", [Limits(files=2), Limits(gigabytes=2e-6)])
def test_too_much_is_refused(tmp_path: Path, make, limits: Limits) -> None:
    with pytest.raises(UserError, match="unpacks to more than"):
        extract([make(tmp_path / "archive", GOOD)], tmp_path / "out", limits)
    assert not files_in(tmp_path / "out")


def test_more_than_the_disk_holds_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=10))
    with pytest.raises(UserError, match=r"unpacks to 0\.0 GB, .* has 0\.0 GB free"):
        extract([make_zip(tmp_path / "archive", GOOD)], tmp_path / "out")


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_a_broken_archive_is_named_and_leaves_no_half_file(tmp_path: Path, make) -> None:
    archive = make(tmp_path / "archive", {"a": b"a" * 10, "noise": bytes(range(256)) * 999})
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 0xFF
    archive.write_bytes(content)
    with pytest.raises(UserError, match=r"archive: broken archive .* delete it and fetch it again"):
        extract([archive], tmp_path / "out")
    assert set(files_in(tmp_path / "out")) <= {"a", "noise.part"}
    archive.write_bytes(b"not an archive")
    with pytest.raises(UserError, match="broken archive"):
        extract([archive], tmp_path / "out")


def test_parts_are_read_as_one(tmp_path: Path) -> None:
    whole = make_zip(tmp_path / "whole.zip", GOOD).read_bytes()
    parts = [tmp_path / f"whole.zip.00{i}" for i in range(3)]
    for i, part in enumerate(parts):
        part.write_bytes(whole[i * 100 : (i + 1) * 100 if i < 2 else None])
    assert extract(parts, tmp_path / "out") == 3
    assert files_in(tmp_path / "out") == GOOD
    with pytest.raises(UserError, match="broken archive"):
        extract(parts[:2], tmp_path / "other")


def test_a_second_call_writes_only_what_is_missing(tmp_path: Path) -> None:
    archive = make_tar(tmp_path / "archive", GOOD)
    extract([archive], tmp_path / "out")
    kept, gone, cut = (tmp_path / "out" / name for name in ("sub/empty", "a.txt", "sub/b.txt"))
    before = kept.stat().st_mtime_ns
    gone.unlink()
    cut.write_bytes(b"tw")
    extract([archive], tmp_path / "out")
    assert files_in(tmp_path / "out") == GOOD and kept.stat().st_mtime_ns == before
