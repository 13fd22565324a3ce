"""`m2l-bench fad`."""

from __future__ import annotations

from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from m2l_bench.commands.common import (
    SOME_FAILED,
    CardsOption,
    DeviceOption,
    JsonOption,
    WeightsDirOption,
    consoles,
)
from m2l_bench.errors import UserError


class Backend(str, Enum):
    """Who computes."""

    ours = "ours"
    upstream = "upstream"


def fad(
    reference: Annotated[Path, typer.Argument(help="Folder of audio, or a file of statistics (`.npz`).")],
    evaluated: Annotated[Path, typer.Argument(help="Folder of audio to hold against it.")],
    embedding: Annotated[str, typer.Option(help="Names separated by commas; `weights list` shows them.")] = "musicnn",
    backend: Annotated[
        Backend, typer.Option(help="`upstream`: the package frechet-audio-distance as it is, for its own numbers.")
    ] = Backend.ours,
    by_clip: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Also write each clip's own distance, the farthest first.")
    ] = None,
    save_reference: Annotated[
        Path | None, typer.Option(metavar="NPZ", help="Also write the reference's statistics, to be used in its place.")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(metavar="DIR", envvar="M2L_BENCH_CACHE", help="Where vectors are kept.")
    ] = None,
    device: DeviceOption = "auto",
    weights_dir: WeightsDirOption = None,
    cards: CardsOption = None,
    json: JsonOption = False,
) -> None:
    """Fréchet audio distance between two folders, with what tells how far to trust it.

    Each file is embedded once: run it again, or with another folder, and only new files are.

    Examples:

        m2l-bench fad originals reconstructions

        m2l-bench fad originals reconstructions --embedding musicnn,vggish,clap --by-clip worst.csv

        m2l-bench fad fma_pop.npz reconstructions --embedding vggish

        m2l-bench fad originals reconstructions --embedding vggish --backend upstream
    """
    from m2l_bench.cards import load_cards
    from m2l_bench.console import reconstruction as summaries
    from m2l_bench.console.terminal import ProgressBars, print_json
    from m2l_bench.distances import folders as module
    from m2l_bench.distances import upstream as upstream_fad
    from m2l_bench.distances.references import write_statistics
    from m2l_bench.systems.devices import torch_device
    from m2l_bench.weights.locate import cache_folder

    stdout, stderr = consoles()
    names = [name.strip() for name in embedding.split(",") if name.strip()]
    if backend is Backend.upstream:
        if by_clip or save_reference:
            raise UserError("--by-clip and --save-reference: the package frechet-audio-distance has neither")
        scores = [upstream_fad.score(reference, evaluated, name, weights_dir) for name in names]
        if json:
            print_json({"scores": [asdict(score) for score in scores]})
        else:
            summaries.print_upstream_scores(stdout, scores)
        return
    found = load_cards(cards or ())
    comparisons, absent = module.compare_all(
        reference,
        evaluated,
        [found.embedding(name) for name in names],
        cache or cache_folder(),
        ProgressBars(stderr),
        device=torch_device(device),
        weights_dir=weights_dir,
    )
    if by_clip:
        module.write_clip_distances(by_clip, comparisons)
    if save_reference:
        write_statistics(save_reference, {one.embedding: one.reference for one in comparisons})
    if json:
        print_json(summaries.comparisons_json(comparisons, absent))
    else:
        summaries.print_comparisons(stdout, comparisons)
    summaries.print_left_out(stderr, comparisons, absent)
    if absent or any(comparison.failed for comparison in comparisons):
        raise typer.Exit(SOME_FAILED)
