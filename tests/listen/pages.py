"""Small pages made by the real pipeline: originals on disk, runs by `reconstruct`, a page by `listen`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from conftest import write

from m2l_bench.cards import load_cards
from m2l_bench.listen.gather import Collection, gather
from m2l_bench.listen.writer import Page, write_page
from m2l_bench.reconstruction.pipeline import reconstruct
from m2l_bench.reconstruction.plan import Settings, make_plan

RATE = 44_100
SCRIPT = "<script>alert(1)</script>"
"""Also the name of a file in a folder: `<script>alert(1)<` / `script>.wav`."""
SYSTEMS = ("lowpass-3.5k", "lowpass-7k", "reference")


def noise(seconds: float, seed: int = 0, channels: int = 1) -> np.ndarray:
    """Of which every instant is unlike every other."""
    return (0.1 * np.random.default_rng(seed).standard_normal((channels, round(seconds * RATE)))).astype(np.float32)


def make_runs(folder: Path, clips: dict[str, np.ndarray], keep_audio: bool = True) -> Path:
    """Runs of two low-passes and the hidden reference, SI-SDR alone; returns the folder of the runs."""
    cards = folder / "cards"
    cards.mkdir(parents=True)
    (cards / "quick.yaml").write_text("name: quick\ntitle: Quick\ndataset: folder\nmetrics: [si_sdr_db]\n")
    for name, audio in clips.items():
        write(folder / "originals" / f"{name}.wav", audio, RATE)
    found = load_cards([cards])
    settings = Settings(out=folder / "runs", jobs=1, keep_audio=keep_audio)
    systems = [found.system(name) for name in SYSTEMS]
    plan = make_plan(
        found.task("quick"),
        systems,
        folder / "originals",
        settings,
        skip_unavailable=False,
        embeddings=found.embeddings,
    )
    outcomes = reconstruct(plan, settings)
    assert all(outcome.measured == len(clips) for outcome in outcomes)
    return settings.out


def make_page(folder: Path, clips: dict[str, np.ndarray], title: str = "A page") -> tuple[Collection, Page]:
    collection = gather(make_runs(folder, clips))
    return collection, write_page(collection, folder / "page", title, 30.0, jobs=1)
