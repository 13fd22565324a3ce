"""Packing folders of audio, and what happens to what cannot be packed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.audio import music, write

from m2l_bench.music2latent.training import pack as packing
from m2l_bench.music2latent.training.corpus import Corpus, CorpusError, read_index
from m2l_bench.music2latent.training.pack import pack, verify


def samples_of(folder: Path, name: str) -> np.ndarray:
    """(channels, samples) int16 of a packed file."""
    index = read_index(folder)
    file = next(file for file in index.files if file.file == name)
    shard = np.fromfile(folder / file.shard, np.int16)
    return shard[file.start : file.start + file.channels * file.samples].reshape(file.channels, file.samples)


@pytest.mark.parametrize(("suffix", "subtype"), [(".wav", "PCM_16"), (".flac", "PCM_16"), (".aiff", "PCM_16")])
def test_lossless_files_come_back_sample_by_sample(tmp_path: Path, suffix: str, subtype: str) -> None:
    audio = np.round(music(0.5, channels=2) * 32_767).astype(np.int16)
    write(tmp_path / "in" / f"a{suffix}", audio, subtype=subtype)
    pack(tmp_path / "in", tmp_path / "out")
    assert np.array_equal(samples_of(tmp_path / "out", f"a{suffix}"), audio)


@pytest.mark.parametrize(("suffix", "container", "subtype"), [(".ogg", "OGG", "VORBIS"), (".opus", "OGG", "OPUS")])
def test_lossy_formats(tmp_path: Path, suffix: str, container: str, subtype: str) -> None:
    (tmp_path / "in").mkdir()
    soundfile.write(tmp_path / "in" / f"a{suffix}", music(1.0, 48_000).T, 48_000, format=container, subtype=subtype)
    index = pack(tmp_path / "in", tmp_path / "out")
    assert [file.sample_rate for file in index.files] == [48_000]
    assert index.files[0].samples >= 48_000


def test_mp3(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    soundfile.write(tmp_path / "in" / "a.mp3", music(1.0).T, 44_100, format="MP3")
    assert pack(tmp_path / "in", tmp_path / "out").files[0].samples >= 44_100


def test_broken_files_are_skipped_counted_and_named(tmp_path: Path) -> None:
    write(tmp_path / "in" / "good.wav", music(0.5))
    (tmp_path / "in" / "broken.flac").write_bytes(b"not music")
    write(tmp_path / "in" / "empty.wav", np.zeros((1, 0), np.float32))
    write(tmp_path / "in" / "nan.wav", np.full((1, 100), np.nan, np.float32), subtype="FLOAT")
    index = pack(tmp_path / "in", tmp_path / "out")
    assert [file.file for file in index.files] == ["good.wav"]
    assert set(index.skipped) == {"broken.flac", "empty.wav", "nan.wav"}
    assert index.skipped["nan.wav"] == "NaN or infinite samples"
    assert read_index(tmp_path / "out").skipped == index.skipped


def test_surround_keeps_its_first_two_channels_and_clipping_is_clipped(tmp_path: Path) -> None:
    audio = np.stack([np.full(100, value, np.float32) for value in (2.0, -2.0, 0.5, 0.5, 0.5, 0.5)])
    write(tmp_path / "in" / "a.wav", audio, subtype="FLOAT")
    pack(tmp_path / "in", tmp_path / "out")
    packed = samples_of(tmp_path / "out", "a.wav")
    assert packed.shape == (2, 100)
    assert set(packed[0]) == {32_767}
    assert set(packed[1]) == {-32_768}


def test_packing_goes_on_where_it_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(6):
        write(tmp_path / "in" / f"{number}.wav", music(0.2, seed=number))
    done = 0

    def killed_after_four() -> None:
        nonlocal done
        done += 1
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pack(tmp_path / "in", tmp_path / "out", on_file=killed_after_four, shard_samples=15_000)
    finished = [file.file for file in read_index(tmp_path / "out").files]
    assert 0 < len(finished) < 6
    decoded: list[str] = []
    decode = packing._decode
    monkeypatch.setattr(packing, "_decode", lambda path, read: decoded.append(path.name) or decode(path, read))
    index = pack(tmp_path / "in", tmp_path / "out", shard_samples=15_000)
    assert sorted(decoded) == [f"{number}.wav" for number in range(6) if f"{number}.wav" not in finished]
    whole = pack(tmp_path / "in", tmp_path / "whole")
    for file in whole.files:
        assert np.array_equal(samples_of(tmp_path / "out", file.file), samples_of(tmp_path / "whole", file.file))
    assert verify(tmp_path / "out") == []
    assert len(index.shards) > 1


def test_packing_twice_changes_nothing_and_new_files_are_added(tmp_path: Path) -> None:
    write(tmp_path / "in" / "a.wav", music(0.2))
    pack(tmp_path / "in", tmp_path / "out")
    before = (tmp_path / "out" / "corpus.json").read_bytes()
    pack(tmp_path / "in", tmp_path / "out")
    assert (tmp_path / "out" / "corpus.json").read_bytes() == before
    write(tmp_path / "in" / "b.wav", music(0.2, seed=1))
    assert [file.file for file in pack(tmp_path / "in", tmp_path / "out").files] == ["a.wav", "b.wav"]


def test_a_changed_file_is_an_error(tmp_path: Path) -> None:
    write(tmp_path / "in" / "a.wav", music(0.2))
    pack(tmp_path / "in", tmp_path / "out")
    write(tmp_path / "in" / "a.wav", music(0.3))
    with pytest.raises(CorpusError, match=r"a\.wav.*changed since it was packed"):
        pack(tmp_path / "in", tmp_path / "out")


def test_licences_come_from_the_manifest(tmp_path: Path) -> None:
    write(tmp_path / "in" / "a.wav", music(0.2))
    write(tmp_path / "in" / "b.wav", music(0.2))
    (tmp_path / "in" / "manifest.csv").write_text("file,licence,source\na.wav,CC-BY-4.0,somebody\n")
    files = pack(tmp_path / "in", tmp_path / "out").files
    assert [(file.licence, file.source) for file in files] == [("CC-BY-4.0", "somebody"), ("", "")]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: None, "no such folder"),
        (lambda folder: folder.mkdir(), r"no audio files \(\.wav"),
        (lambda folder: (folder.mkdir(), (folder / "a.wav").write_text("")), "none of its files could be read"),
    ],
)
def test_nothing_to_pack(tmp_path: Path, make, message: str) -> None:
    make(tmp_path / "in")
    with pytest.raises(CorpusError, match=message):
        pack(tmp_path / "in", tmp_path / "out")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "shard-00000.i16").unlink(), r"shard-00000\.i16: missing or cut short"),
        (lambda folder: (folder / "shard-00000.i16").write_bytes(b"ab"), r"shard-00000\.i16: missing or cut short"),
        (lambda folder: (folder / "corpus.json").unlink(), "not a packed corpus; m2l-bench pack"),
        (lambda folder: (folder / "corpus.json").write_text("{"), "cannot be read"),
        (lambda folder: (folder / "corpus.json").write_text("[]"), "cannot be read"),
        (
            lambda folder: (folder / "corpus.json").write_text(
                (folder / "corpus.json").read_text().replace("shard-00000.i16", "../shard-00000.i16")
            ),
            "names shards outside its folder",
        ),
    ],
)
def test_damaged_corpora(tmp_path: Path, damage, message: str) -> None:
    write(tmp_path / "in" / "a.wav", music(0.2))
    pack(tmp_path / "in", tmp_path / "out")
    damage(tmp_path / "out")
    with pytest.raises(CorpusError, match=message):
        Corpus(tmp_path / "out", 100)


def test_a_flipped_bit_is_found(tmp_path: Path) -> None:
    write(tmp_path / "in" / "a.wav", music(0.2))
    pack(tmp_path / "in", tmp_path / "out")
    shard = tmp_path / "out" / "shard-00000.i16"
    content = bytearray(shard.read_bytes())
    content[1000] ^= 1
    shard.write_bytes(content)
    assert verify(tmp_path / "out") == ["shard-00000.i16"]
