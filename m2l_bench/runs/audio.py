"""The audio behind a run's rows: originals and reconstructions. This module reads files and never runs a model."""

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
from m2l_bench.text import unescape_name


def originals(run: MeasuredRun, data: Path | None = None, cards: Sequence[Path] = ()) -> dict[str, Clip]:
    """Find the clips of the run's dataset, by id.

    Args:
        data: folder of the audio; default: the folder that the run noted, if it noted one.
        cards: folders of further cards, for tasks that are not in this package.

    Raises:
        UserError: no task card has this dataset, or its folder does not exist.
    """
    key = run.manifest.key
    task = next((task for task in load_cards(cards).tasks.values() if task.data_digest == key.task_digest), None)
    if task is None:
        raise UserError(f"{run.folder}: no task card here is over its dataset '{key.dataset}': give --cards DIR")
    root = data or (Path(unescape_name(key.root)) if key.root else None)
    if root is not None and not root.is_dir():
        raise UserError(f"{root}: the originals are not there (any more); name their folder with --data DIR")
    dataset: Dataset = load_dataset(task, root, key.section_seconds)
    return {clip.id: clip for clip in dataset.clips}


def read_original(clip: Clip, row: Row) -> tuple[Audio, int]:
    """Read the original as it was measured: (channels, samples), clipped to full scale, and its rate in Hz.

    Raises:
        UserError: the file cannot be read, or is not the file that the row was measured on.
    """
    try:
        audio, rate = audio_files.read(clip.path, clip.start_seconds, clip.duration_seconds)
    except BadClip as error:
        raise UserError(f"{clip.path}: {error}") from error
    if file_checksum(clip.path) != row.source_sha256:
        raise UserError(f"{clip.path}: not the file that '{row.id}' was measured on")
    return np.clip(audio, -1.0, 1.0), rate


def read_reconstruction(run: MeasuredRun, row: Row, rate: int) -> Audio:
    """Read the reconstruction of a clip, (channels, samples) at the original's rate.

    Raises:
        UserError: the run kept no audio, or its file cannot be read.
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
