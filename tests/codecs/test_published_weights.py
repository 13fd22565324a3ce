"""`scripts/check_published_weights.py`: one line per card, whatever becomes of the one before."""

from __future__ import annotations

from pathlib import Path

import pytest

from devtools.random_codecs import CARDS, WITH_WEIGHTS, prepare
from m2l_bench.cards import load_cards
from m2l_bench.errors import UserError
from scripts.check_published_weights import check, select_cards


def test_every_card_with_weights_has_its_line() -> None:
    """Cards whose weights are in the package have none."""
    names = [card.name for card in select_cards(load_cards(), [])]
    assert {*WITH_WEIGHTS, "music2latent", "vggish", "clap"} <= {*names} and "musicnn" not in names
    assert [card.name for card in select_cards(load_cards(), ["clap"])] == ["clap"]
    with pytest.raises(UserError, match="no weights to fetch for nothing; there are "):
        select_cards(load_cards(), ["nothing"])


def test_a_line_says_scores_the_papers_and_hashes_to_pin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = prepare("dac", tmp_path)
    capsys.readouterr()
    assert check(card, 1.0, tmp_path) == ("dac", True)
    output = capsys.readouterr().out
    assert output.startswith("well    dac: SI-SDR ") and "(paper, all of MusicCaps: 9.48 dB, 4.21)" in output
    assert output.count("sha256") == 2 and output.count("\n") == 1


def test_another_file_than_the_published_is_a_line_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepare("mimi", tmp_path)
    capsys.readouterr()
    assert check(CARDS["mimi"], 1.0, tmp_path) == ("mimi", False)
    output = capsys.readouterr().out
    assert output.startswith("FAILED  mimi: ") and "its SHA-256 is" in output and output.count("\n") == 1
