"""The site's folder: an overview, one folder per task, and the files that readers can download.

    index.html                  tasks, submissions, and what was left out with the reason
    leaderboard.json            all boards, for programs
    TASK/index.html             table with ranks, figures, differences, and where each row comes from
    TASK/leaderboard.csv        the table; differences.csv: each pair of systems
    TASK/listen/                the clips to hear, where audio was submitted
    style.css, board.js

Pages work without JavaScript, which adds sorting and filters, and need no network.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from m2l_bench.engine import Engine
from m2l_bench.errors import UserError
from m2l_bench.leaderboard.boards import Board, boards, datasets, slug
from m2l_bench.leaderboard.merge import LeftOut, Merged, merge
from m2l_bench.listen.gather import gather as gather_clips
from m2l_bench.listen.writer import write_page
from m2l_bench.metrics.column_sets import ColumnSet
from m2l_bench.plots import design
from m2l_bench.progress import Progress
from m2l_bench.report.page import environment
from m2l_bench.runs.audio import originals
from m2l_bench.runs.files import explain_write_errors, write_atomically
from m2l_bench.runs.measured import MeasuredRun, measured_runs
from m2l_bench.tables.published import Beside

MARK = "leaderboard.json"
"""File by which a folder is recognised as a site of this program, so that it may be replaced."""
LONGEST_SECONDS = 30.0
"""Longer clips are cut to this length on the listening pages."""


@dataclass(frozen=True)
class Site:
    """A site that was written."""

    path: Path
    boards: list[Board]
    left_out: list[LeftOut]
    notes: list[str]


def write_site(
    submissions: Sequence[Path],
    out: Path,
    title: str,
    data: Mapping[str, Path],
    beside: dict[str, Beside],
    columns: ColumnSet,
    engine: Engine,
    progress: Progress,
) -> Site:
    """Write the site of these submissions, or write it anew.

    Args:
        submissions: folders of submissions; the first run over a dataset decides its clips and versions.
        out: folder of the site.
        title: heading of the overview.
        data: folders of originals by dataset, for pages on which clips can be heard.
        beside: sources of published figures to show beside the measured ones, by dataset.
        columns: metrics of the tables of reconstructions.
        engine: where clips are prepared for listening pages.

    Raises:
        UserError: no submission is usable, the folder holds something else, or it cannot be written.
    """
    _make_folder(out)
    with tempfile.TemporaryDirectory(prefix=".m2l-bench-", dir=out) as temporary:
        merged = merge(submissions, Path(temporary))
        folders = datasets(merged)
        for name in (*data, *beside):
            if name not in folders.values():
                raise UserError(f"no submission has the dataset {name!r}; there are {', '.join(folders.values())}")
        notes = []
        for folder, dataset in folders.items():
            note = _write_listening_page(merged, folder, dataset, out, data.get(dataset), engine, progress)
            notes += [note] if note else []
        pages = boards(merged, beside, columns, progress, out)
        with explain_write_errors(out):
            _write_pages(out, title, pages, merged)
            _remove_others(out, {board.slug for board in pages})
    return Site(out / "index.html", pages, merged.left_out, notes)


def _make_folder(out: Path) -> None:
    """Make the folder, or check that it is empty or holds an earlier site.

    Raises:
        UserError: the folder holds something else, or cannot be written.
    """
    if out.exists() and not (out.is_dir() and (not any(out.iterdir()) or (out / MARK).is_file())):
        raise UserError(f"{out}: holds something else already; name a new folder with -o")
    with explain_write_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        if not (out / MARK).is_file():
            write_atomically(out / MARK, b"{}\n")


def _remove_others(out: Path, slugs: Collection[str]) -> None:
    """Remove the pages of tasks that an earlier site had."""
    for page in out.glob("*/index.html"):
        if page.parent.name not in slugs:
            shutil.rmtree(page.parent)


def _write_listening_page(
    merged: Merged, folder: str, dataset: str, out: Path, data: Path | None, engine: Engine, progress: Progress
) -> str:
    """Write the page on which a dataset's clips can be heard; if that is not possible, return the reason."""
    page = out / slug(folder) / "listen"
    runs = measured_runs(merged.folder, folder).runs
    try:
        if not any(row.audio for run in runs for row in run.measured):
            raise UserError("submitted without audio")
        if data is None and not _is_in_this_package(runs[0]):
            raise UserError(f"name the folder of its originals with --data {dataset}=DIR")
        collection = gather_clips(merged.folder, folder, data)
        write_page(collection, page, f"Listen: {dataset}", LONGEST_SECONDS, engine, progress)
    except UserError as error:
        shutil.rmtree(page, ignore_errors=True)
        return f"{dataset}: nothing to hear: {error}"
    return ""


def _is_in_this_package(run: MeasuredRun) -> bool:
    try:
        return bool(originals(run))
    except UserError:
        return False


def _write_pages(out: Path, title: str, all_boards: Sequence[Board], merged: Merged) -> None:
    pages = environment("m2l_bench.leaderboard")
    common = {"version": version("m2l-bench"), "site_title": title}
    templates = Path(__file__).resolve().parent
    report_css = (templates.parent / "report" / "report.css").read_text(encoding="utf-8")
    own_css = (templates / "site.css").read_text(encoding="utf-8")
    write_atomically(out / "style.css", f"{design.css()}{report_css}{own_css}".encode())
    write_atomically(out / "board.js", (templates / "board.js").read_bytes())
    for board in all_boards:
        folder = out / board.slug
        folder.mkdir(exist_ok=True)
        write_atomically(folder / "leaderboard.csv", board.section.sheets[0].csv.encode())
        if board.section.differences_csv:
            write_atomically(folder / "differences.csv", board.section.differences_csv.encode())
        page = pages.get_template("board.html.j2").render(board=board, **common)
        write_atomically(folder / "index.html", page.encode())
    page = pages.get_template("index.html.j2").render(
        boards=all_boards, sources=merged.sources, left_out=merged.left_out, **common
    )
    write_atomically(out / "index.html", page.encode())
    write_atomically(out / MARK, (json.dumps(_as_json(title, all_boards, merged), indent=1) + "\n").encode())


def _as_json(title: str, all_boards: Sequence[Board], merged: Merged) -> dict[str, Any]:
    return {
        "title": title,
        "version": version("m2l-bench"),
        "boards": [_board_json(board) for board in all_boards],
        "submissions": [
            {"name": source.name, **source.submission.model_dump(mode="json", exclude={"files", "runs"})}
            for source in merged.sources
        ],
        "left_out": [vars(item) for item in merged.left_out],
    }


def _board_json(board: Board) -> dict[str, Any]:
    sheet = board.section.sheets[0]
    rows = []
    for line in sheet.lines:
        entry = board.entries[line.name]
        figures = {
            head.name: {"value": cell.exact, "interval": cell.interval, "published": cell.published}
            for head, cell in zip(sheet.columns, line.cells, strict=True)
            if cell.text
        }
        rows.append(
            {
                "system": line.name,
                "title": line.title,
                "submission": entry.source.name,
                "ranks": {name: [rank.best, rank.worst] for name, rank in entry.ranks.items()},
                "figures": figures,
            }
        )
    return {"task": board.slug, "title": board.title, "kind": board.kind, "rows": rows, "notes": sheet.notes}
