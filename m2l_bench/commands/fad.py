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
from m2l_bench.text import split_names


class Backend(str, Enum):
    """Code that computes the distance: this package's, or the package frechet-audio-distance."""

    ours = "ours"
    upstream = "upstream"


def fad(
    reference: Annotated[
        Path,
        typer.Argument(metavar="REFERENCE", help="Folder of reference audio, or a file of its statistics (`.npz`)."),
    ],
    evaluated: Annotated[
        Path, typer.Argument(metavar="EVALUATED", help="Folder of audio to compare with the reference.")
    ],
    embedding: Annotated[
        str, typer.Option(help="Embeddings, separated by commas; `m2l-bench weights list` shows them.")
    ] = "musicnn",
    backend: Annotated[
        Backend, typer.Option(help="`upstream`: the unchanged package frechet-audio-distance.")
    ] = Backend.ours,
    by_clip: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Also write the distance of each clip alone, the largest first.")
    ] = None,
    save_reference: Annotated[
        Path | None,
        typer.Option(metavar="NPZ", help="Also write the reference's statistics; later they can replace the folder."),
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(metavar="DIR", envvar="M2L_BENCH_CACHE", help="Folder where vectors are cached.")
    ] = None,
    device: DeviceOption = "auto",
    weights_dir: WeightsDirOption = None,
    cards: CardsOption = None,
    json: JsonOption = False,
) -> None:
    """Compute the Fréchet audio distance between two folders, and how far it can be trusted.

    It also prints the kernel distance, which suits small sets, and density and coverage. Several embeddings, such as
    several recipes of FAD-CLAP, are shown in one table.

    Each file is embedded once: when you run it again, or with another folder, only new files are embedded.

    Examples:

        m2l-bench fad originals outputs

        m2l-bench fad originals outputs --embedding musicnn,clap --by-clip by_clip.csv

        m2l-bench fad originals outputs --embedding clap,clap-first,clap-channels,clap-fadtk,clap-music

        m2l-bench fad fma_pop.npz outputs --embedding vggish

        m2l-bench fad originals outputs --embedding vggish --backend upstream
    """
    from m2l_bench.cards import load_cards
    from m2l_bench.console.reconstruction import (
        comparisons_json,
        print_comparisons,
        print_left_out,
        print_upstream_scores,
    )
    from m2l_bench.console.terminal import ProgressBars, print_json
    from m2l_bench.distances import folders, upstream
    from m2l_bench.distances.references import write_statistics
    from m2l_bench.engine.torch_devices import torch_device
    from m2l_bench.weights.locate import cache_folder

    stdout, stderr = consoles()
    names = split_names(embedding)
    if backend is Backend.upstream:
        if by_clip or save_reference:
            raise UserError("--by-clip and --save-reference: the package frechet-audio-distance has neither")
        scores = [upstream.score(reference, evaluated, name, weights_dir) for name in names]
        if json:
            print_json({"scores": [asdict(score) for score in scores]})
        else:
            print_upstream_scores(stdout, scores)
        return
    known_cards = load_cards(cards or ())
    embeddings = [known_cards.embedding(name) for name in names]
    recipes = {card.name: " ".join(card.description.split()) for card in embeddings}
    comparisons, unavailable = folders.compare_all(
        reference,
        evaluated,
        embeddings,
        cache or cache_folder(),
        ProgressBars(stderr),
        device=torch_device(device),
        weights_dir=weights_dir,
    )
    if by_clip:
        folders.write_clip_distances(by_clip, comparisons)
    if save_reference:
        write_statistics(save_reference, {comparison.embedding: comparison.reference for comparison in comparisons})
    if json:
        print_json(comparisons_json(comparisons, unavailable, recipes))
    else:
        print_comparisons(stdout, comparisons, recipes)
    print_left_out(stderr, comparisons, unavailable)
    if unavailable or any(comparison.failed for comparison in comparisons):
        raise typer.Exit(SOME_FAILED)
