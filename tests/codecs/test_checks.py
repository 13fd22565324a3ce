"""`models check` of every codec, from random weights where `weights get` would put them."""

from __future__ import annotations

from pathlib import Path

import pytest

from devtools.random_codecs import CARDS, CODECS, FAMILIES, WITH_WEIGHTS, prepare
from m2l_bench.errors import UserError
from m2l_bench.systems.check import check_codec
from m2l_bench.systems.loading import load_runner


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in FAMILIES else pytest.mark.full) for name in CODECS]
)
def test_it_is_what_its_card_says(name: str, tmp_path: Path) -> None:
    card = prepare(name, tmp_path)
    runner = load_runner(card, weights_dir=tmp_path)
    assert (runner.chunk_seconds, len(runner.weights_sha256)) == (card.chunk_seconds, 64 if card.latents else 0)
    check = check_codec(card, runner)
    assert not check.problems
    assert check.features is not None or card.kind != "neural"


@pytest.mark.parametrize("name", [name for name in WITH_WEIGHTS if any(f.sha256 for f in CARDS[name].weights.values())])
def test_other_weights_than_the_published_are_refused(name: str, tmp_path: Path) -> None:
    prepare(name, tmp_path)
    with pytest.raises(UserError, match=r": its SHA-256 is .* the card says"):
        load_runner(CARDS[name], weights_dir=tmp_path)
