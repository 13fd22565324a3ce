"""What goes wrong with the package's own command, each as one line."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from m2l_bench.distances.upstream import score
from m2l_bench.errors import UserError
from tests_upstream.folders import Folders, write_folders


@pytest.fixture(autouse=True)
def imported(laion_clap: ModuleType, cache: Path) -> None:
    """frechet-audio-distance imports laion-clap."""


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return write_folders(tmp_path / "audio", 16_000, [1.0], clips=1)


def refused(message: str, *arguments: Any) -> None:
    with pytest.raises(UserError) as caught:
        score(*arguments)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_embedding(folders: Folders) -> None:
    refused("no 'mert': expected one of vggish, clap, clap-music, encodec", *folders, "mert")


def test_folders(folders: Folders, tmp_path: Path) -> None:
    refused("none: no such folder", folders[0], tmp_path / "none", "vggish")
    (tmp_path / "empty").mkdir()
    refused("empty: no audio in it", folders[0], tmp_path / "empty", "vggish")
    (folders[1] / "notes.txt").write_text("not audio")
    refused("notes.txt: not audio", *folders, "vggish")
    (folders[1] / "notes.txt").unlink()
    (folders[1] / "more").mkdir()
    refused("more: not audio", *folders, "vggish")


@pytest.mark.parametrize("embedding", ["vggish", "clap", "encodec"])
def test_no_weights_and_no_connection(folders: Folders, embedding: str) -> None:
    refused(f"frechet-audio-distance, {embedding}: ", *folders, embedding)


@pytest.mark.parametrize(
    ("printed", "result", "message"),
    [
        ("[Frechet Audio Distance] get_embeddings throw an exception: too short", 3.0, "(get_embeddings throw an"),
        ("[Frechet Audio Distance] An error occurred: no audio", -1, "(An error occurred: no audio)"),
        ("[Frechet Audio Distance] eval set dir is empty, exiting...", -1, "(its score is -1.0)"),
        ("", float("nan"), "(its score is nan)"),
    ],
)
def test_a_score_of_some_of_the_files_is_none(
    folders: Folders, monkeypatch: pytest.MonkeyPatch, printed: str, result: float, message: str
) -> None:
    import frechet_audio_distance

    class Package:
        def __init__(self, **_: object) -> None:
            pass

        def score(self, *_: str) -> float:
            print(printed)
            return result

    monkeypatch.setattr(frechet_audio_distance, "FrechetAudioDistance", Package)
    refused(message, *folders, "vggish")
