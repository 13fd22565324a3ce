"""Folders of any content: what is listed, what is named, and ids for any name."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m2l_bench.audio.listing import clip_ids, list_audio
from m2l_bench.text import escape_name, unescape_name


@given(st.binary(min_size=1, max_size=12).filter(lambda name: b"/" not in name and b"\0" not in name))
def test_any_name_is_escaped_and_back(name: bytes) -> None:
    text = os.fsdecode(name)
    assert unescape_name(escape_name(text)) == text
    escape_name(text).encode()


@given(st.lists(st.sampled_from(["a\\xe9", "a\udce9", "a\\\\xe9", "\\", "x"]), min_size=1, max_size=4).map("".join))
def test_escapes_in_names_are_escaped(name: str) -> None:
    assert unescape_name(escape_name(name)) == name


def test_different_names_stay_different() -> None:
    names = ["caf\udce9", "caf\\xe9", "caf\\\\xe9", "café"]
    assert len({escape_name(name) for name in names}) == 4


def test_links_are_followed_and_loops_end(tmp_path: Path) -> None:
    music, elsewhere = tmp_path / "music", tmp_path / "elsewhere"
    for path in (music / "album" / "a.wav", elsewhere / "b.flac"):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x")
    (music / "linked").symlink_to(elsewhere)
    (music / "again").symlink_to(music)
    (music / "c.wav").symlink_to(elsewhere / "b.flac")
    listing = list_audio(music)
    assert [path.relative_to(music).as_posix() for path in listing.files] == ["album/a.wav", "c.wav", "linked/b.flac"]


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "gone.wav").symlink_to(tmp_path / "nothing")
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "good.wav").write_bytes(b"x")
    (tmp_path / "._good.wav").write_bytes(b"x")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "h.wav").write_bytes(b"x")
    listing = list_audio(tmp_path)
    assert [path.name for path in listing.files] == ["good.wav"]
    assert {path.name: reason for path, reason in listing.unusable.items()} == {
        "gone.wav": "a link to nothing",
        "pipe.wav": "not a regular file",
    }


def test_other_extensions_are_counted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    for name in ("a.m4a", "b.M4A", "c.wma", "d.wav", "e.txt"):
        (tmp_path / name).write_bytes(b"x")
    listing = list_audio(tmp_path)
    assert [path.name for path in listing.files] == ["d.wav"]
    assert listing.notes == ["passed over, not read here: 2 .m4a, 1 .wma: install ffmpeg to read them"]
    monkeypatch.setattr("shutil.which", lambda _: "/usr/bin/ffmpeg")
    assert len(list_audio(tmp_path).files) == 4 and not list_audio(tmp_path).notes


def test_ids_are_composed_and_unequal(tmp_path: Path) -> None:
    decomposed = unicodedata.normalize("NFD", "Für Elise")
    paths = [tmp_path / name for name in (f"{decomposed}.wav", "b.wav", "b.mp3", "plain.flac")]
    assert clip_ids(tmp_path, paths) == ["Für Elise", "b.wav", "b.mp3", "plain"]
    both = [tmp_path / f"{unicodedata.normalize(form, 'é')}.wav" for form in ("NFC", "NFD")]
    assert len(set(clip_ids(tmp_path, both))) == 2
