"""Crops: random, but always the same ones."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.audio import music, write

from m2l_bench.music2latent.training.corpus import Corpus, CorpusError, Mixture
from m2l_bench.music2latent.training.pack import pack
from m2l_bench.music2latent.training.record import DATA, record_data


def packed(folder: Path, **audio: np.ndarray) -> Corpus:
    for name, samples in audio.items():
        write(folder / "in" / f"{name}.wav", samples, subtype="PCM_16")
    pack(folder / "in", folder / "out")
    return Corpus(folder / "out", 100)


def ramp(first: int, samples: int = 1000) -> np.ndarray:
    """Samples that tell where they come from: consecutive 16-bit numbers."""
    return (np.arange(first, first + samples) / 32_767).astype(np.float32)[None]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> list[Corpus]:
    folder = tmp_path_factory.mktemp("two")
    return [
        packed(folder / "low", a=ramp(1000), b=np.concatenate([ramp(3000), ramp(5000)])),
        packed(folder / "high", c=ramp(20_000)),
    ]


@settings(max_examples=30)
@given(seed=st.integers(0, 2**31), number=st.integers(0, 2**40))
def test_a_crop_is_decided_by_seed_and_number(two: list[Corpus], seed: int, number: int) -> None:
    one, again = (Mixture(two, [1, 1], seed, 0.001).crop(number) for _ in range(2))
    assert np.array_equal(one.audio, again.audio)
    assert (one.uniform, one.noise_seed) == (again.uniform, again.noise_seed)
    assert one.noise_seed != Mixture(two, [1, 1], seed + 1, 0.001).crop(number).noise_seed
    assert one.noise_seed != Mixture(two, [1, 1], seed, 0.001).crop(number + 1).noise_seed
    assert one.audio.shape == (100,)
    assert set(np.diff(one.audio.astype(int))) == {1}, "consecutive samples of one channel"


@pytest.mark.parametrize("weights", [(1, 1), (3, 1), (0, 1)])
def test_corpora_are_drawn_by_weight_and_channels_evenly(two: list[Corpus], weights: tuple[int, int]) -> None:
    mixture = Mixture(two, weights, 0, 0.001)
    firsts = [int(mixture.crop(number).audio[0]) for number in range(2000)]
    low = sum(first < 20_000 for first in firsts) / len(firsts)
    assert low == pytest.approx(weights[0] / sum(weights), abs=0.04)
    if weights[0]:
        places = Counter(first // 1000 for first in firsts if first < 20_000)
        total = sum(places.values())
        assert (places[1] + places[2]) / total == pytest.approx(0.5, abs=0.05), "files have equal chances"
        assert (places[3] + places[4]) / total == pytest.approx(0.25, abs=0.05), "and so have channels"


def test_places_reach_from_the_first_sample_to_the_last(tmp_path: Path) -> None:
    corpus = packed(tmp_path, a=ramp(1000, 110))
    mixture = Mixture([corpus], [1], 0, 0.0)
    assert {int(mixture.crop(number).audio[0]) for number in range(400)} == set(range(1000, 1011))


def test_quiet_places_are_drawn_again(tmp_path: Path) -> None:
    silence = np.zeros((1, 20_000), np.float32)
    corpus = packed(tmp_path, a=np.concatenate([silence, music(1.0)], axis=1))
    crops = [Mixture([corpus], [1], 0, 0.001).crop(number).audio for number in range(100)]
    assert all(np.sqrt(np.mean((crop / 32_768) ** 2)) >= 0.001 for crop in crops)


def test_silence_alone_is_taken_as_it_is_in_the_end(tmp_path: Path) -> None:
    corpus = packed(tmp_path, a=np.zeros((1, 1000), np.float32))
    assert not Mixture([corpus], [1], 0, 0.001).crop(0).audio.any()


def test_short_files_are_left_out_and_counted(tmp_path: Path) -> None:
    corpus = packed(tmp_path, long=ramp(1, 200), short=ramp(1, 50))
    assert [file.file for file in corpus.files] == ["long.wav"]
    assert corpus.too_short == 1
    with pytest.raises(CorpusError, match="no file in it has the 300 samples of a crop"):
        Corpus(tmp_path / "out", 300)


@pytest.mark.parametrize("weights", [[], [1.0], [0.0, 0.0], [1.0, -1.0], [1.0, float("nan")]])
def test_weights_that_cannot_be_used(two: list[Corpus], weights: list[float]) -> None:
    with pytest.raises(CorpusError, match="2 corpora with weights"):
        Mixture(two, weights, 0, 0.001)


def test_what_a_training_drew_from_is_recorded_once(tmp_path: Path) -> None:
    write(tmp_path / "in" / "a.wav", music(1.8), subtype="PCM_16")
    write(tmp_path / "in" / "b.wav", music(3.6), subtype="PCM_16")
    (tmp_path / "in" / "manifest.csv").write_text("file,licence,source\nb.wav,CC0,b\n")
    pack(tmp_path / "in", tmp_path / "songs", tmp_path / "in" / "manifest.csv")
    corpus = Corpus(tmp_path / "songs", 100)
    for _ in range(2):
        record_data(Mixture([corpus, corpus], [1.0, 3.0], 0, 0.001), tmp_path / "run")
    record_data(Mixture([corpus], [1.0], 0, 0.001), tmp_path / "run")
    records = json.loads((tmp_path / "run" / DATA).read_text())
    assert [record["share"] for record in records] == [0.25, 0.75, 1.0]
    assert (records[0]["name"], records[0]["files"]) == ("songs", 2)
    assert records[0]["hours"] == pytest.approx(0.0015)
    assert records[0]["hours_by_licence"] == pytest.approx({"CC0": 0.001, "": 0.0005})
