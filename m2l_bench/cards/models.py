"""What cards say: the keys of each kind, their types and defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from m2l_bench.cards.former_names import SHORT_NAMES
from m2l_bench.digests import digest

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


class Card(BaseModel):
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


class AdapterCard(Card):
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


class TaskCard(Card):
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


class ProbeTaskCard(Card):
    """A dataset with labels, what is measured of a classifier on features, and the classifier."""

    dataset: ShortName
    options: dict[str, Any] = {}
    metrics: list[str]
    probe: ProbeSettings
    table1: dict[str, str] = Field(default={}, description="metric: its column in the paper's Table 1")
    licence: str = ""
