"""The work of `m2l-bench pack` and `m2l-bench train`, which use `music2latent.training`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from m2l_bench import audio
from m2l_bench.audio import Audio
from m2l_bench.audio.listing import list_audio
from m2l_bench.console.terminal import TrainingBar
from m2l_bench.datasets import bundled
from m2l_bench.datasets import folder as folder_dataset
from m2l_bench.datasets.base import Clip
from m2l_bench.engine.torch_devices import torch_device
from m2l_bench.environment import LOG
from m2l_bench.errors import BadClip, Undefined, UserError
from m2l_bench.extras import require
from m2l_bench.metrics.si_sdr import si_sdr
from m2l_bench.metrics.spectral import log_spectral_distance
from m2l_bench.progress import Progress
from m2l_bench.text import counted, escape_name

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from rich.console import Console

    from m2l_bench.music2latent import Music2Latent
    from m2l_bench.music2latent.training.corpus import Index, Mixture
    from m2l_bench.music2latent.training.recipe import Recipe
    from m2l_bench.music2latent.training.settings import Validation
    from m2l_bench.music2latent.training.state import State

VALIDATION_CLIPS = 8
EXCERPT_SECONDS = 3.0
VALIDATION_SHARE = 0.1
"""Largest part of a limited time that scoring held-out clips may take, each time."""


@dataclass(frozen=True)
class TrainOptions:
    """Options of a training, as on the command line."""

    data: Sequence[str]
    """Packed corpora, `DIR` or `DIR=WEIGHT`."""
    out: Path
    preset: str = "small"
    recipe: str = "fast"
    resume: Path | None = None
    minutes: float | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    """New values of fields of the recipe; None leaves a field unchanged."""
    accumulate: int = 1
    precision: str = "auto"
    device: str = "auto"
    compile: bool = False
    seed: int = 0
    interval_minutes: float = 10.0
    validate_on: Path | None = None
    compact: Path | None = None
    part_megabytes: int = 45
    attention: bool = True
    frequency_scaling: bool = True
    wandb: str = ""
    """Project at Weights & Biases to log to as well; empty: none."""


def pack(source: Path, target: Path, manifest: Path | None, progress: Progress) -> Index:
    """Pack a folder of audio for training, and return the index of the corpus.

    Raises:
        UserError: there is nothing to pack, or the target cannot be written.
    """
    from m2l_bench.music2latent.training import pack as packing
    from m2l_bench.music2latent.training.corpus import CorpusError

    if not source.is_dir():
        raise UserError(f"{source}: no such folder")
    listing = list_audio(source)
    for note in listing.notes:
        LOG.warning("%s", note)
    files = {escape_name(path.relative_to(source).as_posix()): path for path in listing.files}
    try:
        with progress.start("pack", len(files), 0) as advance:
            return packing.pack(source, target, manifest, advance, files=files, read=audio.read)
    except (CorpusError, OSError) as error:
        raise UserError(str(error)) from error


def train(options: TrainOptions, console: Console) -> State:
    """Start a run, or go on with the one in `options.out`.

    Args:
        console: console for progress and messages; the bar moves only in a terminal.

    Raises:
        UserError: the run was started with other options, the data cannot be used, or the training failed.
        ModuleNotFoundError: a package is missing.
    """
    if options.wandb:
        require("wandb")
    held_out = held_out_clips(options.validate_on)
    fabric = _fabric(options)
    from m2l_bench.music2latent import CheckpointError
    from m2l_bench.music2latent.training import loop, state
    from m2l_bench.music2latent.training.corpus import CorpusError
    from m2l_bench.music2latent.training.record import record_data
    from m2l_bench.music2latent.training.settings import Settings

    fabric.launch()
    try:
        with TrainingBar(console, visible=fabric.is_global_zero) as bar:
            start = _start(options, bar.message)
            crop_samples = (start.recipe.crop_frames + 3) * start.config.hop
            mixture = _mixture(options.data, crop_samples, start, fabric.is_global_zero, bar.message)
            if fabric.is_global_zero:
                record_data(mixture, options.out)
            settings = Settings(
                out=options.out,
                minutes=options.minutes,
                interval_minutes=options.interval_minutes,
                accumulate=options.accumulate,
                compile=options.compile,
                wandb=options.wandb,
                validate=held_out_validation(held_out, options.minutes),
                on_status=bar.status,
                on_message=bar.message,
            )
            result = loop.train(start, mixture, settings, fabric)
            if options.compact is not None and fabric.is_global_zero:
                parts = state.save_compact(result, options.compact, options.part_megabytes * 1_000_000)
                bar.message(f"{options.compact}: {counted(len(parts), 'part')}")
        return result
    except (CheckpointError, CorpusError, loop.TrainingError, OSError) as error:
        raise UserError(str(error)) from error


def _start(options: TrainOptions, on_message: Callable[[str], None]) -> State:
    """Make a new state, or load that of the run in `out`, or that of `resume`."""
    from m2l_bench.music2latent import PRESETS
    from m2l_bench.music2latent.training import state
    from m2l_bench.music2latent.training.loop import initial_state

    if options.preset not in PRESETS:
        raise UserError(f"no preset '{options.preset}': there are {', '.join(PRESETS)}")
    config = PRESETS[options.preset]
    config = config if options.attention else config.without_frequency_attention()
    config = config if options.frequency_scaling else config.without_frequency_scaling()
    recipe = recipe_of(options)
    here = (options.out / state.WHOLE).is_file()
    if not here and options.resume is None:
        return initial_state(config, recipe, options.seed)
    loaded = state.load(options.out if here else options.resume or options.out)
    changed = state.differences(config, loaded.config)
    if here or loaded.iteration:
        changed += state.differences(recipe, loaded.recipe)
    if here and loaded.seed != options.seed:
        changed.append(f"seed was {loaded.seed}, now {options.seed}")
    if changed:
        source = options.out if here else options.resume
        raise UserError(f"{source}: has other options ({'; '.join(changed)}); give the same, or another --out")
    if not here and not loaded.iteration:
        loaded = replace(loaded, recipe=recipe, seed=options.seed)  # weights alone: a new schedule
    on_message(f"going on from iteration {loaded.iteration} of {options.out if here else options.resume}")
    return loaded


def recipe_of(options: TrainOptions) -> Recipe:
    """Make the recipe of the options: the named one, with the changes.

    Raises:
        UserError: there is no such recipe, or a number cannot be used.
    """
    from m2l_bench.music2latent.training.recipe import RECIPES

    if options.recipe not in RECIPES:
        raise UserError(f"no recipe '{options.recipe}': there are {', '.join(RECIPES)}")
    changes = {name: value for name, value in options.changes.items() if value is not None}
    try:
        return replace(RECIPES[options.recipe], **changes)
    except ValueError as error:
        raise UserError(str(error)) from error


def _mixture(
    data: Sequence[str], crop_samples: int, start: State, first: bool, on_message: Callable[[str], None]
) -> Mixture:
    from m2l_bench.music2latent.training.corpus import Corpus, CorpusError, Mixture
    from m2l_bench.music2latent.training.pack import verify

    folders, weights = [], []
    for item in data:
        name, equals, weight = item.rpartition("=")
        try:
            folders.append(Path(name if equals else item))
            weights.append(float(weight) if equals else 1.0)
        except ValueError as error:
            raise UserError(f"--data {item}: expected DIR or DIR=WEIGHT") from error
    corpora = [Corpus(folder, crop_samples) for folder in folders]
    if first:
        for corpus in corpora:
            damaged = verify(corpus.folder)
            if damaged:
                raise CorpusError(f"{corpus.folder / damaged[0]}: damaged (SHA-256 differs); pack the folder again")
            on_message(
                f"{corpus.folder}: {counted(len(corpus.files), 'file')}, {corpus.hours:.1f} hours"
                + (f", {corpus.too_short} too short for a crop" if corpus.too_short else "")
            )
    return Mixture(corpora, weights, start.seed, start.recipe.minimum_rms)


def _fabric(options: TrainOptions) -> Fabric:
    """Set up one process on one device, or the processes that torchrun or SLURM started.

    Raises:
        UserError: the device or the precision cannot be used.
        ModuleNotFoundError: a package is missing.
    """
    require("train")
    import torch

    from m2l_bench.music2latent.private_apis import import_fabric

    if "," in options.device:
        raise UserError(f"--device {options.device}: training on several devices needs `torchrun`; name one device")
    kind, number = torch_device(options.device).partition(":")[0], options.device.partition(":")[2]
    precision = options.precision
    if precision == "auto":
        # Networks narrow enough for a CPU train at half the speed in bfloat16, even where it has instructions for it.
        precision = "bf16-mixed" if kind == "cuda" and torch.cuda.is_bf16_supported() else "32-true"
    here = int(os.environ.get("LOCAL_WORLD_SIZE") or os.environ.get("SLURM_NTASKS_PER_NODE") or 1)
    everywhere = int(os.environ.get("WORLD_SIZE") or os.environ.get("SLURM_NTASKS") or 1)
    devices: Any = [int(number)] if number else here
    try:
        return import_fabric()(
            accelerator=kind,
            devices=devices,
            num_nodes=max(1, everywhere // here),
            strategy="ddp" if everywhere > 1 else "auto",
            precision=precision,  # type: ignore[arg-type]
        )
    except (ValueError, RuntimeError) as error:
        raise UserError(f"--device {options.device}, --precision {options.precision}: {error}") from error


@dataclass(frozen=True)
class HeldOut:
    """One-step reconstruction of an excerpt of a held-out clip."""

    id: str
    original: Audio
    """Audio, (1, samples), at the model's sample rate."""
    reconstruction: Audio
    si_sdr_db: float
    """NaN where it has no value."""
    log_spectral_distance_db: float


def score_held_out(model: Music2Latent, clips: Sequence[Clip], most: int | None = None) -> Iterator[HeldOut]:
    """Reconstruct the first seconds of each clip in one step, always from the same noise, and score them.

    Args:
        most: largest number of clips to use, spread over all of them; None: all.
    """
    import torch

    for number in range(0, len(clips), -(-len(clips) // (most or len(clips)))):
        clip = clips[number]
        samples, rate = audio.read(clip.path, 0.0, EXCERPT_SECONDS)
        original = audio.resample(audio.to_mono(samples), rate, model.config.sample_rate)
        generator = torch.Generator(model.device).manual_seed(number)
        decoded = model.decode(model.encode(original), original.shape[1], generator=generator).cpu().numpy()
        scores = (_value(metric, original, decoded) for metric in (si_sdr, log_spectral_distance))
        yield HeldOut(clip.id, original, decoded, *scores)


def _value(metric: Callable[[Audio, Audio], float], original: Audio, reconstruction: Audio) -> float:
    """A metric of a clip; NaN where it has no value, as the SI-SDR of silence."""
    try:
        return metric(original, reconstruction)
    except Undefined:
        return float("nan")


def held_out_clips(folder: Path | None) -> Sequence[Clip]:
    """List the clips of a folder of audio; None: the bundled clips. A warning names those that cannot be read.

    Raises:
        UserError: there is no such folder, or none of its clips can be read.
    """
    if folder is None:
        return bundled.load().clips
    clips = []
    for clip in folder_dataset.load(folder).clips:
        try:
            audio.read(clip.path, 0.0, 0.1)
        except BadClip as error:
            LOG.warning("held-out clip '%s' is left out: %s", clip.id, error)
        else:
            clips.append(clip)
    if not clips:
        raise UserError(f"{folder}: none of its clips can be read")
    return clips


def held_out_validation(clips: Sequence[Clip], minutes: float | None) -> Callable[[Music2Latent], Validation]:
    """Make a function that averages the scores of a few held-out clips, and keeps their audio for TensorBoard.

    Where the time of the training is limited, it uses only as many clips as it can score in a tenth of this time, and
    at least one.
    """
    most: int | None = None if minutes else VALIDATION_CLIPS

    def validate(model: Music2Latent) -> Validation:
        nonlocal most
        if most is None:
            started = time.perf_counter()
            list(score_held_out(model, clips, 1))
            seconds = time.perf_counter() - started
            most = max(1, min(VALIDATION_CLIPS, int(VALIDATION_SHARE * 60 * (minutes or 0) / seconds)))
        return _validation(list(score_held_out(model, clips, most)))

    return validate


def _validation(results: Sequence[HeldOut]) -> Validation:
    from m2l_bench.music2latent.training.settings import Validation

    names = ("si_sdr_db", "log_spectral_distance_db")
    values = {name: np.array([getattr(clip, name) for clip in results]) for name in names}
    figures = {name: float(np.nanmean(scores)) for name, scores in values.items() if not np.isnan(scores).all()}
    sounds = {f"original/{clip.id}": clip.original[0] for clip in results}
    return Validation(figures, sounds | {f"reconstruction/{clip.id}": clip.reconstruction[0] for clip in results})
