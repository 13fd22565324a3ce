from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from support.audio import music, write
from support.trees import beatport_tree, magnatagatune_tree, tinysol_tree

from m2l_bench.cards import load_cards
from m2l_bench.datasets import beatport_key, magnatagatune, tinysol
from m2l_bench.datasets.loading import load_dataset
from m2l_bench.errors import UserError


def test_tinysol_labels(tmp_path: Path) -> None:
    root = tinysol_tree(tmp_path / "set")
    pitches = tinysol.load(root)
    assert pitches.classes == ("C#", "A") and pitches.label == "tinysol" and not pitches.multilabel
    assert {clip.labels for clip in pitches.clips if "-C#4-" in clip.id} == {("C#",)}
    first = pitches.clips[0]
    assert first.id == "Cb-ord-A2-mf-0c-N"
    assert first.path == root / "audio/Strings/Contrabass/ordinario/Cb-ord-A2-mf-0c-N.wav"
    instruments = tinysol.load(root, target="instrument")
    assert instruments.classes == ("Contrabass", "Flute")
    assert [clip.labels[0] for clip in instruments.clips[:2]] == ["Contrabass", "Flute"]


def test_tinysol_official_folds(tmp_path: Path) -> None:
    clips = tinysol.load(tinysol_tree(tmp_path / "set"), splits="folds").clips
    assert [clip.split for clip in clips[:10:2]] == ["validation", "test", "train", "train", "train"]


@pytest.mark.parametrize("target", ["pitch", "instrument"])
def test_tinysol_has_a_task_with_the_folds_and_one_with_stratified_splits(tmp_path: Path, target: str) -> None:
    root, cards = tinysol_tree(tmp_path / "set"), load_cards()
    counts = {
        name: Counter(clip.split for clip in load_dataset(cards.probe_task(name), root).clips)
        for name in (f"tinysol-{target}", f"tinysol-{target}-stratified")
    }
    assert counts == {
        f"tinysol-{target}": {"train": 12, "validation": 4, "test": 4},
        f"tinysol-{target}-stratified": {"train": 16, "validation": 2, "test": 2},
    }


def test_tinysol_notes_without_a_label_are_left_out_and_named(tmp_path: Path) -> None:
    root = tinysol_tree(tmp_path / "set", copies=6)
    csv = root / tinysol.METADATA
    csv.write_text(csv.read_text().replace("ordinario,A2,45,mf,2,1,0.0", "ordinario,,45,mf,2,1,0.0"))
    dataset = tinysol.load(root)
    assert dataset.unlabelled == ("Cb-ord-A2-mf-0c-N",)
    assert len(dataset.clips) == 23
    csv.write_text(csv.read_text().replace("ordinario,,45", "ordinario,H2,45"))
    with pytest.raises(UserError, match="has the pitch 'H2'; expected one like C#4"):
        tinysol.load(root)


KEYS = ["D minor", "Db major", "F#_ minor"] * 10
LEFT_OUT = ["D minor|F major", "D", "D other", "X", "Unknown", "D minor ", "", "D phrygian", "other minor"]


def test_beatport_keys_as_mir_ref_takes_them(tmp_path: Path) -> None:
    root = beatport_tree(tmp_path / "set", KEYS + LEFT_OUT)
    dataset = beatport_key.load(root)
    assert dataset.classes == ("C# major", "D minor", "F# minor")
    assert [clip.labels[0] for clip in dataset.clips[:3]] == ["D minor", "C# major", "F# minor"]
    assert dataset.clips[1].id == "100067 Lindstrom - Monsteer (Mix no. 1)" and len(dataset.clips) == 30
    assert dataset.notes == ("9 tracks without a single key of a tonic and a mode: left out, as in mir_ref",)


def test_beatport_tracks_without_a_key_or_without_audio(tmp_path: Path) -> None:
    root = beatport_tree(tmp_path / "set", KEYS)
    write(root / "audio" / "1 unheard.mp3", music(0.1))
    first = min((root / "audio").glob("100066*"))
    first.unlink()
    dataset = beatport_key.load(root)
    assert dataset.unlabelled == ("1 unheard",) and dataset.missing == (first.stem,)
    for path in (root / "audio").iterdir():
        path.unlink()
    with pytest.raises(UserError, match="none of the 30 files that beatport_key lists is there"):
        beatport_key.load(root)
    for path in (root / "keys").iterdir():
        path.unlink()
    with pytest.raises(UserError, match="no labelled clip of beatport_key in it; `m2l-bench data get beatport_key"):
        beatport_key.load(root)


def test_mir_eval_reads_every_key() -> None:
    key = pytest.importorskip("mir_eval.key")
    for name in beatport_key.KEYS:
        key.validate_key(name)


def test_magnatagatune_tags_and_splits(tmp_path: Path) -> None:
    root = magnatagatune_tree(tmp_path / "set")
    dataset = magnatagatune.load(root)
    assert dataset.classes == ("guitar", "no voice") and dataset.multilabel
    by_id = {clip.id: clip for clip in dataset.clips}
    assert len(by_id) == 9
    assert by_id["2"].labels == ("guitar",) and by_id["3"].labels == ("no voice",)
    assert by_id["5"].labels == ("guitar", "no voice") and by_id["5"].split == "train"
    assert by_id["3"].split == "validation" and by_id["4"].split == "test"
    assert by_id["3"].path == root / "audio/1/artist-album-01-title-0-29.mp3"


def test_magnatagatune_everything_in_one_folder(tmp_path: Path) -> None:
    root = magnatagatune_tree(tmp_path / "set")
    for folder in ("metadata", "audio"):
        for path in (root / folder).iterdir():
            path.rename(root / path.name)
        (root / folder).rmdir()
    assert len(magnatagatune.load(root).clips) == 9


def test_magnatagatune_without_labels_and_corrupt(tmp_path: Path) -> None:
    root = magnatagatune_tree(tmp_path / "set", clips=12)
    csv = root / "metadata" / "annotations_final.csv"
    lines = csv.read_text().splitlines(keepends=True)
    lines[2] = lines[2].replace('"3"', '"35644"')  # one of the published corrupt clips
    csv.write_text("".join(lines[:1] + lines[2:]))
    dataset = magnatagatune.load(root)
    assert dataset.unlabelled == ("0/artist-album-00-title-0-29.mp3",)
    assert sorted(int(clip.id) for clip in dataset.clips) == list(range(4, 14))


def test_magnatagatune_arrays_are_never_unpickled(tmp_path: Path) -> None:
    root = magnatagatune_tree(tmp_path / "set")
    path = root / "metadata" / "train.npy"
    np.save(path, np.array([{"a": 1}], dtype=object))
    with pytest.raises(UserError, match=r"train\.npy: cannot be read \(not an array of plain strings\)"):
        magnatagatune.load(root)
    np.save(path, np.arange(3))
    with pytest.raises(UserError, match=r"train\.npy: not a one-dimensional array of strings"):
        magnatagatune.load(root)
    path.unlink()
    with pytest.raises(UserError, match=r"train\.npy: cannot be read \(No such file"):
        magnatagatune.load(root)


def test_mirdata_sees_the_same_in_tinysol(tmp_path: Path) -> None:
    module = pytest.importorskip("mirdata.datasets.tinysol")
    root = tinysol_tree(tmp_path / "set")
    metadata = module.Dataset(str(root), version="test")._metadata
    pitches, instruments = tinysol.load(root).clips, tinysol.load(root, target="instrument").clips
    assert [clip.id for clip in pitches] == list(metadata)
    for pitch, instrument in zip(pitches, instruments, strict=True):
        index = {"tracks": {pitch.id: {"audio": [str(pitch.path.relative_to(root)), ""]}}}
        track = module.Track(pitch.id, str(root), "tinysol", index, lambda: metadata)
        assert Path(track.audio_path) == pitch.path
        assert track.pitch.rstrip("0123456789") == pitch.labels[0]
        assert track.instrument_full == instrument.labels[0]


def test_mirdata_sees_the_same_in_beatport(tmp_path: Path) -> None:
    module = pytest.importorskip("mirdata.datasets.beatport_key")
    root = beatport_tree(tmp_path / "set", KEYS + LEFT_OUT[:-3])  # mirdata stumbles over an empty file
    clips = {clip.id: clip for clip in beatport_key.load(root).clips}
    kept = 0
    for path in sorted((root / "keys").iterdir()):
        audio = [f"audio/{path.stem}.mp3", ""]
        index = {"tracks": {"1": {"audio": audio, "meta": [None, None], "key": [f"keys/{path.name}", ""]}}}
        track = module.Track("1", str(root), "beatport_key", index, dict)
        keys = track.key
        if len(keys) == 1 and len(keys[0].split(" ")) == 2 and "other" not in keys[0]:
            tonic, mode = keys[0].split(" ")
            assert clips[track.title].labels == (f"{beatport_key.SHARP_OF.get(tonic, tonic)} {mode}",)
            assert Path(track.audio_path) == clips[track.title].path
            kept += 1
    assert kept == len(clips)
