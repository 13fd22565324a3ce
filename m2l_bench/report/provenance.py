"""Provenance of numbers, from manifests: clips, weights, settings, versions of metrics and packages, machines.

Host names and paths of data are left out, because reports are shared with others.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from m2l_bench.cards import AdapterCard, SystemCard, WeightFile
from m2l_bench.metrics import metric
from m2l_bench.runs.measured import MeasuredRun
from m2l_bench.runs.probe import ProbeRun
from m2l_bench.runs.schema import Origin, Row, StoredTaskCard
from m2l_bench.text import counted

NOT_RECORDED = "not recorded"


@dataclass(frozen=True)
class WeightsFact:
    """A file of weights: its source, and its SHA-256."""

    source: str
    sha256: str


@dataclass(frozen=True)
class SystemFact:
    """A system as it was measured."""

    title: str
    name: str
    settings: str
    clips: str
    weights: list[WeightsFact]
    licences: str
    source: str
    citation: str
    started: str
    finished: str


@dataclass(frozen=True)
class MetricFact:
    """A metric and the version that was measured."""

    title: str
    name: str
    version: str
    citation: str


@dataclass
class Provenance:
    """Provenance of the runs over one dataset."""

    data: dict[str, str]
    systems: list[SystemFact]
    metrics: list[MetricFact] = field(default_factory=list)
    machines: list[dict[str, str]] = field(default_factory=list)
    """One entry for each different combination of machine and packages."""


def reconstruction_provenance(dataset: str, runs: Sequence[MeasuredRun]) -> Provenance:
    """Collect the provenance of reconstructions over one dataset."""
    measured: dict[str, Row] = {row.id: row for run in runs for row in run.measured}
    sessions = [session for run in runs for session in run.manifest.sessions]
    listed = max((session.clips for session in sessions), default=0)
    coverage = f"{len(measured)} measured on at least one system" + (f", of {listed} in the dataset" if listed else "")
    data = {"Dataset": dataset, "Clips": coverage}
    formats = Counter(_audio_format(row) for row in measured.values() if row.sample_rate)
    if formats:
        data["Audio"] = "; ".join(f"{count} of {kind}" for kind, count in formats.most_common())
        seconds = sum((row.reference_samples or 0) / (row.sample_rate or 1) for row in measured.values())
        data["Length"] = f"{seconds / 60:.1f} minutes"
    data["Fingerprint"] = fingerprint(measured.values())
    versions = {name: version for run in runs for name, version in run.manifest.metric_versions.items()}
    return Provenance(data, [_system_fact(run) for run in runs], _metric_facts(versions), _machines(sessions))


def probe_provenance(task: StoredTaskCard, runs: Sequence[ProbeRun]) -> Provenance:
    """Collect the provenance of the probes of one task; the newest run is the first."""
    newest = runs[0]
    counts = newest.results.clips
    data = {
        "Task": task.title,
        "Clips": ", ".join(f"{count} {split}" for split, count in counts.items()),
        "Classifier": "; ".join(f"{name.replace('_', ' ')} {value}" for name, value in newest.key.settings),
        "Fingerprint": newest.key.dataset,
    }
    return Provenance(data, [_model_fact(run) for run in runs], [], _machines([run.manifest.made for run in runs]))


def fingerprint(rows: Iterable[Row]) -> str:
    """SHA-256 of the clips' ids and file hashes: equal for two reports where the same audio was measured."""
    clips = sorted([row.id, row.source_sha256] for row in rows)
    return hashlib.sha256(json.dumps(clips).encode()).hexdigest()


def _audio_format(row: Row) -> str:
    """Describe the original's sample rate and channels, such as "44.1 kHz stereo"."""
    channels = {1: "mono", 2: "stereo"}.get(row.channels or 0, f"{row.channels} channels")
    return f"{(row.sample_rate or 0) / 1000:g} kHz {channels}"


def _system_fact(run: MeasuredRun) -> SystemFact:
    key, sessions = run.manifest.key, run.manifest.sessions
    counts = Counter(row.status for row in run.rows)
    settings = [f"seed {key.seed}"] + ([counted(key.steps, "step")] if key.steps else [])
    if _is_recorded(run.manifest.card):
        settings = ["reconstructions made elsewhere"]
    return _fact(
        run.title,
        run.name,
        run.manifest.card,
        settings=", ".join(settings),
        clips=", ".join(f"{count} {status}" for status, count in counts.items()) or "none",
        sha256=key.weights_sha256,
        started=_time(min(session.started for session in sessions)) if sessions else NOT_RECORDED,
        finished=_time(sessions[-1].finished) if sessions else NOT_RECORDED,
    )


def _model_fact(run: ProbeRun) -> SystemFact:
    key = run.key
    return _fact(
        run.manifest.card.title,
        run.folder.name,
        run.manifest.card,
        settings=f"{key.classifier}, seeds 0 to {key.seeds - 1}",
        clips=f"{run.results.clips['test']} test",
        sha256="",
        started=_time(run.manifest.made.started),
        finished="",
    )


def _fact(title: str, name: str, card: AdapterCard, *, sha256: str, **fields: str) -> SystemFact:
    """Make a fact from a card and the fields that only the run knows.

    Args:
        sha256: SHA-256 of the weights that were really used, if they are one file; otherwise empty.
        fields: the other fields of `SystemFact`.
    """
    weights = [
        WeightsFact(_weights_source(file), file.sha256 or "not known when it was measured")
        for file in card.weights.values()
    ]
    if sha256:
        weights = [WeightsFact(weights[0].source if len(weights) == 1 else "", sha256)]
    parts = {"code": card.licence.code, "weights": card.licence.weights}
    recorded = card.recordings.source if isinstance(card, SystemCard) and _is_recorded(card) else ""
    return SystemFact(
        title=title,
        name=name,
        weights=weights,
        licences=", ".join(f"{part} {licence}" for part, licence in parts.items() if licence),
        source=recorded or card.source,
        citation=card.citation,
        **fields,
    )


def _is_recorded(card: AdapterCard) -> bool:
    return card.adapter == "recorded"


def _weights_source(file: WeightFile) -> str:
    if file.repository:
        return f"{file.repository}/{file.filename} at {file.revision}"
    return file.url or f"in this package: {file.shipped}"


def _metric_facts(versions: Mapping[str, str]) -> list[MetricFact]:
    facts = []
    for name, version in sorted(versions.items()):
        definition = metric(name)
        facts.append(MetricFact(definition.title, name, version, definition.citation))
    return facts


def _machines(origins: Sequence[Origin]) -> list[dict[str, str]]:
    """List each machine with its packages once, with the number of sessions on it."""
    counts: Counter[tuple[tuple[str, str], ...]] = Counter()
    for origin in origins:
        packages = ", ".join(f"{name} {version}" for name, version in origin.packages.items())
        cores = counted(origin.cores, "core") if origin.cores else "? cores"
        counts[
            ("Processor", origin.processor or NOT_RECORDED),
            ("Device", f"{origin.device or NOT_RECORDED}, {cores}"),
            ("System", origin.platform or NOT_RECORDED),
            ("Python", origin.python or NOT_RECORDED),
            ("Packages", packages or NOT_RECORDED),
        ] += 1
    return [{**dict(machine), "Sessions": str(count)} for machine, count in counts.items()]


def _time(stamp: str) -> str:
    """Format an ISO time as "2026-11-25 00:03 UTC"."""
    return f"{stamp[:10]} {stamp[11:16]} UTC" if stamp else NOT_RECORDED
