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
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from m2l_bench.engine import Engine
from m2l_bench.errors import UserError
from m2l_bench.leaderboard.boards import Board, boards
from m2l_bench.leaderboard.merge import LeftOut, Merged, merge
from m2l_bench.listen.gather import gather as gather_clips
from m2l_bench.listen.writer import write_page
from m2l_bench.metrics.column_sets import ColumnSet
from m2l_bench.plots import design
from m2l_bench.progress import Progress
from m2l_bench.report.page import environment
from m2l_bench.runs.files import explain_write_errors, write_atomically
from m2l_bench.runs.reconstruction import find_runs
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
        submissions: folders of submissions; on equal terms the first one decides.
        out: folder of the site.
        title: heading of the overview.
        data: folders of originals by dataset, for pages on which clips can be heard.
        beside: whose published figures a dataset's table has beside the measured ones.
        columns: metrics of the tables of reconstructions.
        engine: where clips are prepared for listening pages.

    Raises:
        UserError: no submission is usable, the folder holds something else, or it cannot be written.
    """
    _make_folder(out)
    with tempfile.TemporaryDirectory(prefix=".m2l-bench-", dir=out) as temporary, explain_write_errors(out):
        merged = merge(submissions, Path(temporary))
        datasets = list(dict.fromkeys(folder.parent.name for folder in find_runs(merged.folder)))
        notes = [note for name in datasets for note in _write_listening_page(merged, name, out, data, engine, progress)]
        slugs = [path.name for path in merged.folder.iterdir()]
        made = boards(merged, beside, columns, progress, {slug: out / slug for slug in slugs})
        _write_pages(out, title, made, merged)
    return Site(out / "index.html", made, merged.left_out, notes)


def _make_folder(out: Path) -> None:
    """Make the folder, or remove the pages of an earlier site; listening pages stay, to be updated.

    Raises:
        UserError: the folder holds something else, or cannot be written.
    """
    if out.exists() and not (out.is_dir() and (not any(out.iterdir()) or (out / MARK).is_file())):
        raise UserError(f"{out}: there is something else already; name a new folder with -o")
    with explain_write_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        write_atomically(out / MARK, b"{}\n")
        for page in out.glob("*/index.html"):
            page.unlink()


def _write_listening_page(
    merged: Merged, dataset: str, out: Path, data: Mapping[str, Path], engine: Engine, progress: Progress
) -> list[str]:
    """Write the page on which a dataset's clips can be heard; where that cannot be, return the reason."""
    folder = out / dataset / "listen"
    try:
        collection = gather_clips(merged.folder, dataset, data.get(dataset))
        write_page(collection, folder, f"Listen: {dataset}", LONGEST_SECONDS, engine, progress)
    except UserError as error:
        shutil.rmtree(folder, ignore_errors=True)
        reason = re.sub(r"^.*?: (?=these runs kept no)", "", str(error))
        return [f"{dataset}: no listening page: {reason}"]
    return []


def _write_pages(out: Path, title: str, made: Sequence[Board], merged: Merged) -> None:
    from markupsafe import Markup

    pages = environment("m2l_bench.leaderboard")
    common = {"version": version("m2l-bench"), "site_title": title}
    templates = Path(__file__).resolve().parent
    report_css = (templates.parent / "report" / "report.css").read_text(encoding="utf-8")
    own_css = (templates / "site.css").read_text(encoding="utf-8")
    write_atomically(out / "style.css", f"{design.css()}{report_css}{own_css}".encode())
    write_atomically(out / "board.js", (templates / "board.js").read_bytes())
    for board in made:
        folder = out / board.slug
        folder.mkdir(exist_ok=True)
        write_atomically(folder / "leaderboard.csv", board.section.sheets[0].csv.encode())
        if board.section.differences_csv:
            write_atomically(folder / "differences.csv", board.section.differences_csv.encode())
        page = pages.get_template("board.html.j2").render(board=board, **common)
        write_atomically(folder / "index.html", page.encode())
    page = pages.get_template("index.html.j2").render(
        boards=made, sources=merged.sources, left_out=merged.left_out, intro=Markup(""), **common
    )
    write_atomically(out / "index.html", page.encode())
    write_atomically(out / MARK, (json.dumps(_as_json(title, made, merged), indent=1) + "\n").encode())


def _as_json(title: str, made: Sequence[Board], merged: Merged) -> dict[str, Any]:
    return {
        "title": title,
        "version": version("m2l-bench"),
        "boards": [_board_json(board) for board in made],
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
