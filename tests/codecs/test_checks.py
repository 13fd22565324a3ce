"""`models check` of systems with files of weights, from random weights where `weights get` would put them."""

from __future__ import annotations

from pathlib import Path

import pytest
from checkpoints import random_network
from musika_files import write_published_size

from m2l_bench.cards import SystemCard, load_cards
from m2l_bench.codec_check import check_codec
from m2l_bench.errors import UserError
from m2l_bench.systems import load_runner

SYSTEMS = {name: card for name, card in load_cards().systems.items() if card.weights.keys() - {"checkpoint"}}
"""Those of one file, which is PyTorch's own, are checked beside their other tests."""
NARROW = {"oobleck": 4, "same-small": 8, "same-large": 8}
"""Width of the latents of networks that are narrow there too."""


def prepared(name: str, folder: Path) -> SystemCard:
    """The card without the hashes of the published files; its files are in `folder`."""
    card = SYSTEMS[name]
    network = card.adapter.split(":")[0].rpartition(".")[2]
    if network == "same":
        network = {"same-s": "same-small", "same-l": "same-large"}[name]
    file = next(iter(card.weights.values()))
    files = folder / file.repository.split("/")[1] / Path(file.filename).parent
    if network == "musika":
        write_published_size(files)
    else:
        random_network(network).save_pretrained(files)
    weights = {key: file.model_copy(update={"sha256": ""}) for key, file in card.weights.items()}
    latents = card.latents
    if latents is not None and network in NARROW:
        latents = latents.model_copy(update={"width": NARROW[network]})
    return card.model_copy(update={"weights": weights, "latents": latents})


@pytest.mark.parametrize("name", SYSTEMS)
def test_it_is_what_its_card_says(name: str, tmp_path: Path) -> None:
    card = prepared(name, tmp_path)
    runner = load_runner(card, weights_dir=tmp_path)
    assert (runner.chunk_seconds, len(runner.weights_sha256)) == (card.chunk_seconds, 64)
    found = check_codec(card, runner)
    assert not found.problems
    assert found.features is not None


@pytest.mark.parametrize("name", ["dac", "encodec-48k", "mimi", "same-s"])
def test_other_weights_than_the_published_are_refused(name: str, tmp_path: Path) -> None:
    prepared(name, tmp_path)
    with pytest.raises(UserError, match=r"config\.json: its SHA-256 is .* the card says"):
        load_runner(SYSTEMS[name], weights_dir=tmp_path)
