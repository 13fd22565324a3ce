from functools import cache
from pathlib import Path

import numpy as np
import pytest
from support.trees import marble_tree, nsynth_tree

from m2l_bench import cards
from m2l_bench.datasets import checking, marble, nsynth
from m2l_bench.datasets.labelled import LabelledDataset
from m2l_bench.datasets.loading import load_dataset
from m2l_bench.errors import UserError
from m2l_bench.progress import Quiet

load_cards = cache(cards.load_cards)


def genre(name: str, number: int) -> dict[str, object]:
    return {"audio_path": f"data/SET/genres/{name}/{name}.{number:05}.wav", "label": name, "sample_rate": 22_050}


def gtzan(root: Path) -> Path:
    splits = {split: [genre(name, i) for name in ("blues", "rock")] for i, split in enumerate(("train", "val", "test"))}
    return marble_tree(root, "GTZANGenre", splits)


def key(track: int, clip: int, label: str) -> dict[str, object]:
    return {"audio_path": f"data/SET/wav/{track:07}-{clip}.wav", "ori_uid": f"{track:07}", "label": label}


def giantsteps(root: Path) -> Path:
    train = [key(track, clip, label) for track, label in enumerate(["Eb minor", "C major"]) for clip in range(3)]
    test = [key(track, clip, label) for track, label in enumerate(["Eb minor", "C major"], 10) for clip in range(2)]
    return marble_tree(root, "GS", {"train": train, "val": [key(5, 0, "C major")], "test": test})


def load(task: str, root: Path) -> LabelledDataset:
    dataset: LabelledDataset = load_dataset(load_cards().probe_task(task), root)
    return dataset


def test_genres_are_in_the_splits_of_their_lists(tmp_path: Path) -> None:
    root = gtzan(tmp_path / "set")
    dataset = load("gtzan-genre", root)
    assert dataset.classes == ("blues", "rock") and not dataset.multilabel and not dataset.test_by_group
    assert [(clip.id, clip.split) for clip in dataset.clips if clip.labels == ("rock",)] == [
        ("genres/rock/rock.00000", "train"),
        ("genres/rock/rock.00001", "validation"),
        ("genres/rock/rock.00002", "test"),
    ]
    (root / "genres/rock/rock.00001.wav").unlink()
    assert load("gtzan-genre", root).missing == ("genres/rock/rock.00001",)


def test_keys_are_spelt_with_sharps_and_scored_by_track(tmp_path: Path) -> None:
    dataset = load("giantsteps-key", giantsteps(tmp_path / "set"))
    assert dataset.classes == ("C major", "D# minor") and dataset.test_by_group
    assert {(clip.group, clip.labels[0]) for clip in dataset.clips if clip.split == "test"} == {
        ("0000010", "D# minor"),
        ("0000011", "C major"),
    }
    assert dataset.notes == ("no file of 'D# minor' in the validation split",)


def test_tags(tmp_path: Path) -> None:
    rows: dict[str, list[dict[str, object]]] = {
        split: [
            {"audio_path": f"data/SET/audio/{i}/1{i}.low.flac", "label": ["genre---rock", "instrument---voice"]},
            {"audio_path": f"data/SET/audio/{i}/2{i}.low.flac", "label": []},
        ]
        for i, split in enumerate(("train", "val", "test"))
    }
    root = marble_tree(tmp_path / "set", "MTGTop50", rows)
    dataset = load("mtg-top50", root)
    assert dataset.multilabel and dataset.classes == ("genre---rock", "instrument---voice")
    assert [clip.id for clip in dataset.clips] == ["audio/0/10.low", "audio/1/11.low", "audio/2/12.low"]
    assert dataset.unlabelled == ("audio/0/20.low", "audio/1/21.low", "audio/2/22.low")
    with pytest.raises(UserError, match=r"MTGMood\.train\.jsonl: cannot be read \(No such file .*list of MARBLE v2"):
        load("mtg-mood", root)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "line 1: expected an object with audio_path and label"),
        ("[1]", "line 1: expected an object with audio_path and label"),
        ('{"audio_path": "a.wav"}', "line 1: expected an object with audio_path and label"),
        ('{"audio_path": "a.wav", "label": 3}', "line 1: expected a text as audio_path and a text as label"),
        ('{"audio_path": "a.wav", "label": "H major"}', "line 1: 'H major' is not a key such as 'Eb minor'"),
        ('{"audio_path": "data/SET/wav/0000000-0.wav", "label": "C major"}', "line 1: 'wav/0000000-0' is listed a sec"),
    ],
)
def test_a_mistake_in_a_list_names_file_and_line(tmp_path: Path, line: str, reason: str) -> None:
    root = giantsteps(tmp_path / "set")
    (root / "GS.test.jsonl").write_text(f"{line}\n")
    with pytest.raises(UserError, match=f"GS.test.jsonl: {reason}"):
        load("giantsteps-key", root)


def test_without_the_data_the_command_that_gets_it_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no giantsteps there; `hf download m-a-p/GS --repo-type dataset --local-dir"):
        load("giantsteps-key", tmp_path / "set")
    with pytest.raises(UserError, match=r"no nsynth there; `mkdir -p .*; do curl http"):
        load("nsynth-pitch", tmp_path / "set")
    with pytest.raises(UserError, match="no task 'gtzan mood' of MARBLE: expected one of gtzan genre, giantsteps key"):
        marble.load(tmp_path, name="gtzan", target="mood")


def test_every_task_of_marble_has_a_card() -> None:
    options = [card.options for card in load_cards().probes.values() if card.dataset == "marble"]
    tasks = [{"name": name, "target": target} for name, targets in marble.TASKS.items() for target in targets]
    assert sorted(options, key=str) == sorted(tasks, key=str)


NOTES = {"train": [("reed", 9), ("synth_lead", 100)], "valid": [("reed", 100)], "test": [("reed", 9), ("reed", 100)]}


def test_nsynth(tmp_path: Path) -> None:
    root = nsynth_tree(tmp_path / "set", NOTES)
    pitches = load("nsynth-pitch", root)
    assert pitches.classes == ("9", "100") and pitches.notes == ("no file of '9' in the validation split",)
    assert [(clip.id, clip.split) for clip in pitches.clips[1:3]] == [
        ("synth_lead_train_001-100-050", "train"),
        ("reed_valid_000-100-050", "validation"),
    ]
    assert load("nsynth-instrument", root).classes == ("reed", "synth_lead")
    path = root / "nsynth-valid" / "examples.json"
    for text, reason in (
        ("[]", "expected an object"),
        ('{"a": {"pitch": "C4"}}', "'a' has no pitch"),
        ("{", "not JSON"),
    ):
        path.write_text(text)
        with pytest.raises(UserError, match=rf"examples\.json: .*{reason}"):
            nsynth.load(root)


def test_check_counts_the_clips_of_each_target(tmp_path: Path) -> None:
    report = checking.check("nsynth", nsynth_tree(tmp_path / "notes", NOTES), Quiet())
    assert report.sound and report.counts("instrument")["synth_lead"] == {"train": 1, "validation": 0, "test": 0}
    report = checking.check("gtzan", gtzan(tmp_path / "genres"), Quiet())
    assert report.sound and report.counts("genre")["rock"] == {"train": 1, "validation": 1, "test": 1}


def test_scores_of_tracks_are_those_of_the_mean_logits() -> None:
    from m2l_bench.probing.groups import group_scores

    logits = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32)
    scores = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    grouped, first = group_scores(scores, ["b", "a", "b", "a", "c"])
    assert first == [0, 1, 4]
    means = np.stack([logits[:, [0, 2]].mean(1), logits[:, [1, 3]].mean(1), logits[:, 4]], axis=1)
    expected = np.exp(means) / np.exp(means).sum(axis=2, keepdims=True)
    np.testing.assert_allclose(grouped, expected, rtol=1e-5)
