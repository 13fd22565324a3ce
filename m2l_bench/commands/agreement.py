"""`m2l-bench agreement`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from m2l_bench.commands.common import AnswersOption, Columns, JsonOption, consoles


def agreement(
    runs: Annotated[Path, typer.Argument(metavar="RUNS", help="Folder of the runs.")] = Path("runs"),
    task: Annotated[str | None, typer.Option(help="Use only runs of this dataset.")] = None,
    results: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for the tables; default: the folder of the runs.")
    ] = None,
    columns: Annotated[Columns, typer.Option(help="Metrics to compare, of those that were measured.")] = Columns.all,
    answers: AnswersOption = None,
    json: JsonOption = False,
) -> None:
    """Show where metrics disagree: the rank correlation of each pair of metrics that have a value for each clip.

    Spearman's rank correlation is computed over systems (of their means) and over clips (within each system, then
    averaged), with 95 % bootstrap intervals over clips. +1 always means that both metrics agree on what is better.

    It writes DIR/agreement.csv and agreement.md with all pairs, and DIR/agreement_clips.csv with the clips on which
    each pair disagrees most. If a listening page is in RUNS or beside it, the clips have links to it.

    Examples:

        m2l-bench agreement

        m2l-bench agreement runs --task bundled --columns spectral

        m2l-bench agreement --answers anna.csv --answers ben.csv
    """
    from m2l_bench.console.agreement import print_clips
    from m2l_bench.console.reconstruction import print_table
    from m2l_bench.console.terminal import ProgressBars, print_json
    from m2l_bench.listen.pages import find_pages
    from m2l_bench.listen.ratings import read_ratings
    from m2l_bench.runs.measured import measured_runs
    from m2l_bench.tables import formats
    from m2l_bench.tables.agreement import agreement_of, agreement_table, paired_metrics, shortened
    from m2l_bench.tables.disagreement import disagreeing_clips
    from m2l_bench.tables.probes import write_csv

    stdout, stderr = consoles()
    folder = results or runs
    measured = measured_runs(runs, task)
    ratings = read_ratings(answers, measured.runs) if answers else None
    metrics = paired_metrics(measured.runs, columns.value)
    compared = agreement_of(measured.runs, metrics, ratings.scores if ratings else None, ProgressBars(stderr))
    table = agreement_table(compared, measured.dataset, [*(ratings.notes if ratings else ()), *measured.notes])
    page = find_pages([runs, runs.resolve().parent], folder.resolve()).get(measured.dataset)
    clips = disagreeing_clips(compared, page.address_or_nothing if page else lambda _: "")
    paths = formats.write(table, folder, "agreement") + write_csv(clips, folder / "agreement_clips.csv")
    if json:
        print_json({**formats.to_json(table), "clips": clips.to_dict("records")})
    else:
        print_table(stdout, shortened(table, "agreement.csv"))
        print_clips(stdout, clips)
    stderr.print(f"wrote {', '.join(map(str, paths))}", markup=False, soft_wrap=True)
