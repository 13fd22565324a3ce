"""Runs on disk, written as the pipelines write them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from m2l_bench.cards import load_cards
from m2l_bench.runs.reconstruction import RunKey, open_run

MakeRun = Callable[..., Path]
MakeProbe = Callable[..., Path]


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """A run of ten-second clips below `runs`: scores by metric and clip, what a second cost, further rows' columns."""

    def make(
        system: str,
        scores: dict[str, dict[str, float]],
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
        versions = dict.fromkeys(scores, "1")
        task_digest = load_cards().tasks["folder"].data_digest
        key = RunKey(dataset, root, task_digest, system, "c", steps, default_steps, seed, versions)
        content = {"title": system.capitalize(), "paper_row": "", "steps": default_steps, "kind": "neural"}
        content |= {"options": {}, **(card or {})}
        with open_run(tmp_path / "runs", key, content, lambda _: True) as run:
            run.add_session({"started": "2026-01-01", "not_measured": {"fad": "no weights: get them"}})
            for id in sorted(set().union(*scores.values())):
                row = {"id": id, "status": "measured", "reason": None, "source_sha256": id, "channels": 1}
                row |= {"sample_rate": 8_000, "reference_samples": 80_000}
                row |= {name: 10 * each for name, each in (cost or {}).items()}
                row |= {name: values.get(id) for name, values in scores.items()}
                run.append(row | (rows or {}).get(id, {}))
        return run.folder

    return make


@pytest.fixture
def make_probe(tmp_path: Path) -> MakeProbe:
    """A finished probe with this confusion matrix; None: of tags."""

    def make(model: str, confusion: list[list[float]] | None, classes: str = "abc") -> Path:
        folder = tmp_path / "runs" / "probe-toy" / model
        folder.mkdir(parents=True)
        manifest = {
            "schema_version": 1,
            "key": {"task": "toy", "model": model, "classifier": "mlp", "fraction": 1},
            "card": {"title": model.capitalize()},
            "task": {"title": "Toy task"},
            "made": {"started": "2026-01-01"},
        }
        results = {"classes": list(classes), "confusion": confusion}
        (folder / "probe.json").write_text(json.dumps(manifest))
        (folder / "results.json").write_text(json.dumps(results))
        return folder

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
