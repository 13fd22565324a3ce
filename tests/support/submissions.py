"""Runs of toy systems over a few short clips, and submissions of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import soundfile

import m2l_bench as mb
from m2l_bench.music2latent.hashes import file_checksum
from m2l_bench.submissions.schema import FILE
from m2l_bench.submissions.write import Statement, write_submission

CLIPS = ("a clip", "ünusual & long/b", *"cdefghij")
SYSTEMS = {
    "good": lambda audio: (audio * 2000).round() / 2000,
    "poor": lambda audio: (audio * 20).round() / 20,
    "copy": lambda audio: audio,
}
METRICS = ("si_sdr_db", "mel_distance", "fad_mel-mean")


def write_clips(folder: Path, seed: int = 0) -> Path:
    """Write noise of a quarter of a second, stereo, that differs from clip to clip."""
    for number, name in enumerate(CLIPS):
        path = folder / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng([seed, number]).normal(0, 0.1, (5_512, 2))
        soundfile.write(path, noise, 22_050, subtype="FLOAT")
    return folder


def make_runs(out: Path, clips: Path, systems: Mapping[str, object] = SYSTEMS) -> Path:
    """Measure toy systems, and keep their reconstructions."""
    mb.evaluate(dict(systems), "folder", data=clips, metrics=METRICS, out=out, audio=True, jobs=1)
    return out


def submit(runs: Path, out: Path, audio: bool = True, **statement: str) -> Path:
    """Make a submission of all runs."""
    write_submission(runs, out, Statement(**statement), audio=audio)
    return out


def forge(submission: Path) -> None:
    """Make the hashes of `submission.json` those of the files, as somebody who changed them would."""
    content = json.loads((submission / FILE).read_text())
    for name in content["files"]:
        path = submission / name
        content["files"][name] = {"bytes": path.stat().st_size, "sha256": file_checksum(path)}
    (submission / FILE).write_text(json.dumps(content))
