"""`collection.json`: which codec made the latents of a folder, and in which format they are."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from m2l_bench.errors import UserError
from m2l_bench.runs.files import explain_write_errors, write_atomically

NAME = "collection.json"


class Collection(BaseModel):
    """What all entries of a collection have in common."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    """Version of the files' layout."""
    format: Literal["safetensors", "webdataset", "npy", "zarr"]
    """How volumes hold entries."""
    codec: str
    """Name of the codec's card."""
    codec_digest: str
    """SHA-256 of what decides the numbers: adapter, options, versions of the code, and weights."""
    weights_sha256: str
    """SHA-256 of the weights; empty if the codec has none."""
    sample_rate: int
    """Sample rate of the codec in Hz."""
    channels: int
    """Channels of one stream."""
    width: int
    """Rows of an entry: numbers, or codes, of one frame."""
    frame_samples: int
    """Samples at the codec's rate that a frame stands for."""
    codebook_entries: int
    """Entries of each codebook, where entries hold codes; 0: they hold latents."""

    @property
    def key(self) -> str:
        """What the index of each volume repeats, so that a volume of other latents is noticed."""
        return f"{self.format}:{self.codec_digest}"


def read_collection(folder: Path) -> Collection:
    """Read the description of the collection in a folder.

    Raises:
        UserError: there is none, or it is damaged or of a later version of this package.
    """
    path = folder / NAME
    if not path.is_file():
        raise UserError(f"{folder}: no collection of latents; `m2l-bench encode --codec NAME` makes one")
    try:
        return Collection.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise UserError(f"{path}: damaged, or of another version of m2l-bench") from error


def begin_collection(folder: Path, collection: Collection) -> None:
    """Write the description of a collection into a folder, which is made, unless it is there.

    Raises:
        UserError: the folder holds other latents, or cannot be written.
    """
    if (folder / NAME).is_file():
        present = read_collection(folder)
        if present.key != collection.key:
            same = "other weights, options or versions of " if present.codec == collection.codec else ""
            raise UserError(
                f"{folder}: holds latents of {same}{present.codec} in the format {present.format}; choose another -o"
            )
        return
    with explain_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / NAME, collection.model_dump_json(indent=2).encode() + b"\n")
