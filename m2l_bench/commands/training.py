"""`m2l-bench pack`, `train` and `ablate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from m2l_bench.commands.common import SOME_FAILED, DeviceOption, JsonOption, consoles
from m2l_bench.text import counted

PRESET_NAMES = "`paper`, `official`, `small`, `mini`, `tiny`"
"""Names of `music2latent.config.PRESETS`, which takes a while to import."""
DataOption = Annotated[
    list[str],
    typer.Option(
        metavar="DIR[=WEIGHT]",
        help="Packed corpus (repeatable); WEIGHT: its share of the crops, default: 1.",
    ),
]
PrecisionOption = Annotated[
    str,
    typer.Option(metavar="TYPE", help="`32-true`, `bf16-mixed`, `16-mixed`, or `auto`: bf16 on GPUs that support it."),
]
CompileOption = Annotated[
    bool, typer.Option("--compile", help="Compile the networks' blocks: the start takes longer, each step is faster.")
]
HeldOutOption = Annotated[Path | None, typer.Option(help="Folder of held-out audio; default: the bundled clips.")]


def pack(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="Folder of audio: WAV, FLAC, OGG, Opus, MP3 or AIFF.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the packed corpus.")],
    manifest: Annotated[
        Path | None, typer.Option(help="CSV with columns file, licence and source; default: SOURCE/manifest.csv.")
    ] = None,
) -> None:
    """Decode a folder of audio once, into shards that training can read without waiting.

    Files that cannot be read are named and left out. Run it again to resume, or after adding files.

    Examples:

        m2l-bench pack my_music -o corpus
    """
    from m2l_bench.console.terminal import ProgressBars
    from m2l_bench.jobs import training

    _, stderr = consoles()
    index = training.pack(source, out, manifest, ProgressBars(stderr))
    for name, reason in index.skipped.items():
        stderr.print(f"{name}: {reason}", style="bold red", markup=False, soft_wrap=True)
    hours = sum(file.samples / file.sample_rate for file in index.files) / 3600
    stderr.print(
        f"{out}: {counted(len(index.files), 'file')}, {hours:.2f} hours in {counted(len(index.shards), 'shard')}",
        markup=False,
        soft_wrap=True,
    )
    if index.skipped:
        raise typer.Exit(SOME_FAILED)


def train(
    data: DataOption,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the run; an existing run goes on.")],
    preset: Annotated[str, typer.Option(help=f"Size of the networks: {PRESET_NAMES}.")] = "small",
    recipe: Annotated[
        str, typer.Option(help="Schedule and optimiser: `paper`, or `fast` for hours instead of weeks.")
    ] = "fast",
    max_minutes: Annotated[
        float | None, typer.Option(min=0.0, metavar="MIN", help="Stop cleanly after this many minutes.")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Start from the weights of this run, compact checkpoint or model.")
    ] = None,
    iterations: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Number of iterations of the whole schedule.")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Crops per step, over all devices.")
    ] = None,
    learning_rate: Annotated[float | None, typer.Option(min=0.0, metavar="RATE", help="Peak learning rate.")] = None,
    optimiser: Annotated[str | None, typer.Option(help="Optimiser: `radam`, `adam` or `muon`.")] = None,
    accumulate: Annotated[
        int, typer.Option(min=1, metavar="N", help="Gradient-accumulation steps (less memory, same result).")
    ] = 1,
    precision: PrecisionOption = "auto",
    device: DeviceOption = "auto",
    compile: CompileOption = False,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Random seed for weights, crops and noise.")] = 0,
    interval_minutes: Annotated[
        float, typer.Option(min=0.0, metavar="MIN", help="Minutes between checkpoints.")
    ] = 10.0,
    validate_on: HeldOutOption = None,
    compact: Annotated[
        Path | None, typer.Option(help="At the end also write half-precision weights to this folder, in parts.")
    ] = None,
    part_megabytes: Annotated[
        int, typer.Option(min=1, metavar="N", help="Largest size of a part of --compact, in MB.")
    ] = 45,
    no_attention: Annotated[
        bool, typer.Option("--no-attention", help="Train without frequency-wise attention (Table 3).")
    ] = False,
    no_frequency_scaling: Annotated[
        bool, typer.Option("--no-frequency-scaling", help="Train without adaptive frequency scaling (Table 3).")
    ] = False,
    wandb: Annotated[
        str, typer.Option(metavar="PROJECT", help="Log to this project at Weights & Biases as well.")
    ] = "",
) -> None:
    """Train Music2Latent on packed music. Interrupt it at any time: the same command goes on.

    OUT/model can be used with `m2l-bench encode --weights`. OUT/log.jsonl has the losses; OUT/tensorboard has the
    losses and audio; with --wandb, Weights & Biases has them too. For several GPUs or machines, run the same command
    under `torchrun` or `srun`.

    Examples:

        m2l-bench train --preset tiny --data corpus --out runs/tiny --max-minutes 5

        m2l-bench train --preset paper --recipe paper --data corpus --out runs/paper

        torchrun --nproc-per-node 8 -m m2l_bench train --data corpus --out runs/a
    """
    from m2l_bench.jobs import training

    _, stderr = consoles()
    options = training.TrainOptions(
        data=data,
        out=out,
        preset=preset,
        recipe=recipe,
        resume=resume,
        minutes=max_minutes,
        changes={
            "iterations": iterations,
            "batch_size": batch_size,
            "learning_rate": learning_rate,
            "optimiser": optimiser,
        },
        accumulate=accumulate,
        precision=precision,
        device=device,
        compile=compile,
        seed=seed,
        interval_minutes=interval_minutes,
        validate_on=validate_on,
        compact=compact,
        part_megabytes=part_megabytes,
        attention=not no_attention,
        frequency_scaling=not no_frequency_scaling,
        wandb=wandb,
    )
    training.train(options, stderr)


def ablate(
    data: DataOption,
    iterations: Annotated[int, typer.Option(min=1, metavar="N", help="Number of iterations of each training.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the runs.")] = Path("runs/ablation"),
    preset: Annotated[str, typer.Option(help=f"Size of the networks: {PRESET_NAMES}.")] = "small",
    recipe: Annotated[str, typer.Option(help="Schedule and optimiser: `paper` or `fast`.")] = "fast",
    batch_size: Annotated[int | None, typer.Option(min=1, metavar="N", help="Crops per step.")] = None,
    seeds: Annotated[int, typer.Option(min=1, metavar="N", help="Number of trainings of each model.")] = 1,
    max_minutes: Annotated[
        float | None,
        typer.Option(min=0.0, metavar="MIN", help="Stop cleanly after this many minutes; the same command goes on."),
    ] = None,
    precision: PrecisionOption = "auto",
    device: DeviceOption = "auto",
    compile: CompileOption = False,
    validate_on: HeldOutOption = None,
    json: JsonOption = False,
) -> None:
    """Measure Table 3: train the base model, add attention, then frequency scaling, and score all three models.

    All three are trained on the same crops. Interrupt it at any time: the same command goes on.

    Examples:

        m2l-bench ablate --preset tiny --data corpus --iterations 500 --batch-size 8
    """
    from m2l_bench.console.reconstruction import print_table
    from m2l_bench.console.terminal import print_json
    from m2l_bench.jobs import ablation
    from m2l_bench.jobs.training import TrainOptions
    from m2l_bench.tables.ablation import ablation_table, write_ablation
    from m2l_bench.tables.formats import to_json

    stdout, stderr = consoles()
    options = TrainOptions(
        data=data,
        out=out,
        preset=preset,
        recipe=recipe,
        minutes=max_minutes,
        changes={"iterations": iterations, "batch_size": batch_size},
        precision=precision,
        device=device,
        compile=compile,
        validate_on=validate_on,
    )
    if not ablation.train(options, range(seeds), stderr):
        stderr.print("not all models are trained yet: the same command goes on", markup=False)
        raise typer.Exit(SOME_FAILED)
    clips = ablation.score(options, range(seeds), "cpu" if device == "auto" else device)
    table = ablation_table(clips)
    paths = write_ablation(table, clips, out)
    if json:
        print_json(to_json(table))
    else:
        print_table(stdout, table)
    stderr.print(f"wrote {', '.join(map(str, paths))}", markup=False, soft_wrap=True)
