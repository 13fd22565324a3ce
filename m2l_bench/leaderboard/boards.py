"""What the page of one task shows: the sections of a report, with ranks, filters and the source of each row."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from m2l_bench.cards import AdapterCard, SystemCard, load_cards
from m2l_bench.leaderboard.merge import LeftOut, Merged, Source
from m2l_bench.leaderboard.ranks import Rank, ranks
from m2l_bench.metrics.column_sets import ColumnSet
from m2l_bench.progress import Progress
from m2l_bench.report.gather import Section, gather
from m2l_bench.report.provenance import SystemFact
from m2l_bench.runs.measured import MeasuredRun, measured_runs
from m2l_bench.runs.probe import find_probes
from m2l_bench.runs.reconstruction import find_runs, read_manifest
from m2l_bench.tables.published import Beside
from m2l_bench.tables.rates import KILOBITS, latents_of, rates_of

NON_COMMERCIAL = "NC"
"""Part of the names of licences that allow no commercial use."""

ANY_FOLDER = "folder"
"""Loader of tasks whose title says nothing about their clips."""


@dataclass(frozen=True)
class Entry:
    """A row of the table, with what its filters and details need."""

    name: str
    source: Source
    fact: SystemFact
    ranks: dict[str, Rank]
    """Ranks by name of the column; a column without differences has none."""
    kilobits: float | None = None
    channels: int | None = None
    latents: str = ""
    """`continuous`, `codes`, or empty."""
    anchor: bool = False
    commercial: bool = True
    """False: a licence forbids commercial use."""
    not_measured: int = 0


@dataclass(frozen=True)
class Board:
    """The page of one task."""

    slug: str
    """Name of its folder on the site."""
    title: str
    kind: str
    """`reconstruction` or `probes`."""
    section: Section
    entries: dict[str, Entry]
    """By name of the row."""
    leading: str
    """Name of the column whose ranks the overview shows."""

    @property
    def first(self) -> list[str]:
        """Titles of the systems that may be the best in the leading column."""
        titles = {line.name: line.title for line in self.section.sheets[0].lines}
        return [
            titles[name]
            for name, entry in self.entries.items()
            if self.leading in entry.ranks and entry.ranks[self.leading].best == 1
        ]


def boards(
    merged: Merged, beside: dict[str, Beside], columns: ColumnSet, progress: Progress, site: Path
) -> list[Board]:
    """Make the board of each task.

    Args:
        beside: sources of published figures to show beside the measured ones, by dataset.
        columns: metrics of the tables of reconstructions.
        site: folder of the site; the page of a board links to a listening page in its folder there.
    """
    pages = []
    for folder, dataset in datasets(merged).items():
        source = beside.get(dataset, "none")
        report = gather(merged.folder, folder, "originals", progress, source, site / slug(folder), columns)
        section = next(section for section in report.sections if section.kind == "reconstruction")
        pages.append(_reconstruction_board(merged, folder, dataset, section))
    for task in dict.fromkeys(run.key.task for run in find_probes(merged.folder)):
        report = gather(merged.folder, task, "originals", progress)
        section = next(section for section in report.sections if section.kind == "probes")
        pages.append(_probe_board(merged, task, section))
    return pages


def datasets(merged: Merged) -> dict[str, str]:
    """Names of the datasets by that of their folder."""
    return {folder.parent.name: read_manifest(folder).key.dataset for folder in find_runs(merged.folder)}


def slug(folder: str) -> str:
    """Name of a board's folder on the site: no name of a file there, and the same in any address."""
    return re.sub(r"[^A-Za-z0-9-]+", "-", folder)


def _reconstruction_board(merged: Merged, folder: str, dataset: str, section: Section) -> Board:
    measured = measured_runs(merged.folder, folder)
    merged.left_out += [LeftOut(dataset, note) for note in measured.notes]
    runs = {run.name: run for run in measured.runs}
    facts = {fact.name: fact for fact in section.provenance[0].systems}
    ranked = {name for name, run in runs.items() if run.manifest.card.kind != "anchor"}
    places = {matrix.column: ranks(matrix, ranked) for matrix in section.matrices}
    entries = {
        line.name: _reconstruction_entry(
            runs[line.name],
            merged.source_of[folder, line.name],
            facts[line.name],
            {column: by_name[line.name] for column, by_name in places.items() if line.name in by_name},
        )
        for line in section.sheets[0].lines
    }
    digest = next(iter(runs.values())).manifest.key.task_digest
    tasks = (task for task in load_cards().tasks.values() if task.data_digest == digest and task.dataset != ANY_FOLDER)
    title = next((task.title for task in tasks), dataset)
    shown = [column.name for column in section.sheets[0].columns if column.name != KILOBITS]
    leading = next((name for name in ("visqol", *shown) if name in places), "")
    return Board(slug(folder), title, "reconstruction", section, entries, leading)


def _reconstruction_entry(run: MeasuredRun, source: Source, fact: SystemFact, places: dict[str, Rank]) -> Entry:
    card: SystemCard = run.manifest.card
    latents = latents_of(run)
    rate = rates_of(run).figures[KILOBITS]
    return Entry(
        name=run.name,
        source=source,
        fact=fact,
        ranks=places,
        kilobits=None if rate != rate else rate,
        channels=latents.channels if latents else None,
        latents="" if latents is None else "continuous" if latents.bits == 32 else "codes",
        anchor=card.kind == "anchor",
        commercial=_is_commercial(card),
        not_measured=sum(not row.measured and not row.absent for row in run.rows),
    )


def _probe_board(merged: Merged, task: str, section: Section) -> Board:
    """Make the board of a probing task. Its rows are in order of rank, and its columns do not repeat the task."""
    sheet = section.sheets[0]
    lines = sheet.lines
    facts = {fact.name.split("~")[0]: fact for fact in section.provenance[0].systems}
    places = {matrix.column: ranks(matrix, {line.name for line in lines}) for matrix in section.matrices}
    entries = {
        line.name: Entry(
            name=line.name,
            source=merged.source_of[f"probe-{task}", line.name],
            fact=facts[line.name],
            ranks={column: by_name[line.name] for column, by_name in places.items() if line.name in by_name},
        )
        for line in lines
    }
    card = load_cards().probes.get(task)
    leading = next(iter(places), "")
    by_rank = sorted(lines, key=lambda line: places[leading][line.name]) if leading else lines
    heads = [replace(head, title=head.title.removeprefix(f"{task}: ")) for head in sheet.columns]
    section.sheets[0] = replace(sheet, lines=by_rank, columns=heads)
    return Board(slug(f"probe-{task}"), f"Probe: {card.title if card else task}", "probes", section, entries, leading)


def _is_commercial(card: AdapterCard) -> bool:
    parts = f"{card.licence.code}-{card.licence.weights}".replace(" ", "-").split("-")
    return NON_COMMERCIAL not in parts
