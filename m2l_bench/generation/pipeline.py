"""All stages of `m2l-bench generate`: encode, train, draw and decode, compare. Each goes on where it was stopped.

OUT/sources.json             what was encoded
OUT/latents/SYSTEM/          latents of the corpus
OUT/held-out/SYSTEM/         latents of the held-out music
OUT/reference-KEY/           clips of the held-out music
OUT/runs/SYSTEM/train-KEY-SEED/  checkpoint, log, and the samples
OUT/runs/SYSTEM/sets-KEY/    floors and ceilings
OUT/generate.csv             one row per system and set
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from m2l_bench.boundary import reason_of
from m2l_bench.cards import EmbeddingCard, SystemCard
from m2l_bench.datasets.bundled import FOLDER as BUNDLED
from m2l_bench.digests import digest
from m2l_bench.errors import UserError
from m2l_bench.generation import decoding, sets, training
from m2l_bench.generation.card import GeneratorCard
from m2l_bench.generation.crops import Music, Scale
from m2l_bench.generation.decoding import MakeItems, frames_of, present, write_items
from m2l_bench.generation.evaluation import Evaluator, Row, write_reference, write_rows
from m2l_bench.generation.training import Training
from m2l_bench.jobs.collection_encoding import CollectionOptions, encode_collection
from m2l_bench.jobs.collection_sources import list_source
from m2l_bench.progress import EncodingProgress, Progress
from m2l_bench.runs.files import explain_write_errors, locked_folder, write_atomically
from m2l_bench.runs.generated import CODEC, CORPUS, CSV, NOISE, SAMPLES, SHUFFLED
from m2l_bench.storage import is_address
from m2l_bench.systems.adapters import adapter_availability
from m2l_bench.systems.codec_runner import CodecRunner
from m2l_bench.systems.embedding_runner import EmbeddingRunner, load_embedding
from m2l_bench.systems.loading import load_runner
from m2l_bench.text import counted

SOURCES = "sources.json"


@dataclass(frozen=True)
class Options:
    """Options of `generate`."""

    steps: int | None = None
    """Optimiser steps; None: those of the card."""
    seeds: int = 2
    """Number of transformers per system."""
    samples: int = 30
    """Number of clips of each set."""
    device: str = "cpu"
    weights_dir: Path | None = None


@dataclass
class Results:
    """What a command has measured."""

    rows: list[Row] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    """Why systems and audio files failed, by their names."""
    notes: list[str] = field(default_factory=list)


def generate(
    systems: Sequence[SystemCard],
    data: str,
    held_out: str | None,
    generator: GeneratorCard,
    embeddings: Sequence[EmbeddingCard],
    out: Path,
    options: Options,
    progress: Progress,
    encoding: EncodingProgress,
) -> Results:
    """Train a transformer on the latents of each system, and compare its samples with held-out music.

    Args:
        data: corpus to train on, as `list_source` takes it.
        held_out: other music, as `list_source` takes it; None: the bundled clips.

    Raises:
        UserError: a system or an embedding cannot be used, corpus and held-out music are the same, `out` holds the
            latents of other music or is used by another process, or no file is as long as a crop.
    """
    held_out = held_out or str(BUNDLED)
    sources = {"data": _resolved(data), "held_out": _resolved(held_out)}
    if sources["data"] == sources["held_out"]:
        raise UserError(f"{data}: is both the corpus and the held-out music; name other music with --held-out")
    for card in systems:
        _check(load_runner(card, weights_dir=options.weights_dir), card)
    runners = {card.name: _load_embedding(card, options) for card in embeddings}
    results = Results()
    with locked_folder(out, lambda folder: folder) as folder:
        _remember(folder / SOURCES, sources)
        work = _Work(folder, data, held_out, generator, runners, options, progress, encoding, results)
        for card in systems:
            try:
                work.measure(card)
            except UserError:
                raise
            except Exception as error:
                results.failed[card.name] = reason_of(error)
            write_rows(folder / CSV, results.rows)
    return results


def _resolved(source: str) -> str:
    return source if is_address(source) else str(Path(source).resolve())


def _check(runner: CodecRunner, card: SystemCard) -> None:
    """Refuse a codec whose latents are codes, or hold something else than frames."""
    if runner.codec.codebook_entries or not runner.codec.even_frames:
        raise UserError(f"{card.name}: its latents are codes, but flow matching needs numbers; leave it out")


def _load_embedding(card: EmbeddingCard, options: Options) -> EmbeddingRunner:
    state = adapter_availability(card, options.weights_dir)
    if not state:
        raise UserError(f"{card.name}: {state}")
    return load_embedding(card, device=options.device, weights_dir=options.weights_dir)


def _remember(path: Path, sources: dict[str, str]) -> None:
    """Write down what a folder is made from; refuse a folder that is made from something else."""
    if path.is_file() and json.loads(path.read_text(encoding="utf-8")) != sources:
        raise UserError(f"{path.parent}: holds latents of other music; choose another -o, or delete it")
    with explain_write_errors(path.parent):
        write_atomically(path, json.dumps(sources, indent=2).encode() + b"\n")


@dataclass
class _Work:
    """The stages, for one system after the other."""

    folder: Path
    data: str
    held_out: str
    generator: GeneratorCard
    embeddings: dict[str, EmbeddingRunner]
    options: Options
    progress: Progress
    encoding: EncodingProgress
    results: Results
    corpus_digest: str = ""
    """Digest of the corpus of the first system."""

    def measure(self, card: SystemCard) -> None:
        """Measure all sets of a system."""
        self._encode(self.data, self.folder / "latents" / card.name, card)
        self._encode(self.held_out, self.folder / "held-out" / card.name, card)
        system = _System(self, card)
        self._compare_corpora(card.name, system.music)
        for seed in range(self.options.seeds):
            self.results.rows.append(system.train(seed))
        self.results.rows += system.bounds()

    def _encode(self, source: str, out: Path, card: SystemCard) -> None:
        options = CollectionOptions(
            device=self.options.device, precision="float32", weights_dir=self.options.weights_dir
        )
        out.parent.mkdir(parents=True, exist_ok=True)
        encoded = encode_collection(source, str(out), card, options, self.encoding)
        self.results.failed |= {f"{card.name}: {id}": reason for id, reason in encoded.failed.items()}

    def open(self, name: str, system: str, frames: int) -> Music:
        """Open the latents of a system in the folder `name`."""
        music = Music(self.folder / name / system, self.generator.seconds, frames)
        if music.left_out:
            files = counted(music.left_out, "file")
            self.note(f"{name}: left out {files} shorter than the {music.seconds:g} s of a crop")
        return music

    def note(self, text: str) -> None:
        """Add a note, once."""
        if text not in self.results.notes:
            self.results.notes.append(text)

    def _compare_corpora(self, system: str, music: Music) -> None:
        self.corpus_digest = self.corpus_digest or music.digest
        if music.digest != self.corpus_digest:
            self.note(f"{system}: its crops are not those of the first system, because other files were encoded")


class _System:
    """One system, whose latents are encoded."""

    def __init__(self, work: _Work, card: SystemCard) -> None:
        options = work.options
        self.work, self.name = work, card.name
        self.runner = load_runner(card, device=options.device, weights_dir=options.weights_dir)
        frames = frames_of(self.runner, work.generator.seconds)
        self.music = music = work.open("latents", card.name, frames)
        self.held_out = held_out = work.open("held-out", card.name, frames)
        self.scale = Scale(music)
        self.folder = work.folder / "runs" / card.name
        self.decoded = [card.digest, music.collection.codec_digest, music.digest, decoding.version]
        """What decides the decoded files, beside the latents."""
        self.crops = held_out.spread(options.samples)
        if len(self.crops) < options.samples:
            work.note(f"held-out: gives only {counted(len(self.crops), 'clip')}; the other sets have {options.samples}")
        reference = work.folder / f"reference-{_key(held_out.digest, music.seconds, len(self.crops))}"
        with work.progress.start("reference", len(self.crops), present(reference, len(self.crops))) as advance:
            write_reference(reference, list_source(work.held_out), held_out, self.crops, advance)
        self.evaluator = Evaluator(reference, len(self.crops), work.embeddings, work.folder / "vectors", work.progress)

    def train(self, seed: int) -> Row:
        """Train a transformer, draw samples from it and compare them."""
        card, options = self.work.generator, self.work.options
        steps = options.steps or card.steps
        key = _key(card.digest, steps, self.held_out.digest, training.version, *self.decoded)
        folder = self.folder / f"train-{key}-{seed}"
        with explain_write_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        run = Training(folder, self.music, self.held_out, card, steps, seed, options.device)
        with self.work.progress.start(f"{self.name}: train, seed {seed}", steps, run.place.step) as advance:
            trained = run.run(advance)
        make = sets.samples(trained.network, self.scale, self.music.frames, card, seed, options.device)
        of_training = {
            "seed": seed,
            "steps": steps,
            "parameters": trained.parameters,
            "validation_loss": trained.validation_loss,
            "training_seconds": round(trained.seconds, 2),
        }
        return self._row(SAMPLES, make, folder, options.samples, **of_training)

    def bounds(self) -> list[Row]:
        """Decode and compare floors and ceilings."""
        count = self.work.options.samples
        folder = self.folder / f"sets-{_key(self.music.seconds, *self.decoded)}"
        return [
            self._row(NOISE, sets.random_latents(self.scale, self.music.frames), folder, count),
            self._row(SHUFFLED, sets.shuffled_frames(self.music), folder, count),
            self._row(CORPUS, sets.corpus(self.music), folder, count),
            self._row(CODEC, sets.codec(self.held_out, self.crops), folder, len(self.crops)),
        ]

    def _row(self, name: str, make: MakeItems, parent: Path, count: int, **of_training: Any) -> Row:
        """Decode a set and compare it with the reference."""
        is_codec = name == CODEC
        reference = self.evaluator.reference
        folder = parent / (f"{name}-{reference.name}" if is_codec else name).replace(" ", "-")
        with self.work.progress.start(f"{self.name}: {name}", count, present(folder, count)) as advance:
            seconds = write_items(folder, count, make, self.runner, self.music.seconds, advance)
        return Row(
            self.name,
            name,
            count=count,
            seconds_per_clip=round(seconds, 4),
            folder=folder.relative_to(self.work.folder).as_posix(),
            reference=reference.relative_to(self.work.folder).as_posix(),
            figures=self.evaluator.compare(folder, count, paired=is_codec),
            **of_training,
        )


def _key(*content: object) -> str:
    return digest(list(content))[:12]
