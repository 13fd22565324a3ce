"""Cards: YAML files for systems (`baselines/`), embeddings (`baselines/embeddings/`) and tasks (`tasks/`).

A card is data. The code that it needs is named by `adapter` (of a system or an embedding) or by `dataset` (of a task):
by a short name for what is in this package, as `package.module:attribute` for anything else. Cards come from this
package, from installed packages that declare the entry-point group `m2l_bench.cards` (its value is a package that holds
YAML files), and from folders named with `--cards`. A card with a `dataset` key is a task, with `probe` too a probing
task; one of `kind: embedding` is an embedding, any other a system.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from m2l_bench.digests import digest
from m2l_bench.errors import UserError
from m2l_bench.former_names import SHORT_NAMES
from m2l_bench.shipped import shipped

NAME = r"^[A-Za-z0-9][A-Za-z0-9._+-]*$"


DESCRIBING = {
    "title",
    "description",
    "citation",
    "source",
    "kind",
    "licence",
    "latents",
    "paper_row",
    "recordings",  # how they are read is in the options of a card of recordings
    "weights",  # a run knows the hash of what was loaded
}
"""Keys that may be worded anew without any run starting anew."""


class _Card(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=NAME)
    title: str
    description: str = ""
    citation: str = ""
    source: str = ""
    path: Path = Field(default=Path(), exclude=True)

    @property
    def digest(self) -> str:
        """SHA-256 of what decides numbers in the card: equal digests mean the same system or task.

        A key that has its default counts as absent, so that a key which cards get later makes no run stale.
        """
        return digest(self.model_dump(mode="json", exclude=DESCRIBING, exclude_defaults=True))


ShortName = Annotated[str, AfterValidator(lambda name: SHORT_NAMES.get(name, name))]
"""A short name, or the path of something foreign; former paths of what has a short name become that name."""
CardType = TypeVar("CardType", bound=_Card)


class Licence(BaseModel):
    """SPDX identifiers, or a short name where there is none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: str = ""
    weights: str = ""


class Recordings(BaseModel):
    """How to read reconstructions of this system that were made elsewhere.

    `sample_rate: reference` takes the samples as the sequence at the original's rate, for files with a wrong label.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    sample_rate: Literal["label", "reference"] = "label"
    source: str = ""
    note: str = ""


class Latents(BaseModel):
    """What a codec takes and what its latents are; `m2l-bench models check` holds the codec against it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sample_rate: int = Field(gt=0, description="Hz")
    channels: Literal[1, 2] = Field(description="of one encoded stream")
    width: int = Field(gt=0, description="numbers a frame")
    samples: int = Field(gt=0, description="samples a frame, of one channel")
    bits: int = Field(default=32, gt=0, description="of each number")

    @property
    def frames_per_second(self) -> float:
        return self.sample_rate / self.samples

    @property
    def kilobits_per_second(self) -> float:
        """Of one encoded stream."""
        return self.frames_per_second * self.width * self.bits / 1000

    @property
    def total_compression(self) -> float:
        """Samples of all channels for each number."""
        return self.channels * self.samples / self.width


class WeightFile(BaseModel):
    """A file of weights and where it comes from: the hub, a web address, or this package itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    repository: str = Field(default="", description="on the Hugging Face hub; needs `filename`")
    filename: str = ""
    revision: str = "main"
    url: str = ""
    shipped: str = Field(default="", description="path inside this package")
    sha256: str = Field(
        default="", pattern="^([0-9a-f]{8,64})?$", description="whole or its first digits; empty: not known"
    )
    megabytes: float = Field(default=0.0, ge=0, description="about; 0: a few kilobytes")

    @model_validator(mode="after")
    def _one_source(self) -> WeightFile:
        if sum(map(bool, (self.repository and self.filename, self.url, self.shipped))) != 1:
            raise ValueError("say either repository and filename, or url, or shipped")
        return self

    @property
    def name(self) -> str:
        """The file's own name."""
        return (self.filename or self.url or self.shipped).rpartition("/")[2]


class AdapterCard(_Card):
    """What a system's card and an embedding's have in common.

    The adapter is called with the `options`, and by name with the path of each file of `weights`.
    """

    adapter: ShortName
    options: dict[str, Any] = {}
    weights: dict[str, WeightFile] = {}
    licence: Licence = Licence()
    paper_row: str = Field(default="", description="its name in the paper's tables")


class SystemCard(AdapterCard):
    """A system under test: which adapter runs it, with which options and weights."""

    kind: Literal["neural", "classical", "anchor"]
    latents: Latents | None = None
    steps: int | None = Field(default=None, ge=1, description="denoising steps by default; empty: has none")
    chunk_seconds: float | None = Field(default=None, gt=0)
    overlap_seconds: float = Field(default=0.0, ge=0)
    batch_size: int = Field(default=16, ge=1)
    recordings: Recordings = Recordings()


class EmbeddingCard(AdapterCard):
    """A network that turns audio into vectors."""

    kind: Literal["embedding"]


class TaskCard(_Card):
    """A dataset and what is measured on it."""

    dataset: ShortName
    options: dict[str, Any] = {}
    metrics: list[str]
    keep_audio: bool = Field(default=True, description="write the reconstructions beside the rows")
    licence: str = ""

    @property
    def data_digest(self) -> str:
        """SHA-256 of the loader's name and its options: a run's key says by it which task's clips it is over."""
        return digest({"dataset": self.dataset, "options": self.options})


class ProbeSettings(BaseModel):
    """The classifier that is trained on features, and how; see docs/probing.md."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hidden: list[int] = Field(default=[256, 128], description="units of the hidden layers")
    l2: float = Field(default=1e-5, ge=0, description="times the squares of all weights and biases, in the loss")
    learning_rate: float = Field(default=1e-3, gt=0)
    epochs: int = Field(default=100, ge=1, description="at most")
    patience: int = Field(default=10, ge=1, description="epochs without a better validation loss")
    batch_size: int = Field(ge=1)
    seeds: int = Field(default=10, ge=1)
    neighbours: int = Field(default=5, ge=1, description="of --probe knn")


class ProbeTaskCard(_Card):
    """A dataset with labels, what is measured of a classifier on features, and the classifier."""

    dataset: ShortName
    options: dict[str, Any] = {}
    metrics: list[str]
    probe: ProbeSettings
    table1: dict[str, str] = Field(default={}, description="metric: its column in the paper's Table 1")
    licence: str = ""


@dataclass
class Cards:
    """All cards in reach, by name."""

    systems: dict[str, SystemCard] = field(default_factory=dict)
    embeddings: dict[str, EmbeddingCard] = field(default_factory=dict)
    tasks: dict[str, TaskCard] = field(default_factory=dict)
    probes: dict[str, ProbeTaskCard] = field(default_factory=dict)

    def system(self, name: str) -> SystemCard:
        return pick(self.systems, name, "system", "m2l-bench models")

    def embedding(self, name: str) -> EmbeddingCard:
        return pick(self.embeddings, name, "embedding", "m2l-bench weights list")

    def task(self, name: str) -> TaskCard:
        if name in self.probes:
            raise UserError(f"'{name}' is a probing task: `m2l-bench probe --task {name}`")
        return pick(self.tasks, name, "task", "m2l-bench tasks")

    def probe_task(self, name: str) -> ProbeTaskCard:
        if name in self.tasks:
            raise UserError(f"'{name}' is a reconstruction task: `m2l-bench reconstruct --task {name}`")
        return pick(self.probes, name, "probing task", "m2l-bench tasks")

    def task_of_any_kind(self, name: str) -> TaskCard | ProbeTaskCard:
        return self.probes[name] if name in self.probes else pick(self.tasks, name, "task", "m2l-bench tasks")


def pick(cards: dict[str, CardType], name: str, what: str, command: str) -> CardType:
    """The card of this name.

    Args:
        what: what cards these are, for the message.
        command: that lists them, for the message.

    Raises:
        UserError: there is none; names the nearest.
    """
    if name not in cards:
        near = difflib.get_close_matches(name, cards, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"`{command}` lists them."
        raise UserError(f"no {what} called '{name}': {hint}")
    return cards[name]


def load_cards(folders: Sequence[Path] = ()) -> Cards:
    """Read every card: the package's own, those of installed packages, then those in `folders`.

    Raises:
        UserError: a folder is missing, a card is invalid, or two cards share a name.
    """
    folders_of_ours = (shipped("baselines"), shipped("baselines") / "embeddings", shipped("tasks"))
    paths = [path for folder in folders_of_ours for path in _yaml_files(folder)]
    for point in entry_points(group="m2l_bench.cards"):
        paths += sorted(Path(str(entry)) for entry in files(point.value).iterdir() if _is_yaml(entry.name))
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"--cards {folder}: no such folder")
        paths += _yaml_files(folder)
    cards = Cards()
    for path in paths:
        card = read_card(path)
        known: dict[str, Any] = cards.systems
        rivals: dict[str, Any] = {}
        if isinstance(card, TaskCard):
            known, rivals = cards.tasks, cards.probes
        elif isinstance(card, ProbeTaskCard):
            known, rivals = cards.probes, cards.tasks
        elif isinstance(card, EmbeddingCard):
            known = cards.embeddings
        taken = known.get(card.name) or rivals.get(card.name)
        if taken:
            raise UserError(f"{path}: the name '{card.name}' is taken by {taken.path}")
        known[card.name] = card
    return cards


def read_card(path: Path) -> SystemCard | EmbeddingCard | TaskCard | ProbeTaskCard:
    """Read and validate one card.

    Raises:
        UserError: naming the file, the key and, for a misspelt key, the nearest right one.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: a card is a mapping of keys to values")
    model: type[SystemCard | EmbeddingCard | TaskCard | ProbeTaskCard] = SystemCard
    if "dataset" in content:
        model = ProbeTaskCard if "probe" in content else TaskCard
    elif content.get("kind") == "embedding":
        model = EmbeddingCard
    try:
        return model.model_validate({**content, "path": path})
    except ValidationError as error:
        raise UserError(f"{path}: " + "; ".join(_explain(model, e) for e in error.errors())) from error


def _explain(model: type[BaseModel], error: Any) -> str:
    *parents, key = error["loc"] or ("",)
    for parent in parents:
        annotation = model.model_fields[parent].annotation if parent in model.model_fields else None
        for kind in (annotation, *get_args(annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                model = kind
    where = ".".join(map(str, error["loc"]))
    if error["type"] == "extra_forbidden":
        known = [name for name in model.model_fields if name != "path"]
        near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.5)
        return f"unknown key '{where}': " + (
            f"did you mean '{near[0]}'?" if near else f"known keys are {', '.join(known)}"
        )
    if error["type"] == "missing":
        return f"key '{where}' is missing"
    return f"key '{where}': {error['msg']}, got {error['input']!r}"


def _is_yaml(name: str) -> bool:
    return name.endswith((".yaml", ".yml"))


def _yaml_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if _is_yaml(path.name))


def import_named(name: str, shipped_paths: Mapping[str, str], path: Path) -> Any:
    """Import what a card names: by a short name, or as `package.module:attribute`.

    Args:
        shipped_paths: paths by short name.
        path: of the card, for the message.

    Raises:
        UserError: no such name, or the module or the attribute is not there; names the card.
    """
    spec = shipped_paths.get(name, name)
    module, colon, attribute = spec.partition(":")
    if not colon:
        near = difflib.get_close_matches(name, shipped_paths, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(shipped_paths)}"
        raise UserError(f"{path}: no '{name}': {hint}, or give a path like package.module:Class")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(f"{path}: cannot import '{spec}' ({error})") from error
