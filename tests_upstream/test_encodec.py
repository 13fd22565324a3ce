"""EnCodec against the authors' package, and against frechet-audio-distance from files of audio to the score."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from m2l_bench.distances.upstream import score
from m2l_bench.embeddings.encodec import EnCodec
from tests_upstream.folders import Folders, embed, frechet, relative, write_folders


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    return write_folders(tmp_path_factory.mktemp("audio"), 24_000, [2.0, 3.017, 1.0], clips=3)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory, laion_clap: ModuleType) -> Path:
    """The authors' file with random weights, and the same weights as the hub has them."""
    from encodec import EncodecModel
    from transformers import EncodecConfig

    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    state = EncodecModel.encodec_model_24khz(pretrained=False).state_dict()
    torch.save(state, folder / "encodec_24khz-d7cc33bc.th")
    hub = {
        name.replace("encoder.model.", "encoder.layers.").replace(".conv.conv.", ".conv."): tensor
        for name, tensor in state.items()
        if name.startswith("encoder.")
    }
    save_file(hub, folder / "model.safetensors")
    EncodecConfig().save_pretrained(folder)
    return folder


def test_embeddings_and_score(weights: Path, cache: Path, folders: Folders, recorded: list[np.ndarray]) -> None:
    theirs = score(*folders, "encodec", weights)
    ours = embed(EnCodec(weights / "config.json", weights / "model.safetensors"), folders)
    assert theirs.clips == (3, 3)
    assert max(map(relative, ours, recorded)) < 1e-5
    assert theirs.score > 0
    assert frechet(*ours) == pytest.approx(theirs.score, rel=1e-4)
