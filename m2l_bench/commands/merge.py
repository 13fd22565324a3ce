"""`m2l-bench merge`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from m2l_bench.commands.common import consoles


def merge(runs: Annotated[Path, typer.Argument(metavar="RUNS", help="Folder of the runs.")] = Path("runs")) -> None:
    """Make whole runs from what the jobs of `m2l-bench reconstruct --shard I/N` measured.

    The result is the run that one command without --shard would have made, with the Fréchet distances to the originals.
    Those to another --reference are measured by the command without --shard, which finds everything else done.

    Nothing is written unless all shards are there, are finished, and fit together. RUNS/shards stays as it is. If there
    is a run with some of the clips already, it gains the others.

    Examples:

        m2l-bench reconstruct --models opus-12k --shard 1/2

        m2l-bench reconstruct --models opus-12k --shard 2/2

        m2l-bench merge
    """
    from m2l_bench.console.reconstruction import print_merged
    from m2l_bench.console.terminal import ProgressBars
    from m2l_bench.reconstruction.merge import merge as merge_shards
    from m2l_bench.runs.shards import FOLDER

    stdout, stderr = consoles()
    for run in merge_shards(runs, ProgressBars(stderr)):
        print_merged(stdout, run)
    stderr.print(f"{runs / FOLDER} is not needed any more", markup=False, soft_wrap=True)
