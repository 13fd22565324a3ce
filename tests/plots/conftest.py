"""Runs on disk, written as the pipelines write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.runs import (
    STARTED,
    MakeProbe,
    MakeRun,
    measured_row,
    probe_key,
    probe_results,
    run_key,
    system_card,
    write_probe,
    write_run,
)

from m2l_bench.cards import load_cards
from m2l_bench.runs.schema import Session


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Write a run of ten-second clips below `runs`: scores by metric and clip, what a second cost, fields of rows."""

    def make(
        system: str,
        scores: dict[str, dict[str, float | None]],
        *,
        card: dict[str, Any] | None = None,
        steps: int | None = None,
        seed: int = 0,
        cost: dict[str, float] | None = None,
        dataset: str = "data",
        root: str = "",
        rows: dict[str, dict[str, Any]] | None = None,
    ) -> Path:
        default_steps = None if steps is None else 1
        key = run_key(
            system,
            dataset=dataset,
            root=root,
            task_digest=load_cards().tasks["folder"].data_digest,
            steps=steps,
            default_steps=default_steps,
            seed=seed,
            metric_versions=dict.fromkeys(scores, "1"),
        )
        clips = []
        for id in sorted(set().union(*scores.values())):
            values = {name: by_clip.get(id) for name, by_clip in scores.items()}
            clips.append(measured_row(id, values, 10, 8_000, cost, **(rows or {}).get(id, {})))
        written_card = system_card(system, **{"title": system.capitalize(), "steps": default_steps, **(card or {})})
        session = Session(started=STARTED, not_measured={"fad": "no weights: get them"})
        return write_run(tmp_path / "runs", key, clips, written_card, session)

    return make


@pytest.fixture
def make_probe(tmp_path: Path) -> MakeProbe:
    """Write a finished probe with this confusion matrix; None: of tags."""

    def make(model: str, confusion: list[list[float]] | None, classes: str = "abc") -> Path:
        results = probe_results(classes=list(classes), confusion=confusion)
        return write_probe(tmp_path / "runs", probe_key(model), results)

    return make


@pytest.fixture
def scores() -> dict[str, dict[str, float]]:
    """Ten clips with both metrics of pairs."""
    drawn = np.random.default_rng(0)
    ids = [f"clip{i}" for i in range(10)]
    return {
        "si_sdr_db": dict(zip(ids, drawn.normal(5, 3, 10).tolist(), strict=True)),
        "visqol": dict(zip(ids, drawn.uniform(2, 4, 10).tolist(), strict=True)),
    }
