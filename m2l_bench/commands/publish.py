"""`m2l-bench submit`, `m2l-bench verify` and `m2l-bench leaderboard`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from m2l_bench.commands.common import CardsOption, Columns, ColumnsOption, JsonOption, consoles
from m2l_bench.errors import UserError
from m2l_bench.text import counted

OriginalsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--data",
        metavar="DATASET=DIR",
        help="Folder of a dataset's originals (repeatable); the bundled clips need none.",
    ),
]


def submit(
    runs: Annotated[Path, typer.Argument(metavar="RUNS", help="Folder of the runs.")] = Path("runs"),
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder of the submission.")] = Path(
        "submission"
    ),
    task: Annotated[str | None, typer.Option(help="Use only runs of this dataset or probing task.")] = None,
    dataset_name: Annotated[
        str, typer.Option(metavar="NAME", help="New name for the dataset of --task; default: its name here.")
    ] = "",
    audio: Annotated[
        bool, typer.Option("--audio", help="Include the reconstructions, so that others can hear and check them.")
    ] = False,
    title: Annotated[str, typer.Option(help="Title of the submission.")] = "",
    contact: Annotated[str, typer.Option(help="Whom to ask: a name, an address or a web page. It is published.")] = "",
    licence: Annotated[str, typer.Option(help="Licence of the figures, and of the audio with --audio.")] = "",
    note: Annotated[str, typer.Option(help="A sentence for readers of the leaderboard.")] = "",
    push: Annotated[
        str | None, typer.Option(metavar="OWNER/DATASET", help="Upload it to a dataset of the Hugging Face hub.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Make a submission from runs: one folder that others can check and put on a leaderboard.

    It holds the results of each clip, cards, versions, settings and hardware, with the SHA-256 of each file. It never
    holds the originals. Names of hosts and paths of folders are left out.

    Examples:

        m2l-bench submit runs --audio -o submission --contact anna@example.org --licence "CC BY 4.0"

        m2l-bench submit runs --task folder-clips --dataset-name musiccaps37

        m2l-bench submit runs --push anna/my-codec-results
    """
    from m2l_bench.console.terminal import print_json
    from m2l_bench.submissions.write import Statement, write_submission

    stdout, stderr = consoles()
    statement = Statement(title, contact, licence, note)
    submission, notes = write_submission(runs, out, statement, task, dataset_name, audio)
    size = sum(file.bytes for file in submission.files.values())
    if json:
        print_json({"submission": str(out), "runs": len(submission.runs), "bytes": size, "notes": notes})
    else:
        for run in submission.runs:
            kind = "with audio" if run.audio else "without audio" if run.kind == "reconstruction" else "probe"
            stdout.print(
                f"{run.dataset}, {run.name}: {counted(run.clips, 'clip')}, {kind}", markup=False, soft_wrap=True
            )
        stdout.print(
            f"submission: {out} ({counted(len(submission.runs), 'run')}, {size / 1e6:.1f} MB); check it with "
            f"`m2l-bench verify {out}`",
            markup=False,
            soft_wrap=True,
        )
    for text in notes:
        stderr.print(f"note: {text}", markup=False, soft_wrap=True)
    if push:
        from m2l_bench.submissions.push import push_submission

        stderr.print(f"uploaded: {push_submission(out, push)}", markup=False, soft_wrap=True)


def verify(
    submission: Annotated[Path, typer.Argument(metavar="SUBMISSION", help="Folder of the submission.")],
    data: OriginalsOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Keep recomputed runs here; a stopped check goes on there."),
    ] = None,
    jobs: Annotated[int, typer.Option(min=0, metavar="N", help="Worker processes; 0: one per core.")] = 0,
    cards: CardsOption = None,
    json: JsonOption = False,
) -> None:
    """Check a submission: recompute its figures from its audio, and say what cannot be checked.

    Without audio, it checks that no file was changed, that the figures follow from the results of each clip, and that
    the originals are the same. With audio, it computes each metric again. The exit code is 1 if something differs.

    Examples:

        m2l-bench verify submission

        m2l-bench verify theirs --data musiccaps=clips -o recomputed
    """
    import tempfile

    from m2l_bench.console.terminal import ProgressBars, print_json
    from m2l_bench.submissions.check import check_submission
    from m2l_bench.submissions.recompute import Place, recompute

    stdout, stderr = consoles()
    checks = []
    with tempfile.TemporaryDirectory(prefix="m2l-bench-") as temporary:
        checks += check_submission(submission)
        if all(check.status == "ok" for check in checks):
            bars = ProgressBars(stderr, transient=True)
            place = Place(out or Path(temporary), _originals(data), cards or (), jobs, bars)
            checks += recompute(submission, place)
    if json:
        print_json([vars(check) for check in checks])
    else:
        for check in checks:
            style = {"ok": "green", "differs": "bold red"}.get(check.status, "")
            stdout.print(f"{check.status}: {check.about}: {check.detail}", style=style, markup=False, soft_wrap=True)
        stdout.print(_verdict([check.status for check in checks]), markup=False, soft_wrap=True)
    if any(check.status == "differs" for check in checks):
        raise typer.Exit(1)


def _verdict(statuses: list[str]) -> str:
    if "differs" in statuses:
        return "Something differs from what this submission states, see above."
    open_checks = statuses.count("not checked")
    if not open_checks:
        return "All figures could be computed again, and they are what this submission states."
    return f"What could be checked is as stated; {counted(open_checks, 'check')} could not be made, see above."


def leaderboard(
    submissions: Annotated[list[Path], typer.Argument(metavar="SUBMISSIONS", help="Folders of submissions.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder of the site.")] = Path("site"),
    title: Annotated[str, typer.Option(help="Heading of the site.")] = "Music autoencoders",
    data: OriginalsOption = None,
    beside: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DATASET=SOURCE",
            help="Published figures to show beside a dataset's: paper, rerun or codicodec (repeatable).",
        ),
    ] = None,
    columns: ColumnsOption = Columns.paper,
    jobs: Annotated[int, typer.Option(min=0, metavar="N", help="Worker processes; 0: one per core.")] = 0,
    json: JsonOption = False,
) -> None:
    """Make a site that ranks the systems of submissions, with intervals: open DIR/index.html, or host DIR anywhere.

    Systems share ranks where their difference is not significant. Submissions with changed files, other clips or other
    versions of metrics are left out, and the site says why. The site needs no server and no network.

    Examples:

        m2l-bench leaderboard submission theirs -o site

        m2l-bench leaderboard submissions/* --data musiccaps=clips --beside musiccaps=paper
    """
    from typing import get_args

    from m2l_bench.console.terminal import ProgressBars, print_json
    from m2l_bench.engine import EngineChoice
    from m2l_bench.extras import require
    from m2l_bench.leaderboard.site import write_site
    from m2l_bench.tables.published import Beside

    require("plot")
    stdout, stderr = consoles()
    sources: dict[str, Beside] = {}
    for name, value in _pairs(beside or [], "--beside DATASET=SOURCE"):
        known: Beside | None = next((source for source in get_args(Beside) if source == value), None)
        if known is None:
            raise UserError(f"--beside: no source {value!r}; there are {', '.join(get_args(Beside))}")
        sources[name] = known
    workers = EngineChoice().start("cpu", jobs)
    site = write_site(
        submissions, out, title, _originals(data), sources, columns.value, workers, ProgressBars(stderr, transient=True)
    )
    for item in site.left_out:
        stderr.print(f"left out: {item.what}: {item.reason}", markup=False, soft_wrap=True)
    for note in site.notes:
        stderr.print(f"note: {note}", markup=False, soft_wrap=True)
    if json:
        left_out = [vars(item) for item in site.left_out]
        print_json({"site": str(site.path), "boards": [board.slug for board in site.boards], "left_out": left_out})
    else:
        stdout.print(f"site: {site.path} ({counted(len(site.boards), 'task')})", markup=False, soft_wrap=True)


def _originals(data: list[str] | None) -> dict[str, Path]:
    return {name: Path(value) for name, value in _pairs(data or [], "--data DATASET=DIR")}


def _pairs(items: list[str], form: str) -> list[tuple[str, str]]:
    pairs = [item.partition("=") for item in items]
    wrong = next((item for item, (name, _, value) in zip(items, pairs, strict=True) if not name or not value), None)
    if wrong is not None:
        raise UserError(f"{wrong}: expected {form}")
    return [(name, value) for name, _, value in pairs]
