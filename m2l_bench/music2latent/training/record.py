"""What a training's folder says about it, for a model card: its data, its steps, its time and its log."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from m2l_bench.music2latent.config import Config
from m2l_bench.music2latent.errors import CheckpointError
from m2l_bench.music2latent.files import write_atomically
from m2l_bench.music2latent.training import state as states
from m2l_bench.music2latent.training.corpus import Mixture
from m2l_bench.music2latent.training.log import read_log
from m2l_bench.music2latent.training.recipe import Recipe

DATA = "data.json"


@dataclass(frozen=True)
class CorpusRecord:
    """A corpus that a training drew crops from."""

    name: str
    """Name of its folder."""
    files: int
    hours: float
    share: float
    """Share of the crops."""
    hours_by_licence: dict[str, float]


@dataclass(frozen=True)
class TrainingRecord:
    """A training, as its folder has it."""

    iteration: int
    iterations: int
    """0: not known yet."""
    seconds: float
    skipped: int
    recipe: Recipe
    seed: int
    corpora: list[CorpusRecord]
    """Empty for a training that recorded none."""
    log: list[dict[str, Any]]
    """Rows of `log.jsonl`."""

    @property
    def crops(self) -> int:
        return self.iteration * self.recipe.batch_size


def record_data(mixture: Mixture, folder: Path) -> None:
    """Add the corpora of a mixture to `data.json`, unless an earlier session recorded the same.

    Raises:
        OSError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    records = _read_data(folder)
    for corpus, share in zip(mixture.corpora, mixture.shares, strict=True):
        hours_by_licence = {licence: round(hours, 4) for licence, hours in corpus.hours_by_licence.items()}
        record = CorpusRecord(
            corpus.folder.resolve().name, len(corpus.files), round(corpus.hours, 4), round(share, 4), hours_by_licence
        )
        if record not in records:
            records.append(record)
    content = json.dumps([asdict(record) for record in records], indent=1, ensure_ascii=False) + "\n"
    write_atomically(folder / DATA, content.encode())


def read_record(folder: Path, config: Config) -> TrainingRecord:
    """Read the record of the training of a model with this configuration.

    Raises:
        CheckpointError: the folder holds no training, or that of another configuration.
    """
    if not is_training(folder):
        raise CheckpointError(f"{folder}: not the folder of a training: it has no {states.WHOLE}")
    state = states.load(folder)
    if state.config != config:
        raise CheckpointError(f"{folder}: the training of a model with another configuration")
    try:
        corpora, log = _read_data(folder), read_log(folder)
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(f"{folder}: its log or {DATA} cannot be read ({error})") from error
    return TrainingRecord(
        state.iteration, state.iterations, state.seconds, state.skipped, state.recipe, state.seed, corpora, log
    )


def is_training(folder: Path) -> bool:
    """Tell whether a folder is that of a training."""
    return (folder / states.WHOLE).is_file()


def _read_data(folder: Path) -> list[CorpusRecord]:
    path = folder / DATA
    if not path.exists():
        return []
    return [CorpusRecord(**record) for record in json.loads(path.read_text(encoding="utf-8"))]
