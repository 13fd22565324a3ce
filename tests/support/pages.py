"""Small pages made by the real pipeline: originals on disk, runs by `reconstruct`, a page by `listen`."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import soundfile
from support.audio import write

from m2l_bench.cards import load_cards
from m2l_bench.engine.local import LocalEngine
from m2l_bench.listen.content import Collection
from m2l_bench.listen.gather import gather
from m2l_bench.listen.writer import Page, write_page
from m2l_bench.reconstruction.pipeline import reconstruct
from m2l_bench.reconstruction.plan import Settings, make_plan

RATE = 44_100
SCRIPT = "<script>alert(1)</script>"
"""A script, and the name of a file in a folder: `<script>alert(1)<` / `script>.wav`."""
ONE_JOB = LocalEngine(["cpu"], 1)
SYSTEMS = ("lowpass-3.5k", "lowpass-7k", "reference")


def noise(seconds: float, seed: int = 0, channels: int = 1) -> np.ndarray:
    """Noise: each instant of it is unlike every other."""
    return (0.1 * np.random.default_rng(seed).standard_normal((channels, round(seconds * RATE)))).astype(np.float32)


def make_runs(folder: Path, clips: dict[str, np.ndarray], keep_audio: bool = True) -> Path:
    """Make runs of two low-passes and the hidden reference, with SI-SDR alone; returns the folder of the runs."""
    cards = folder / "cards"
    cards.mkdir(parents=True)
    (cards / "quick.yaml").write_text("name: quick\ntitle: Quick\ndataset: folder\nmetrics: [si_sdr_db]\n")
    for name, audio in clips.items():
        write(folder / "originals" / f"{name}.wav", audio, RATE)
    every_card = load_cards([cards])
    settings = Settings(out=folder / "runs", jobs=1, keep_audio=keep_audio)
    systems = [every_card.system(name) for name in SYSTEMS]
    plan = make_plan(
        every_card.task("quick"),
        systems,
        folder / "originals",
        settings,
        skip_unavailable=False,
        embeddings=every_card.embeddings,
    )
    outcomes = reconstruct(plan, settings)
    assert all(outcome.measured == len(clips) for outcome in outcomes)
    return settings.out


def make_page(folder: Path, clips: dict[str, np.ndarray], title: str = "A page") -> tuple[Collection, Page]:
    """Make runs over these clips, and a page of them."""
    collection = gather(make_runs(folder, clips))
    return collection, write_page(collection, folder / "page", title, 30.0, ONE_JOB)


def flac_of(page: Path, id: str) -> np.ndarray:
    """Samples of a page's sound file, which is base64 text in a script."""
    (text,) = re.findall(r'"([A-Za-z0-9+/=]{40,})"', (page / "audio" / f"{id}.js").read_text())
    return soundfile.read(io.BytesIO(base64.b64decode(text)), dtype="int16")[0]
