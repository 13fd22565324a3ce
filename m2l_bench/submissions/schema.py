"""Files of a submission, and the types of `submission.json`.

    SUBMISSION/
        submission.json     who, when, with which code; figures of each run; size and SHA-256 of every other file
        runs/               the runs as `m2l-bench` writes them, so every command that reads runs reads these; with
                            their reconstructions if those were asked for, and never with originals

`docs/schemas/submission.json` has `submission.json` as JSON Schema.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION: Literal[1] = 1
FILE, RUNS = "submission.json", "runs"
RUN_NAME = r"^[A-Za-z0-9][A-Za-z0-9._+@-]*$"
"""Pattern of the name of a run, which is part of paths: a card's name, and settings."""
RUN_FILES = {
    "reconstruction": ("manifest.json", "clips.parquet", "distances.json"),
    "probe": ("probe.json", "items.json", "scores.npy", "results.json"),
}
"""Files of a run by its kind; a reconstruction may also have files in `audio/`."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")


class Code(_Part):
    """The program that wrote the submission."""

    version: str
    commit: str = Field(default="", description="git commit of the checkout; empty: installed from a package")
    changed: bool = Field(default=False, description="whether files of the checkout differ from the commit")


class Figure(_Part):
    """A figure over all clips of a run, with its 95 % interval: a number, "Infinity" for exact copies, or null."""

    value: float | None
    low: float | None = None
    high: float | None = None


class SubmittedRun(_Part):
    """A run: what it is, and its figures, which follow from its files."""

    kind: Literal["reconstruction", "probe"]
    dataset: str = Field(description="dataset of reconstructions, or task of a probe")
    name: str = Field(pattern=RUN_NAME, description="the system, and settings that differ from its card")
    title: str
    folder: str = Field(description="folder of the run, relative to the submission")
    clips: int = Field(description="clips with figures")
    not_measured: int = Field(default=0, description="clips that failed or were missing")
    audio: bool = Field(default=False, description="whether every measured clip has its reconstruction")
    figures: dict[str, Figure]


class SubmittedFile(_Part):
    """Size and hash of a file."""

    bytes: int
    sha256: str


class Submission(_Part):
    """Content of `submission.json`."""

    schema_version: Literal[1] = SCHEMA_VERSION
    created: str = Field(description="time in UTC, ISO 8601")
    code: Code
    title: str = ""
    contact: str = Field(default="", description="whom to ask; what the submitter chose to state")
    licence: str = Field(default="", description="licence of the figures and of the audio, if there is any")
    note: str = ""
    runs: list[SubmittedRun]
    files: dict[str, SubmittedFile] = Field(description="every other file, by its path relative to the submission")
