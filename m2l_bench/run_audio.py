"""The audio behind a run's rows: a clip's original, and what a system made of it. Reads files; never runs a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from m2l_bench import audio as audio_files
from m2l_bench.audio import Audio
from m2l_bench.cards import import_attribute, load_cards
from m2l_bench.codecs.recorded import Recorded
from m2l_bench.datasets import folder
from m2l_bench.datasets.base import Clip
from m2l_bench.errors import BadClip, UserError
from m2l_bench.music2latent.hashes import file_checksum
from m2l_bench.run import Row
from m2l_bench.tables import MeasuredRun


def originals(run: MeasuredRun, data: Path | None = None) -> dict[str, Clip]:
    """The clips that the run's dataset lists, by id.

    Args:
        data: where the audio lies; by default where the run found it, if it noted that.

    Raises:
        UserError: that is not known, or the folder is not there.
    """
    label, root = run.manifest["key"]["dataset"], run.manifest["key"]["root"]
    tasks = load_cards().tasks
    if label in tasks:
        dataset = import_attribute(tasks[label].dataset, tasks[label].path)(data, **tasks[label].options)
    elif data or root:
        dataset = folder.load(data or Path(root))
    else:
        raise UserError(f"{run.folder}: it does not say where its originals are: --data DIR")
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
    if file_checksum(clip.path) != row["source_sha256"]:
        raise UserError(f"{clip.path}: not the file that '{row['id']}' was measured on")
    return np.clip(audio, -1.0, 1.0), rate


def read_reconstruction(run: MeasuredRun, row: Row, original: Audio, rate: int) -> Audio:
    """What the system made of a clip, (channels, samples) at the original's rate.

    Raises:
        UserError: the run kept no audio, or it cannot be read.
    """
    card = run.manifest["card"]
    try:
        if row.get("audio"):
            return audio_files.read(run.folder / row["audio"])[0]
        if "directory" in card["options"]:
            return Recorded(**card["options"]).reconstruct(row["id"], original, rate)
    except BadClip as error:
        raise UserError(f"{run.folder}, clip '{row['id']}': {error}") from error
    raise UserError(f"{run.folder}: this run kept no audio; `m2l-bench reconstruct --audio` keeps it")
