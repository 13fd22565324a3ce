"""`m2l-bench data ...`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from m2l_bench.commands.common import JsonOption, consoles


def musiccaps(
    folder: Annotated[Path, typer.Argument(help="Where the clips go.")],
    csv: Annotated[Path | None, typer.Option(help="Google's CSV; default: fetched from the Hugging Face hub.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N clips.")] = None,
    retry_gone: Annotated[bool, typer.Option("--retry-gone", help="Ask again for clips recorded as gone.")] = False,
    json: JsonOption = False,
) -> None:
    """Fetch MusicCaps' ten-second sections from YouTube with yt-dlp; run it again to resume.

    Videos that are gone are recorded in `gone.csv` with the reason.
    """
    from m2l_bench.datasets import musiccaps_download
    from m2l_bench.terminal import ProgressBars, print_json

    stdout, stderr = consoles()
    summary = musiccaps_download.download(folder, csv, limit, retry_gone, ProgressBars(stderr))
    if json:
        print_json(summary)
        return
    stdout.print(
        f"{summary['present']} of {summary['listed']} clips in {folder} "
        f"({summary['fetched']} new, {summary['gone']} gone: see gone.csv)",
        markup=False,
        soft_wrap=True,
    )
