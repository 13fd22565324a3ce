"""Runs and probes on disk, written as the pipelines write them, from a few values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m2l_bench.cards import AdapterCard, ProbeSettings, ProbeTaskCard, SystemCard
from m2l_bench.runs.probe import folder_name, open_probe
from m2l_bench.runs.reconstruction import RunKey, open_run
from m2l_bench.runs.schema import (
    Manifest,
    Origin,
    ProbeItem,
    ProbeItems,
    ProbeKey,
    ProbeResults,
    Row,
    Session,
    StoredSystemCard,
)

STARTED = "2026-01-01"
MakeRun = Callable[..., Path]
"""Type of the fixture `make_run` of figures."""
MakeProbe = Callable[..., Path]
"""Type of the fixture `make_probe` of figures."""


def run_key(system: str = "mine", **changes: Any) -> RunKey:
    """Key of a run over the dataset `data` with SI-SDR; `changes` are other fields of it."""
    fields = {"dataset": "data", "root": "", "task_digest": "t", "card_digest": "c", "steps": None}
    return RunKey(
        **{
            **fields,
            "system": system,
            "default_steps": None,
            "seed": 0,
            "metric_versions": {"si_sdr_db": "1"},
            **changes,
        }
    )


def system_card(name: str = "mine", **content: Any) -> SystemCard:
    """Card of a neural system; `content` are other keys of it."""
    return SystemCard.model_validate({"name": name, "title": name, "kind": "neural", "adapter": "lab:Codec", **content})


def measured_row(
    id: str,
    values: Mapping[str, float | None],
    seconds: float = 1.0,
    sample_rate: int = 44_100,
    cost: Mapping[str, float] | None = None,
    **fields: Any,
) -> Row:
    """Row of a clip with these metrics.

    Args:
        cost: what a second of it cost, by field.
        fields: other fields of the row.
    """
    costs = {name: seconds * value for name, value in (cost or {}).items()}
    clip = {"channels": 1, "reference_samples": round(seconds * sample_rate), "source_sha256": f"sha-{id}"}
    return Row(id=id, sample_rate=sample_rate, values=dict(values), **{**clip, **costs, **fields})


def write_run(
    out: Path, key: RunKey, rows: Iterable[Row], card: SystemCard | None = None, session: Session | None = None
) -> Path:
    """Write a run of one finished or, where `session` says so, unfinished session below `out`; returns its folder."""
    with open_run(out, key, card or system_card(), lambda _: True) as run:
        run.add_session(session or Session(started=STARTED))
        for row in rows:
            run.append(row)
    return run.folder


def stored_manifest(key: RunKey, card: SystemCard) -> Manifest:
    """Manifest of a run with this key, as `open_run` would write it."""
    stored = StoredSystemCard.model_validate(card.model_dump())
    return Manifest(key=key.stored, card=stored, metric_versions=key.metric_versions)


def probe_key(model: str, **changes: Any) -> ProbeKey:
    """Key of a probe of the task `toy`; `changes` are other fields of it."""
    fields = {"task": "toy", "task_digest": "t", "model": model, "model_identity": "", "classifier": "mlp", "seeds": 2}
    data = {"settings": ProbeSettings(batch_size=16), "fraction": 1, "dataset": "d", "clips": "", "versions": {}}
    return ProbeKey.model_validate({**fields, **data, **changes})


def probe_results(**content: Any) -> ProbeResults:
    """Results of a probe without metrics; `content` are other fields of it."""
    nothing: dict[str, Any] = {"metrics": {}, "failed": {}, "notes": [], "confusion": None, "histories": []}
    sizes = {"resamples": 1000, "resampling_seed": 0, "dim": 1}
    clips = {"train": 60, "validation": 30, "test": 30}
    return ProbeResults.model_validate({**nothing, **sizes, "clips": clips, **content})


def write_probe(
    out: Path,
    key: ProbeKey,
    results: ProbeResults,
    labels: Iterable[str] = (),
    scores: NDArray[np.float32] | None = None,
    made: Origin | None = None,
) -> Path:
    """Write a finished probe of the task `toy` below `out`; returns its folder.

    Args:
        labels: of the test clips, in the order of the scores.
        scores: (seeds, test clips, classes).
    """
    task = ProbeTaskCard(
        name="toy", title="Toy task", dataset="tinysol", metrics=["micro_f1"], probe=ProbeSettings(batch_size=16)
    )
    card = AdapterCard(name=key.model, title=key.model.capitalize(), adapter="lab:Net")
    items = [ProbeItem(id=f"clip{number}", labels=[label]) for number, label in enumerate(labels)]
    with open_probe(out, key, folder_name(key, key.seeds), task, card, made or Origin(started=STARTED)) as run:
        run.write(
            ProbeItems(classes=results.classes, multilabel=False, items=items),
            np.zeros((key.seeds, len(items), len(results.classes)), np.float32) if scores is None else scores,
            results,
        )
    return run.folder
