"""Keys of each kind of card, with their types and defaults."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

from m2l_bench.cards.former_names import SHORT_NAMES
from m2l_bench.digests import digest

NAME = r"^[A-Za-z0-9][A-Za-z0-9._+-]*$"
"""Pattern of a card's name."""

DESCRIBING = {
    "title",
    "description",
    "citation",
    "source",
    "kind",
    "licence",
    "latents",
    "paper_row",
    "by_name_only",
    "recordings",  # the options of a card of recordings state how they are read
    "weights",  # a run records the hash of each weight file that was loaded
    "gpu_batch_size",  # neither noise nor, beyond rounding, numbers depend on the other clips of a batch
}
"""Keys that only describe: changing them makes no run stale."""


class Card(BaseModel):
    """What every kind of card has."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=NAME)
    title: str
    description: str = ""
    citation: str = ""
    source: str = ""
    path: Path = Field(default=Path(), exclude=True)

    @property
    def digest(self) -> str:
        """SHA-256 of everything in the card that decides numbers: equal digests mean the same system or task.

        A key that has its default value counts as absent, so a key that is introduced later makes no run stale.
        """
        return digest(self.model_dump(mode="json", exclude=DESCRIBING, exclude_defaults=True))


ShortName = Annotated[str, AfterValidator(lambda name: SHORT_NAMES.get(name, name))]
"""A short name, or the path of code outside this package. Former paths are replaced by their short names."""


class Licence(BaseModel):
    """Licences of code and weights: SPDX identifiers, or a short name where there is none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: str = ""
    weights: str = ""


class Recordings(BaseModel):
    """How to read reconstructions of this system that were not made by this package.

    `sample_rate: reference` takes the samples as being at the original's rate, for files that state a wrong rate.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    sample_rate: Literal["label", "reference"] = "label"
    source: str = ""
    note: str = ""


class Latents(BaseModel):
    """What a codec takes and what its latents are; `m2l-bench models check` compares the codec with it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sample_rate: int = Field(gt=0, description="Hz")
    channels: Literal[1, 2] = Field(description="channels of one encoded stream")
    width: int = Field(gt=0, description="numbers per frame")
    samples: int = Field(gt=0, description="samples of one channel per frame")
    bits: PositiveInt | PositiveFloat = Field(default=32, description="bits of each number")

    @property
    def frames_per_second(self) -> float:
        """Frames of latents per second of audio."""
        return self.sample_rate / self.samples

    @property
    def kilobits_per_second(self) -> float:
        """Bitrate of one encoded stream."""
        return self.frames_per_second * self.width * self.bits / 1000

    @property
    def total_compression(self) -> float:
        """Samples of all channels divided by the numbers in the latents."""
        return self.channels * self.samples / self.width


def _relative_path(path: str) -> str:
    """Check that a path stays below the folder that it is joined to."""
    if PurePosixPath(path).is_absolute() or ".." in path.split("/") or "\\" in path or ":" in path:
        raise ValueError("expected a relative path that does not leave its folder")
    return path


def _web_address(url: str) -> str:
    """Check that an address is one of the web, and ends in the name of a file."""
    if url and (urlsplit(url).scheme not in ("http", "https") or url.rpartition("/")[2] in ("", ".", "..")):
        raise ValueError("expected an address of a file that begins with https:// or http://")
    return url


RelativePath = Annotated[str, AfterValidator(_relative_path)]
WebAddress = Annotated[str, AfterValidator(_web_address)]


class WeightFile(BaseModel):
    """A weight file and where it comes from: the hub, a web address, or this package itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    repository: RelativePath = Field(default="", description="repository on the Hugging Face hub; needs `filename`")
    filename: RelativePath = ""
    revision: RelativePath = "main"
    url: WebAddress = ""
    shipped: RelativePath = Field(default="", description="path inside this package")
    sha256: str = Field(
        default="", pattern="^([0-9a-f]{8,64})?$", description="the whole SHA-256 or its first digits; empty: not known"
    )
    megabytes: float = Field(default=0.0, ge=0, description="approximate size; 0: a few kilobytes")

    @model_validator(mode="after")
    def _one_source(self) -> WeightFile:
        if sum(map(bool, (self.repository and self.filename, self.url, self.shipped))) != 1:
            raise ValueError("give either repository and filename, or url, or shipped")
        return self

    @property
    def name(self) -> str:
        """Name of the file without its folder."""
        return (self.filename or self.url or self.shipped).rpartition("/")[2]


class AdapterCard(Card):
    """What the cards of systems and embeddings have in common.

    The adapter is created with the `options` and, as keyword arguments, the path of each file in `weights`.
    """

    adapter: ShortName
    options: dict[str, Any] = {}
    weights: dict[str, WeightFile] = {}
    licence: Licence = Licence()
    paper_row: str = Field(default="", description="name in the paper's tables")


class SystemCard(AdapterCard):
    """A system under test: which adapter runs it, with which options and weights."""

    kind: Literal["neural", "classical", "anchor"]
    latents: Latents | None = None
    steps: int | None = Field(default=None, ge=1, description="default number of denoising steps; empty: has none")
    chunk_seconds: float | None = Field(default=None, gt=0)
    overlap_seconds: float = Field(default=0.0, ge=0)
    batch_size: int = Field(default=16, ge=1, description="streams and chunks of one clip that are encoded at once")
    gpu_batch_size: int = Field(default=16, ge=1, description="those of all clips that are encoded at once on a GPU")
    recordings: Recordings = Recordings()
    by_name_only: bool = Field(default=False, description="`--models all` leaves it out")


class EmbeddingCard(AdapterCard):
    """A network that turns audio into vectors."""

    kind: Literal["embedding"]
    variant_of: str = Field(
        default="",
        description="card with the same network and other windows, channels or layers, which probes use instead",
    )


class TaskCard(Card):
    """A dataset and what is measured on it."""

    dataset: ShortName
    options: dict[str, Any] = {}
    metrics: list[str]
    keep_audio: bool = Field(default=True, description="write the reconstructions beside the rows")
    licence: str = ""

    @property
    def data_digest(self) -> str:
        """SHA-256 of the loader's name and its options, which a run's key holds to identify the clips."""
        return digest({"dataset": self.dataset, "options": self.options})


class ProbeSettings(BaseModel):
    """Settings of the classifier that is trained on features; see docs/probing.md."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hidden: list[int] = Field(default=[256, 128], description="units of each hidden layer")
    l2: float = Field(default=1e-5, ge=0, description="factor of the sum of squared weights and biases in the loss")
    learning_rate: float = Field(default=1e-3, gt=0)
    epochs: int = Field(default=100, ge=1, description="maximum number of epochs")
    patience: int = Field(default=10, ge=1, description="epochs without a better validation loss before training stops")
    batch_size: int = Field(ge=1)
    seeds: int = Field(default=10, ge=1, description="number of classifiers, each with its own seed")
    neighbours: int = Field(default=5, ge=1, description="neighbours that --probe knn uses")


class ProbeTaskCard(Card):
    """A dataset with labels, the classifier to train on features, and the metrics to measure on it."""

    dataset: ShortName
    options: dict[str, Any] = {}
    metrics: list[str]
    probe: ProbeSettings
    table1: dict[str, str] = Field(default={}, description="column in the paper's Table 1 for each metric")
    licence: str = ""
