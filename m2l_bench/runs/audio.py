"""The audio behind a run's rows: a clip's original, and what a system made of it. Reads files; never runs a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from m2l_bench import audio as audio_files
from m2l_bench.audio import Audio
from m2l_bench.cards import load_cards
from m2l_bench.datasets.base import Clip, Dataset
from m2l_bench.datasets.loading import load_dataset
from m2l_bench.errors import BadClip, UserError
from m2l_bench.music2latent.hashes import file_checksum
from m2l_bench.recordings import RecordingFolder
from m2l_bench.runs.measured import MeasuredRun
from m2l_bench.runs.schema import Row


def originals(run: MeasuredRun, data: Path | None = None, cards: Sequence[Path] = ()) -> dict[str, Clip]:
    """The clips that the run's dataset lists, by id.

    Args:
        data: where the audio lies; by default where the run found it, if it noted that.
        cards: folders of further cards, for tasks that are not in this package.

    Raises:
        UserError: that is not known, or the folder is not there.
    """
    key = run.manifest.key
    task = next((task for task in load_cards(cards).tasks.values() if task.data_digest == key.task_digest), None)
    if task is None:
        raise UserError(f"{run.folder}: no task card here is over its dataset '{key.dataset}': give --cards DIR")
    place = data or (Path(key.root) if key.root else None)
    if place is not None and not place.is_dir():
        raise UserError(f"{place}: the originals are not there (any more); say where with --data DIR")
    dataset: Dataset = load_dataset(task, place)
    return {clip.id: clip for clip in dataset.clips}


def read_original(clip: Clip, row: Row) -> tuple[Audio, int]:
    """The original as it was measured: (channels, samples), clipped to full scale, and its rate in Hz.

    Raises:
        UserError: it cannot be read, or is not what the row was measured on.
    """
    try:
        audio, rate = audio_files.read(clip.path, clip.start_seconds, clip.duration_seconds)
    except BadClip as error:
        raise UserError(f"{clip.path}: {error}") from error
    if file_checksum(clip.path) != row.source_sha256:
        raise UserError(f"{clip.path}: not the file that '{row.id}' was measured on")
    return np.clip(audio, -1.0, 1.0), rate


def read_reconstruction(run: MeasuredRun, row: Row, rate: int) -> Audio:
    """What the system made of a clip, (channels, samples) at the original's rate.

    Raises:
        UserError: the run kept no audio, or it cannot be read.
    """
    card = run.manifest.card
    try:
        if row.audio:
            return audio_files.read(run.folder / row.audio)[0]
        if "directory" in card.options:
            return RecordingFolder(**card.options).read(row.id, rate)
    except BadClip as error:
        raise UserError(f"{run.folder}, clip '{row.id}': {error}") from error
    raise UserError(f"{run.folder}: this run kept no audio; `m2l-bench reconstruct --audio` keeps it")
