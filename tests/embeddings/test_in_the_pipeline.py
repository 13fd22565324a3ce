"""MusicCaps with every column of Table 2: the real networks, VGGish and CLAP with random weights in place of theirs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from support.audio import music, write

from devtools.embedding_files import random_clap, write_laion
from m2l_bench.cards import EmbeddingCard, WeightFile, load_cards
from m2l_bench.reconstruction.pipeline import reconstruct
from m2l_bench.reconstruction.plan import Settings, make_plan
from m2l_bench.tables.reconstruction import reconstruction_table


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files under the published names."""
    from torchvggish import VGG, make_layers

    folder = tmp_path_factory.mktemp("weights")
    torch.save(VGG(make_layers(), postprocess=False).state_dict(), folder / "vggish-10086976.pth")
    write_laion(random_clap(), folder / "630k-audioset-best.pt")
    return folder


def without_hash(card: EmbeddingCard) -> EmbeddingCard:
    """Random weights are not the published ones, which is all that the hash would say."""
    files: dict[str, WeightFile] = {name: file.model_copy(update={"sha256": ""}) for name, file in card.weights.items()}
    return card.model_copy(update={"weights": files})


@pytest.mark.full
def test_musiccaps_fills_the_distances_whose_weights_are_there(tmp_path: Path, weights: Path) -> None:
    ids = [f"clip{i}" for i in range(2)]
    (tmp_path / "musiccaps-public.csv").write_text("ytid,start_s,end_s\n" + "".join(f"{id},0,10\n" for id in ids))
    for i, id in enumerate(ids):
        write(tmp_path / f"{id}.wav", music(seconds=10, rate=16_000, seed=i), 16_000)
    cards = load_cards()
    embeddings = {name: without_hash(card) for name, card in cards.embeddings.items()}
    task = cards.task("musiccaps").model_copy(update={"metrics": ["fad", "fad_clap", "fad_musicnn"]})

    def table(weights_dir: Path | None) -> dict[str, float]:
        settings = Settings(tmp_path / "runs", jobs=1, weights_dir=weights_dir)
        systems = [cards.system("lowpass-3.5k")]
        plan = make_plan(task, systems, tmp_path, settings, skip_unavailable=False, embeddings=embeddings)
        (outcome,) = reconstruct(plan, settings)
        assert outcome.measured == 2 and not outcome.failed
        data = reconstruction_table(tmp_path / "runs").data.set_index("system")
        return {str(name): float(data.loc["lowpass-3.5k", name]) for name in task.metrics}

    without = table(tmp_path / "empty")
    assert (
        without["fad_musicnn"] > 0 and without["fad"] != without["fad"] and without["fad_clap"] != without["fad_clap"]
    )
    filled = table(weights)
    assert filled["fad_musicnn"] == without["fad_musicnn"] and filled["fad"] > 0 and filled["fad_clap"] > 0
