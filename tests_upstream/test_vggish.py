"""VGGish against frechet-audio-distance, from files of audio to the score."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torchvggish import VGG, make_layers

from m2l_bench.distances.upstream import score
from m2l_bench.embeddings.vggish import VGGish
from m2l_bench.errors import UserError
from tests_upstream.folders import Folders, embed, frechet, relative, write_folders

REPOSITORY = os.environ.get("TORCHVGGISH")
"""A checkout of harritaylor/torchvggish. Without one, the same author's package from PyPI stands in for it, with the
interface that torch.hub's users call."""

STAND_IN = """
import torch
from torchvggish import VGG, make_layers, vggish_input

class VGGish(VGG):
    def forward(self, audio, rate):
        return super().forward(vggish_input.waveform_to_examples(audio, rate).to(self.device))

def vggish():
    url = "https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth"
    model = VGGish(make_layers(), postprocess=False)
    model.load_state_dict(torch.hub.load_state_dict_from_url(url))
    return model
"""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both files of the repository's release, as PyTorch before 1.6 wrote them."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    network = VGG(make_layers(), postprocess=False)
    for parameter in network.parameters():
        if parameter.ndim > 1:
            torch.nn.init.kaiming_normal_(parameter)
    files = {
        "vggish-10086976.pth": network.state_dict(),
        "vggish_pca_params-970ea276.pth": {
            "pca_eigen_vectors": torch.rand(128, 128).numpy(),
            "pca_means": torch.rand(128).numpy(),
        },
    }
    for name, content in files.items():
        torch.save(content, folder / name, _use_new_zipfile_serialization=False)
    return folder


@pytest.fixture(autouse=True)
def repository(cache: Path, laion_clap: ModuleType) -> None:
    """The repository where torch.hub keeps it."""
    place = cache / "harritaylor_torchvggish_master"
    if REPOSITORY:
        place.symlink_to(Path(REPOSITORY).resolve())
    else:
        place.mkdir()
        (place / "hubconf.py").write_text(STAND_IN)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    return write_folders(tmp_path_factory.mktemp("audio"), 16_000, [3.0, 10.0, 4.37, 0.975, 7.9, 5.0])


def test_embeddings_and_score(weights: Path, folders: Folders, recorded: list[np.ndarray]) -> None:
    theirs = score(*folders, "vggish", weights)
    ours = embed(VGGish(weights / "vggish-10086976.pth"), folders)
    assert theirs.clips == (6, 6)
    assert max(map(relative, ours, recorded)) < 1e-6
    assert theirs.score > 0
    assert frechet(*ours) == pytest.approx(theirs.score, rel=1e-4)


def test_a_short_clip_is_an_error_where_the_package_drops_it_and_all_after_it(
    weights: Path, tmp_path: Path, folders: Folders
) -> None:
    short = write_folders(tmp_path / "short", 16_000, [3.0, 0.9, 3.0], clips=3)[0]
    with pytest.raises(UserError, match=r"vggish: did not use every file of .*short"):
        score(short, folders[1], "vggish", weights)


def test_torch_hub_and_modules_are_left_as_they_were(weights: Path, folders: Folders) -> None:
    """The repository's package has the name of the one from PyPI."""
    before = torch.hub.get_dir(), sys.modules["torchvggish"]
    score(*folders, "vggish", weights)
    assert (torch.hub.get_dir(), sys.modules["torchvggish"]) == before
    assert "torchvggish.vggish" not in sys.modules
