"""Types of the files in a run. `docs/schemas/` has them as JSON Schema, for programs that read runs.

    RUNS/<dataset>/<system>/     manifest.json: Manifest    clips.parquet, rows.jsonl: Row
                                 distances.json: {reference: {metric: StoredDistance}}
    RUNS/probe-<task>/<model>/   probe.json: ProbeManifest  items.json: ProbeItems  results.json: ProbeResults

`SCHEMA_VERSION` is raised when an earlier program could not read what this one writes; `migration.py` migrates earlier
files.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from m2l_bench.cards import AdapterCard, ProbeSettings, ProbeTaskCard, SystemCard
from m2l_bench.errors import UserError
from m2l_bench.metrics.frechet import too_few

SCHEMA_VERSION: Literal[2] = 2


class _Stored(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StoredSystemCard(SystemCard):
    """A system's card as it was when the run was made; keys that cards no longer have are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class StoredModelCard(AdapterCard):
    """Card of a probed model, an embedding or a system."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class StoredTaskCard(ProbeTaskCard):
    """Card of a probing task."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Origin(_Stored):
    """When, where and with which packages a command worked."""

    started: str
    number: int = Field(default=0, description="place among the commands over the same dataset or task; 0: not counted")
    device: str = ""
    host: str = ""
    platform: str = ""
    python: str = ""
    cores: int | None = None
    processor: str = ""
    packages: dict[str, str] = {}


class Session(Origin):
    """A command that worked on a run of reconstructions."""

    clips: int = 0
    not_measured: dict[str, str] = Field(default={}, description="metrics of the task that were not measured, and why")
    jobs: int | None = None
    engine: str = Field(default="local", description="where the work happened: `local` or `ray`")
    shard: str = Field(default="", description="part of the clips that it did, as `2/8`; empty if it did all")
    finished: str = Field(default="", description="time of the end; empty if the command was interrupted")


class Key(_Stored):
    """Everything that decides a run's numbers, except the versions of its metrics."""

    dataset: str
    root: str
    task_digest: str
    system: str
    card_digest: str
    steps: int | None
    seed: int
    weights_sha256: str = ""
    versions: dict[str, str] = Field(default={}, description="versions of the adapter, the codec runner and the loader")
    section_seconds: float | None = Field(default=None, description="length of the sections of longer clips")


class Manifest(_Stored):
    """Record of a run of reconstructions: key, card, metric versions and sessions."""

    schema_version: Literal[2] = SCHEMA_VERSION
    key: Key
    card: StoredSystemCard
    metric_versions: dict[str, str]
    sessions: list[Session] = []


class Row(BaseModel):
    """One clip of a run. On disk its metrics, notes and vector counts are columns of their own; see `to_columns`."""

    model_config = ConfigDict(extra="forbid")

    id: str
    status: Literal["measured", "failed", "missing"] = "measured"
    reason: str | None = Field(default=None, description="why the clip was not measured")
    sample_rate: int | None = Field(default=None, description="sample rate of the original, Hz")
    channels: int | None = None
    clipped_samples: int | None = Field(default=None, description="samples of the original beyond full scale")
    source_sha256: str | None = None
    recording_sha256: str | None = None
    source_stat: str | None = Field(default=None, description="sizes and times of the audio files when they were read")
    encode_seconds: float | None = None
    decode_seconds: float | None = None
    latent_values: int | None = None
    latent_bytes: int | None = None
    peak_memory_mb: float | None = None
    missing_samples: int | None = Field(default=None, description="what an accepted truncated original lacks")
    absent: bool | None = Field(default=None, description="whether the clip is no longer in the dataset")
    audio: str | None = Field(default=None, description="path of the reconstruction, relative to the run's folder")
    reference_samples: int | None = None
    reconstruction_samples: int | None = None
    reconstruction_channels: int | None = None
    values: dict[str, float | None] = {}
    """Paired metrics by name; None where there is no value."""
    frames: dict[str, int | None] = {}
    """Number of vectors of the reconstruction, by set metric; columns `<metric>_frames`."""
    notes: dict[str, str | None] = {}
    """Reasons why columns are empty; columns `<column>_note`."""

    @property
    def measured(self) -> bool:
        """Whether it counts: it was measured, and its clip is still in the dataset."""
        return self.status == "measured" and not self.absent

    @classmethod
    def from_columns(cls, columns: dict[str, Any]) -> Row:
        """Make a row from the columns of a table or of a JSON line.

        Raises:
            ValidationError: a column has a value of another type, or the id is missing.
        """
        return cls.model_validate(cls.sort_columns(columns))

    @staticmethod
    def sort_columns(columns: dict[str, Any]) -> dict[str, Any]:
        """Sort columns into fields."""
        fields: dict[str, Any] = {"values": {}, "frames": {}, "notes": {}}
        for column, value in columns.items():
            group, name = _field_of(column)
            if group:
                fields[group][name] = value
            else:
                fields[name] = value
        return fields

    def to_columns(self) -> dict[str, Any]:
        """Convert the row to columns, including fixed columns that are None."""
        return {
            **{name: getattr(self, name) for name in _FIXED},
            **{f"{name}_frames": count for name, count in self.frames.items()},
            **self.values,
            **{f"{name}_note": note for name, note in self.notes.items()},
        }

    def value(self, metric: str) -> float | None:
        """Value of a paired metric; None where it has none."""
        return self.values.get(metric)

    def note(self, column: str) -> str | None:
        """Reason why a column is empty; None where nothing was noted."""
        return self.notes.get(column)


_FIXED = tuple(name for name in Row.model_fields if name not in ("values", "frames", "notes"))


@functools.cache
def _field_of(column: str) -> tuple[str, str]:
    """Find a column's place in a row: the dictionary field that holds it (empty for a fixed column), and its key."""
    if column in _FIXED:
        return "", column
    for suffix, group in (("_note", "notes"), ("_frames", "frames")):
        if column.endswith(suffix):
            return group, column.removesuffix(suffix)
    return "values", column


class StoredDistance(_Stored):
    """A metric of a whole set, and the vectors that it was measured on."""

    digest: str = Field(description="digest of the embedding, the reference and the clips")
    reference_digest: str
    value: float | None
    low: float | None = None
    high: float | None = None
    resampled: list[float] | None = Field(default=None, description="distances of resamples of the clips")
    infinity: float | None = Field(default=None, description="distance extrapolated to infinitely many clips")
    kernel: float | None = Field(default=None, description="kernel audio distance")
    kernel_low: float | None = None
    kernel_high: float | None = None
    kernel_resampled: list[float] | None = Field(
        default=None, description="kernel distances of the same resamples of the clips"
    )
    precision: float | None = Field(default=None, description="of the vectors; Kynkäänniemi et al. 2019")
    recall: float | None = Field(default=None, description="of the vectors; Kynkäänniemi et al. 2019")
    density: float | None = Field(default=None, description="of the vectors; Naeem et al. 2020")
    coverage: float | None = Field(default=None, description="of the vectors; Naeem et al. 2020")
    dim: int | None = None
    clips: int
    frames: int | None = None
    reference_clips: int | None = None
    reference_frames: int | None = None
    paired: bool = False
    notes: list[str] = []

    @property
    def has_few_vectors(self) -> bool:
        """Whether one of the sets has too few vectors to know its covariance."""
        return too_few(self.frames, self.dim) or too_few(self.reference_frames, self.dim)


class ProbeKey(_Stored):
    """Everything that decides a probe's numbers."""

    task: str
    task_digest: str
    model: str
    model_identity: str
    classifier: Literal["mlp", "linear", "knn"]
    settings: ProbeSettings
    seeds: int
    fraction: float = Field(description="fraction of the training clips")
    dataset: str = Field(description="digest of all listed clips: contents, labels and splits")
    clips: str = Field(description="digest of the ids that have features")
    versions: dict[str, str] = Field(description="versions of the probe, the loader, and packages that decide numbers")


class ProbeManifest(_Stored):
    """Record of a probe: key, cards, and when and where it was made."""

    schema_version: Literal[2] = SCHEMA_VERSION
    key: ProbeKey
    task: StoredTaskCard
    card: StoredModelCard
    made: Origin


class ProbeItem(_Stored):
    """A test clip with its labels."""

    id: str
    labels: list[str]


class ProbeItems(_Stored):
    """The test clips, in the order of the scores."""

    classes: list[str]
    multilabel: bool
    items: list[ProbeItem]


class MetricResult(_Stored):
    """A metric of a probe, from 0 to 1."""

    mean: float = Field(description="mean over seeds")
    std: float | None = Field(description="standard deviation over seeds; None for one seed")
    seeds: list[float]
    low: float
    high: float
    resampled: list[float | None] = Field(description="mean over seeds on each resample of the test clips")


class SeedHistory(_Stored):
    """Training curves of one seed, by epoch."""

    epochs: int
    loss: list[float | None]
    validation_loss: list[float | None]
    validation_score: list[float | None]
    best_epoch: int


class ProbeResults(_Stored):
    """Every figure of a probe."""

    metrics: dict[str, MetricResult]
    resamples: int
    resampling_seed: int
    clips: dict[str, int] = Field(description="number of clips by split")
    dim: int
    failed: dict[str, str] = Field(description="clips without features, and why")
    notes: list[str]
    classes: list[str]
    confusion: list[list[float]] | None
    histories: list[SeedHistory]


Stored = TypeVar("Stored")
DISTANCES = TypeAdapter(dict[str, dict[str, StoredDistance]])
"""The content of `distances.json`, by reference and metric."""


def read_stored(path: Path, validate: Callable[[Any], Stored], content: object, advice: str) -> Stored:
    """Validate the content of a file.

    Args:
        validate: a type's validation method, such as `Manifest.model_validate`.
        advice: what the user can do when the content is not of this type.

    Raises:
        UserError: the content is not of this type; the message names the file, the key, and what is wrong.
    """
    try:
        return validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = "'" + ".".join(map(str, first["loc"])) + "': " if first["loc"] else ""
        raise UserError(f"{path}: {key}{first['msg']}; {advice}") from error


def json_schemas() -> dict[str, dict[str, Any]]:
    """Make the JSON Schemas, by the name of the file that each describes."""
    kinds: dict[str, type[BaseModel]] = {
        "manifest": Manifest,
        "probe": ProbeManifest,
        "items": ProbeItems,
        "results": ProbeResults,
    }
    schemas = {name: kind.model_json_schema() for name, kind in kinds.items()}
    schemas["distances"] = DISTANCES.json_schema()
    row = Row.model_json_schema()
    row["properties"] = {name: row["properties"][name] for name in _FIXED}
    row["patternProperties"] = {"_note$": {"type": ["string", "null"]}, "_frames$": {"type": ["integer", "null"]}}
    row["additionalProperties"] = {"type": ["number", "null"], "description": "a paired metric"}
    schemas["row"] = row
    return schemas
