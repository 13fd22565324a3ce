"""The unchanged package `frechet-audio-distance`, for anyone who wants its own numbers.

It differs from m2l-bench in these ways: for CLAP it uses one random 10 s crop of a longer clip and does not round to 16
bits; it resamples with resampy; it holds all audio in memory; and after a problem it returns -1 or leaves out every
later file. Here a problem is an error, so a score is always the score of all files.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import soundfile

from m2l_bench.cards import WeightFile, load_cards
from m2l_bench.errors import UserError
from m2l_bench.text import one_line
from m2l_bench.weights.locate import cache_folder, find

INSTALL = "pip install 'm2l-bench[upstream]', in an environment of its own"

ARGUMENTS: dict[str, dict[str, Any]] = {
    "vggish": {"model_name": "vggish", "sample_rate": 16_000},
    "clap": {"model_name": "clap", "submodel_name": "630k-audioset", "sample_rate": 48_000},
    "clap-music": {"model_name": "clap", "submodel_name": "music_audioset", "sample_rate": 48_000},
    "encodec": {"model_name": "encodec", "sample_rate": 24_000},
}

VGGISH_URL = "https://github.com/harritaylor/torchvggish/releases/download/v0.1/"
ENCODEC_URL = "https://dl.fbaipublicfiles.com/encodec/v0/"


@dataclass(frozen=True)
class UpstreamScore:
    """A score of the package."""

    embedding: str
    score: float
    clips: tuple[int, int]
    """Number of files of the reference and of the evaluated folder, all of which were used."""


def score(reference: Path, evaluated: Path, embedding: str, weights_dir: Path | None = None) -> UpstreamScore:
    """Compute the Fréchet distance between two folders that hold audio files and nothing else.

    Weights that are on this machine are used (see `weights.locate`). The package downloads what is missing; for
    `vggish` that includes the network's code, which torch.hub downloads from harritaylor/torchvggish and runs.

    Raises:
        UserError: the package is missing or cannot be imported, does not know the embedding, or could not use a file.
    """
    if embedding not in ARGUMENTS:
        raise UserError(f"frechet-audio-distance has no '{embedding}': expected one of {', '.join(ARGUMENTS)}")
    package = _package()
    folders = [_audio_files(folder) for folder in (reference, evaluated)]
    with _captured_output() as output, _hub_folder(embedding, weights_dir) as hub, _namespace_package("torchvggish"):
        try:
            metric = package.FrechetAudioDistance(ckpt_dir=str(hub), **ARGUMENTS[embedding])
            distance = float(metric.score(str(reference), str(evaluated)))
        except Exception as error:  # its dependencies raise anything: no connection, a checkpoint of another network
            raise UserError(f"frechet-audio-distance, {embedding}: {one_line(error)}") from error
    problems = [line for line in output.getvalue().splitlines() if "exception:" in line or "error occurred:" in line]
    if problems or distance == -1 or not math.isfinite(distance):
        reason = problems[0].rpartition("] ")[2] if problems else f"its score is {distance}"
        raise UserError(
            f"frechet-audio-distance, {embedding}: did not use every file of {reference} and {evaluated} ({reason})"
        )
    return UpstreamScore(embedding, distance, (len(folders[0]), len(folders[1])))


def _package() -> Any:
    """Import the package.

    Raises:
        UserError: it is not installed or cannot be imported.
    """
    if importlib.util.find_spec("frechet_audio_distance") is None:
        raise UserError(f"the package frechet-audio-distance is not installed: {INSTALL}")
    try:
        with _captured_output():
            return importlib.import_module("frechet_audio_distance")
    except (ImportError, OSError, RuntimeError) as error:  # torchvision for another torch raises the last two
        raise UserError(f"frechet-audio-distance cannot be imported ({one_line(error)}); {INSTALL}") from error


def _audio_files(folder: Path) -> list[Path]:
    """List all entries of a folder, because the package reads all of them.

    Raises:
        UserError: there is no such folder, nothing in it, or an entry that is not audio.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder")
    files = sorted(folder.iterdir())
    if not files:
        raise UserError(f"{folder}: no audio in it")
    for file in files:
        try:
            soundfile.info(file)
        except (soundfile.LibsndfileError, OSError, TypeError) as error:
            raise UserError(
                f"{file}: not audio; frechet-audio-distance needs a folder of audio files and nothing else"
            ) from error
    return files


@contextlib.contextmanager
def _captured_output() -> Iterator[io.StringIO]:
    """Capture what the package prints: this is the only sign that it went on without some files."""
    with contextlib.redirect_stdout(io.StringIO()) as output:
        yield output


@contextlib.contextmanager
def _hub_folder(embedding: str, weights_dir: Path | None) -> Iterator[Path]:
    """Make a folder in which the package finds the weights that we have, and to which it downloads others.

    The package makes it the folder of torch.hub for the whole process; that is undone at the end.
    """
    import torch

    before = torch.hub.get_dir()
    folder = cache_folder() / "upstream"
    for name, file in _weight_files(embedding).items():
        path = find(file, weights_dir)
        link = folder / name
        if path is not None and not (link.exists() and link.samefile(path)):
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(path.resolve())
    try:
        yield folder
    finally:
        torch.hub.set_dir(before)


class _WithoutInit(MetaPathFinder):
    """Finder of a package only where its folder has no `__init__.py`; Python itself looks for such folders last.

    `torchvggish` is such a folder in the repository that torch.hub loads; PyPI's package of that name would hide it.
    """

    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != self.package:
            return None
        folders = [Path(entry) / name for entry in sys.path]
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [
            str(folder) for folder in folders if folder.is_dir() and not (folder / "__init__.py").exists()
        ]
        return spec if spec.submodule_search_locations else None


@contextlib.contextmanager
def _namespace_package(package: str) -> Iterator[None]:
    """Forget imported modules of `package`, and prefer a package without `__init__.py`; undone at the end."""

    def imported() -> dict[str, ModuleType]:
        return {name: module for name, module in sys.modules.items() if name.partition(".")[0] == package}

    before, finder = imported(), _WithoutInit(package)
    for name in before:
        del sys.modules[name]
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in imported():
            del sys.modules[name]
        sys.modules.update(before)


def _weight_files(embedding: str) -> dict[str, WeightFile]:
    """Weight files that the package loads, by their paths in the folder of torch.hub."""
    if embedding == "encodec":
        name = "encodec_24khz-d7cc33bc.th"  # not the hub's file, which holds the same weights for `transformers`
        return {f"checkpoints/{name}": WeightFile(url=ENCODEC_URL + name)}
    checkpoint = load_cards().embedding(embedding).weights["checkpoint"]
    if embedding == "vggish":
        pca = WeightFile(url=VGGISH_URL + "vggish_pca_params-970ea276.pth")  # loaded, then not used
        return {f"checkpoints/{file.name}": file for file in (checkpoint, pca)}
    return {checkpoint.name: checkpoint}
