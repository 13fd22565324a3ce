"""Merging of shards: what jobs did on parts of the clips becomes the run that one command would have made.

Only files are read and written here. The shards stay as they are, so that nothing is lost if a merge is interrupted,
and a second merge finds everything done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from m2l_bench.errors import UserError
from m2l_bench.runs.code_counts import code_counts_path
from m2l_bench.runs.distances import has_vectors, stored_vectors
from m2l_bench.runs.files import explain_write_errors, link_or_copy
from m2l_bench.runs.reconstruction import (
    Run,
    RunKey,
    is_complete,
    key_difference,
    open_run,
    read_manifest,
    read_rows,
)
from m2l_bench.runs.schema import Manifest, Row, Session
from m2l_bench.runs.shards import FOLDER, Shard, ShardRecord, find_shards, read_record, record_path
from m2l_bench.text import first_of


@dataclass(frozen=True)
class ShardRun:
    """What a job did for one system."""

    shard: Shard
    folder: Path
    record: ShardRecord
    manifest: Manifest
    rows: dict[str, Row]
    """Rows of the shard's clips, by id."""


@dataclass(frozen=True)
class ShardedRun:
    """The shards that make one run; `find_sharded_runs` has checked that they belong together."""

    dataset: str
    name: str
    """The system, and settings that differ from its card."""
    parts: list[ShardRun]

    @property
    def key(self) -> RunKey:
        """Key of the whole run."""
        return _run_key(self.parts[0].manifest, self.name)

    @property
    def rows(self) -> dict[str, Row]:
        """Rows of all shards, by id."""
        return {id: row for part in self.parts for id, row in part.rows.items()}


def find_sharded_runs(out: Path) -> list[ShardedRun]:
    """Find the runs whose shards are below `out`, in the order in which the jobs worked on them.

    Raises:
        UserError: there are no shards, one of a run is missing or did not finish, or shards do not fit together.
    """
    places: dict[tuple[str, str], dict[Shard, Path]] = {}
    for shard, folder in find_shards(out).items():
        for path in folder.glob("*/*/manifest.json"):
            dataset, run = path.parts[-3:-1]
            places.setdefault((dataset, run.split("~")[0]), {})[shard] = folder / dataset
    if not places:
        raise UserError(f"{out / FOLDER}: no shards there; `m2l-bench reconstruct --shard I/N` makes them")
    return sorted((_checked(out, *names, found) for names, found in sorted(places.items())), key=_order)


def join(out: Path, sharded: ShardedRun) -> Path:
    """Add the rows, audio and vectors of all shards to the run with their key below `out`, and return its folder.

    The run is started where there is none. Clips that it has already stay as they are.

    Raises:
        UserError: a file cannot be written, or another process works on the run.
    """
    rows = sharded.rows

    def unchanged(row: Row) -> bool:
        new = rows.get(row.id)
        if new is None or new.source_sha256 is None:
            return True
        return (new.source_sha256, new.recording_sha256) == (row.source_sha256, row.recording_sha256)

    with open_run(out, sharded.key, sharded.parts[0].manifest.card, unchanged) as run:
        run.match(rows, unchanged, whole=not any(part.record.limited for part in sharded.parts))
        parts = [(part, new) for part in sharded.parts if (new := _new_rows(run, part))]
        for part, new in parts:
            with explain_write_errors(run.folder):
                for row in new:
                    for source, target in _files(part, row, run.folder):
                        link_or_copy(source, target)
        if parts:
            run.add_sessions(_new_sessions(run, [part for part, _ in parts]))
            run.add(row for _, new in parts for row in new)
    return run.folder


def _new_rows(run: Run, part: ShardRun) -> list[Row]:
    """List the rows of a shard that the run does not have, or has with fewer metrics."""
    rows = []
    for id, row in part.rows.items():
        present = run.rows.get(id)
        if present is not None and is_complete(present, row.values) and present.frames.keys() >= row.frames.keys():
            continue
        row = row.model_copy()
        run.keep_values(row)
        if row != present:
            rows.append(row)
    return rows


def _new_sessions(run: Run, parts: Sequence[ShardRun]) -> list[Session]:
    """List the commands that worked on shards and that the run does not know, in the order in which they ended."""
    known = [session.model_copy(update={"number": 0}) for session in run.manifest.sessions]
    sessions = [session.model_copy(update={"number": 0}) for part in parts for session in part.manifest.sessions]
    new = [session for session in sessions if session not in known]
    return sorted(new, key=lambda session: session.finished or session.started)


def _files(part: ShardRun, row: Row, run: Path) -> list[tuple[Path, Path]]:
    """List the files of a clip in a shard, each with its path in the whole run."""
    files = [(part.folder / row.audio, run / row.audio)] if row.audio else []
    for vectors in stored_vectors(part.manifest):
        if has_vectors(row, vectors.metric.name):
            files += zip(vectors.paths(part.folder, row), vectors.paths(run, row), strict=True)
    counts = code_counts_path(part.folder, row.id)
    if counts.is_file():
        files.append((counts, code_counts_path(run, row.id)))
    return files


def _checked(out: Path, dataset: str, name: str, places: dict[Shard, Path]) -> ShardedRun:
    """Read the shards of a run, and check that all are there and fit together."""
    title = f"{dataset}/{name}"
    counts = sorted({shard.count for shard in places})
    if len(counts) > 1:
        raise UserError(
            f"{title}: there are shards of {' and of '.join(map(str, counts))}: "
            f"delete those that are not to be merged, {out / FOLDER / '*-of-N' / title}"
        )
    shards = [Shard(index, counts[0]) for index in range(1, counts[0] + 1)]
    missing = [str(shard) for shard in shards if shard not in places]
    unfinished = [str(shard) for shard in places if not record_path(places[shard], name).exists()]
    problems = [f"shards missing: {first_of(missing, 8)}"] if missing else []
    problems += [f"shards not finished: {first_of(unfinished, 8)}"] if unfinished else []
    if problems:
        raise UserError(f"{title}: {'; '.join(problems)}: nothing is merged until their jobs are done")
    parts = [_read(shard, places[shard], name) for shard in shards]
    first = parts[0]
    for part in parts:
        problem = _misfit(first, part, name)
        if problem:
            raise UserError(
                f"{title}, shard {part.shard}: {problem}: run both jobs again with the same data and options"
            )
    owners: dict[str, Shard] = {}
    for part in parts:
        for id in part.rows:
            if id in owners:
                raise UserError(
                    f"{title}: the clip {id!r} is in shard {owners[id]} and in shard {part.shard}: "
                    "delete the folder of the wrong one and run its job again"
                )
            owners[id] = part.shard
    return ShardedRun(dataset, name, parts)


def _read(shard: Shard, dataset: Path, name: str) -> ShardRun:
    """Read the run of a shard, and check that its files are there.

    Raises:
        UserError: a file is damaged or missing.
    """
    record = read_record(record_path(dataset, name))
    folder = dataset / record.run
    rows = {row.id: row for row in read_rows(folder)}
    lost = [id for id in record.clips if id not in rows]
    if lost:
        raise UserError(f"{folder}: the row of {lost[0]!r} is missing: run the job of shard {shard} again")
    part = ShardRun(shard, folder, record, read_manifest(folder), {id: rows[id] for id in record.clips})
    for row in part.rows.values():
        for path, _ in _files(part, row, folder):
            if not path.is_file():
                raise UserError(f"{path}: missing: delete {folder} and run the job of shard {shard} again")
    return part


def _misfit(first: ShardRun, part: ShardRun, name: str) -> str:
    """Describe why two shards do not belong to one run; empty if they do."""
    difference = key_difference(first.manifest, f"shard {first.shard}", _run_key(part.manifest, name))
    if difference:
        return difference
    metrics, others = part.manifest.metric_versions.keys(), first.manifest.metric_versions.keys()
    if metrics != others:
        metric = min(metrics ^ others)
        return f"{metric} was {'measured' if metric in metrics else 'not measured'}, unlike in shard {first.shard}"
    if (first.record.all_clips, first.record.limited) != (part.record.all_clips, part.record.limited):
        return f"the dataset had other clips than for shard {first.shard}"
    return ""


def _run_key(manifest: Manifest, name: str) -> RunKey:
    """Make the key of the run with this manifest and name."""
    key = RunKey(
        **manifest.key.model_dump(), default_steps=manifest.card.steps, metric_versions=manifest.metric_versions
    )
    return replace(key, precision=name.removeprefix(key.folder).removeprefix("@"))


def _order(sharded: ShardedRun) -> int:
    """Place of a run among those of its shards."""
    return max(session.number for part in sharded.parts for session in part.manifest.sessions or [Session(started="")])
