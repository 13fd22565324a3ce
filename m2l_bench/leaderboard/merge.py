"""Submissions that can be trusted, brought together as one folder of runs; all others with the reason."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from m2l_bench.errors import UserError
from m2l_bench.metrics import PAIRED, set_metric
from m2l_bench.runs.files import link_or_copy
from m2l_bench.runs.probe import ProbeRun
from m2l_bench.submissions.check import check_submission, read_submission, reconstruction
from m2l_bench.submissions.schema import Submission, SubmittedRun
from m2l_bench.text import first_of


@dataclass(frozen=True)
class Source:
    """A submission on the site."""

    name: str
    """Name of its folder."""
    submission: Submission


@dataclass(frozen=True)
class LeftOut:
    """A submission, or a run of it, that is not on the site."""

    what: str
    reason: str


@dataclass
class Merged:
    """All runs, and where each is from."""

    folder: Path
    """The runs of all submissions, as one command would have written them."""
    sources: list[Source] = field(default_factory=list)
    source_of: dict[tuple[str, str], Source] = field(default_factory=dict)
    """Submission of each run, by the names of its folder and of the folder's parent in `folder`."""
    left_out: list[LeftOut] = field(default_factory=list)


@dataclass
class _Terms:
    """What runs over one dataset must have in common, from the first run over it."""

    task_digest: str
    versions: dict[str, str] = field(default_factory=dict)
    clips: dict[str, str | None] = field(default_factory=dict)

    def problem(self, task_digest: str, versions: dict[str, str], clips: dict[str, str | None]) -> str:
        """Describe why a run does not fit; empty if it does, and then it adds to the terms."""
        if task_digest != self.task_digest:
            return "its task is not that of the runs before it"
        for name, version in versions.items():
            if self.versions.get(name, version) != version:
                return f"its version of {name} is {version}, but that of the runs before it is {self.versions[name]}"
        others = sum(self.clips.get(id, sha256) != sha256 for id, sha256 in clips.items())
        if others:
            return f"{others} of its clips have other audio than the clips of the same names in the runs before it"
        self.versions |= versions
        self.clips |= clips
        return ""


def merge(submissions: Sequence[Path], folder: Path) -> Merged:
    """Check the files and figures of each submission, and link its runs into `folder`.

    The first run over a dataset decides its clips, its task and the versions of its metrics. Runs that differ are left
    out with the reason, and so are whole submissions with a problem.

    Raises:
        UserError: no submission is usable.
    """
    merged = Merged(folder)
    terms: dict[str, _Terms] = {}
    names: list[str] = []
    for path in submissions:
        names.append(_unused_name(path, names))
        try:
            submission = read_submission(path)
            problems = [check.detail for check in check_submission(path) if check.status == "differs"]
        except UserError as error:
            problems = [str(error)]
        if problems:
            merged.left_out.append(LeftOut(names[-1], "; ".join(problems)))
            continue
        source = Source(names[-1], submission)
        merged.sources.append(source)
        for run in submission.runs:
            parent = Path(run.folder).parent.name
            problem = _problem(path, run, terms)
            if run.kind == "probe" and (parent, run.name) in merged.source_of:
                problem = f"the submission {merged.source_of[parent, run.name].name} has a probe of the same model"
            if problem:
                merged.left_out.append(LeftOut(f"{source.name}, {run.dataset}, {run.name}", problem))
                continue
            name = run.name if (parent, run.name) not in merged.source_of else f"{run.name}--{source.name}"
            for file in submission.files:
                if file.startswith(f"{run.folder}/"):
                    link_or_copy(path / file, _with_parent(folder / parent / name / Path(file).relative_to(run.folder)))
            merged.source_of[parent, name] = source
    if not merged.source_of:
        raise UserError("; ".join(f"{item.what}: {item.reason}" for item in merged.left_out) or "no submission named")
    return merged


def _unused_name(path: Path, used: Sequence[str]) -> str:
    """Make a name of a submission from that of its folder; a number follows where another has it."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", path.resolve().name)
    return name if name not in used else f"{name}-{len(used) + 1}"


def _problem(path: Path, run: SubmittedRun, terms: dict[str, _Terms]) -> str:
    if run.kind == "probe":
        key = ProbeRun(path / run.folder).key
        if key.fraction != 1:
            return "trained on a part of the training clips, which the site does not show"
        data: dict[str, str | None] = {"the data": key.dataset}
        return terms.setdefault(f"probe-{run.dataset}", _Terms(key.task_digest)).problem(key.task_digest, {}, data)
    measured = reconstruction(path, run)
    digest, versions = measured.manifest.key.task_digest, measured.manifest.metric_versions
    unknown = [name for name in versions if name not in PAIRED and set_metric(name) is None]
    if unknown:
        return f"this version of m2l-bench does not know {first_of(unknown)}: update it"
    clips = {row.id: row.source_sha256 for row in measured.measured}
    return terms.setdefault(run.dataset, _Terms(digest)).problem(digest, versions, clips)


def _with_parent(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
