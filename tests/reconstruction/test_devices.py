"""The pipeline on several devices, with several clips in a batch, and in another number type: the same rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.audio import music, write
from support.toy_codec import CARD

from m2l_bench.cards import load_cards
from m2l_bench.reconstruction.pipeline import Outcome, reconstruct
from m2l_bench.reconstruction.plan import Settings, make_plan
from m2l_bench.runs.reconstruction import read_manifest, read_rows
from m2l_bench.tables.reconstruction import reconstruction_table

TYPED = """
import torch
from support.toy_codec import Denoiser

class Typed(Denoiser):
    number_types = ("float32", "bfloat16")
    def __init__(self, dtype="float32"):
        self.dtype = getattr(torch, dtype)
    def encode(self, audio):
        return audio.to(self.dtype).float()
"""


@pytest.fixture
def cards(quick_cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tasks `quick` and two codecs that add noise; the second one has number types."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "typed.py").write_text(TYPED)
    (quick_cards / "denoiser.yaml").write_text(CARD)
    card = CARD.replace("support.toy_codec:Denoiser", "typed:Typed").replace("denoiser", "typed")
    (quick_cards / "typed.yaml").write_text(card)
    return quick_cards


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Clips of two lengths, mono and stereo, and one that cannot be read."""
    folder = tmp_path / "originals"
    for number in range(7):
        write(folder / f"{number}.wav", music(0.2 + 0.1 * (number == 4), channels=1 + number % 2, seed=number))
    (folder / "3.wav").write_bytes(b"RIFF")
    return folder


def run(cards_folder: Path, data: Path, out: Path, model: str = "denoiser", **settings: Any) -> Outcome:
    cards = load_cards([cards_folder])
    chosen = Settings(out=out, jobs=1, **settings)
    systems = [cards.system(model)]
    plan = make_plan(cards.task("quick"), systems, data, chosen, skip_unavailable=False, embeddings=cards.embeddings)
    return reconstruct(plan, chosen)[0]


def scores(outcome: Outcome) -> dict[str, float | None]:
    return {row.id: row.value("si_sdr_db") for row in read_rows(outcome.folder)}


def test_clips_in_one_batch_have_the_rows_of_clips_alone(
    cards: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = run(cards, data, tmp_path / "alone", device="cpu")
    assert alone.measured == 6 and list(alone.failed) == ["3"]
    monkeypatch.setattr("m2l_bench.systems.codec_runner.is_gpu", lambda device: True)
    together = run(cards, data, tmp_path / "together", device="cpu")
    assert (together.measured, together.failed) == (6, alone.failed)
    assert scores(together) == pytest.approx(scores(alone), abs=1e-4)
    run(cards, data, tmp_path / "resumed", device="cpu", limit=2)
    resumed = run(cards, data, tmp_path / "resumed", device="cpu")
    assert resumed.already_done == 2
    assert scores(resumed) == pytest.approx(scores(alone), abs=1e-4)


def test_two_devices_have_the_rows_of_one(cards: Path, data: Path, tmp_path: Path) -> None:
    one = run(cards, data, tmp_path / "one", device="cpu")
    two = run(cards, data, tmp_path / "two", device="cpu,cpu")
    assert (two.measured, two.failed) == (6, one.failed)
    assert scores(two) == pytest.approx(scores(one), abs=1e-4)
    assert read_manifest(two.folder).sessions[0].device == "cpu,cpu"


def test_another_number_type_is_another_run_and_a_footnote(cards: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "runs"
    plain = run(cards, data, out, "typed", device="cpu", limit=2)
    rounded = run(cards, data, out, "typed", device="cpu", limit=2, precision="bfloat16")
    assert (plain.folder.name, rounded.folder.name) == ("typed", "typed@bfloat16")
    assert rounded.already_done == 0 and scores(plain) != scores(rounded)
    for precision in ("auto", "float32"):
        assert run(cards, data, out, "typed", device="cpu", limit=2, precision=precision).already_done == 2
    assert run(cards, data, out, "typed", device="cpu", limit=2, precision="bfloat16").already_done == 2
    without_choice = run(cards, data, out, "denoiser", device="cpu", limit=2, precision="bfloat16")
    assert without_choice.folder.name == "denoiser"
    notes = [note for note in reconstruction_table(out).notes if "computed" in note]
    assert notes == ["typed@bfloat16: computed in bfloat16"]
