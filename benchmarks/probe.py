"""Ten seeds of the probe against ten Keras fits one after the other, and how fast features are extracted.

    python benchmarks/probe.py

Keras (on PyTorch, `pip install keras`) gets the layers, penalties, optimiser and callbacks that mir_ref gives it, and:

- `keras`: features in one array in memory, validation in batches, the kindest case;
- `keras_mir_ref`: as mir_ref feeds it, a file a clip and validation one clip at a time; the second epoch of one fit.

The others stop after `--epochs`; times are of an epoch. Ours reads its features from disk, mapped.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from m2l_bench import audio
from m2l_bench.cards import ProbeSettings, load_cards
from m2l_bench.datasets import bundled
from m2l_bench.engine import default_jobs
from m2l_bench.engine.torch_devices import MemoryMeter
from m2l_bench.probing.targets import Part
from m2l_bench.probing.training import fit
from m2l_bench.systems.embedding_runner import load_embedding

SPEED_OF = ("mel-mean", "chroma", "musicnn", "music2latent-untrained")


def features(folder: Path, items: int, dim: int, classes: int) -> tuple[Part, Part]:
    """Random features on disk with a class each; nine tenths to train on."""
    rng = np.random.default_rng(0)
    path = folder / "features.npy"
    matrix = np.lib.format.open_memmap(path, "w+", np.float32, (items, dim))
    for first in range(0, items, 1000):
        matrix[first : first + 1000] = rng.standard_normal((min(1000, items - first), dim), np.float32)
    matrix.flush()
    del matrix
    labels = rng.integers(0, classes, items)
    mapped, cut = np.load(path, mmap_mode="r"), items * 9 // 10
    rows = np.arange(items)
    return Part(mapped, rows[:cut], labels[:cut], classes), Part(mapped, rows[cut:], labels[cut:], classes)


def ours(train: Part, validation: Part, settings: ProbeSettings) -> dict[str, float]:
    """Seconds of an epoch of all seeds, and peak memory."""
    meter, started = MemoryMeter("cpu"), time.perf_counter()

    def score(scores: Any) -> float:
        return float((scores.argmax(axis=1) == validation.labels).mean())

    fit(train, validation, settings, list(range(settings.seeds)), score)
    return {"epoch_seconds": (time.perf_counter() - started) / settings.epochs, "peak_mb": meter.peak_mb()}


def keras_model(settings: ProbeSettings, dim: int, classes: int) -> Any:
    import keras

    def dense(units: int, activation: str) -> Any:
        l2 = keras.regularizers.L2(settings.l2)
        return keras.layers.Dense(units, activation=activation, kernel_regularizer=l2, bias_regularizer=l2)

    layers = [dense(units, "relu") for units in settings.hidden]
    model = keras.Sequential([keras.Input((dim,)), *layers, dense(classes, "softmax")])
    adam = keras.optimizers.Adam(settings.learning_rate)
    model.compile(adam, "categorical_crossentropy", metrics=["categorical_accuracy"])
    return model


def keras_fits(train: Part, validation: Part, settings: ProbeSettings, fits: int, folder: Path) -> list[float]:
    """Seconds of an epoch of each fit."""
    import keras

    eye = np.eye(train.classes, dtype=np.float32)
    arrays = [(part.whole(), eye[part.labels]) for part in (train, validation)]
    spent = []
    for seed in range(fits):
        keras.utils.set_random_seed(seed)
        started = time.perf_counter()
        keras_model(settings, train.features.shape[1], train.classes).fit(
            *arrays[0],
            batch_size=settings.batch_size,
            epochs=settings.epochs,
            validation_data=arrays[1],
            validation_batch_size=settings.batch_size,
            callbacks=_callbacks(settings, folder / "weights.weights.h5"),
            verbose=0,
        )
        spent.append((time.perf_counter() - started) / settings.epochs)
        print(f"keras, seed {seed}: {spent[-1]:.2f} s an epoch", file=sys.stderr)
    return spent


def keras_as_mir_ref(train: Part, validation: Part, settings: ProbeSettings, folder: Path) -> float:
    """Seconds of the second epoch of one fit from a file a clip, in double precision, the last batch dropped."""
    import keras

    class Files(keras.utils.PyDataset):  # type: ignore[misc]
        def __init__(self, part: Part, batch: int) -> None:
            super().__init__()
            self.paths = [folder / f"{row}.npy" for row in part.rows]
            for path, row in zip(self.paths, part.rows, strict=True):
                np.save(path, part.features[row])
            self.labels, self.batch = np.eye(part.classes, dtype=int)[part.labels], batch

        def __len__(self) -> int:
            return len(self.paths) // self.batch

        def __getitem__(self, index: int) -> tuple[Any, Any]:
            rows = slice(index * self.batch, (index + 1) * self.batch)
            return np.stack([np.load(path).astype(float) for path in self.paths[rows]]), self.labels[rows]

    class Clock(keras.callbacks.Callback):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.ends: list[float] = []

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.ends.append(time.perf_counter())

    data, held_out, clock = Files(train, settings.batch_size), Files(validation, 1), Clock()
    callbacks = [*_callbacks(settings, folder / "weights.weights.h5"), clock]
    model = keras_model(settings, train.features.shape[1], train.classes)
    model.fit(data, epochs=2, validation_data=held_out, callbacks=callbacks, verbose=0)
    return clock.ends[1] - clock.ends[0]


def _callbacks(settings: ProbeSettings, path: Path) -> list[Any]:
    import keras

    best = keras.callbacks.ModelCheckpoint(
        path, "val_categorical_accuracy", mode="max", save_best_only=True, save_weights_only=True
    )
    return [keras.callbacks.EarlyStopping(patience=settings.patience), best]


def extraction(clips: int) -> dict[str, float]:
    """Seconds of audio turned into features in a second of this machine."""
    recordings = [audio.read(clip.path) for clip in bundled.load().clips[:clips]]
    total = sum(samples.shape[1] / rate for samples, rate in recordings)
    speeds, cards = {}, load_cards()
    for name in SPEED_OF:
        runner = load_embedding(cards.embedding(name))
        runner.embed(*recordings[0])
        started = time.perf_counter()
        waveforms = [runner.prepare(samples, rate) for samples, rate in recordings]
        for first in range(0, len(waveforms), runner.batch_size):
            group = waveforms[first : first + runner.batch_size]
            equal = len({len(one) for one in group}) == 1
            for one in [group] if equal else [[single] for single in group]:
                runner.embed_equal(one)
        speeds[name] = total / (time.perf_counter() - started)
    return speeds


def main() -> None:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--dim", type=int, default=8192)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=1083)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--keras-fits", type=int, default=10)
    parser.add_argument("--no-mir-ref", action="store_true", help="leave keras_mir_ref out: it writes 650 MB of files")
    parser.add_argument("--clips", type=int, default=16)
    parser.add_argument("--json", type=Path)
    a = parser.parse_args()
    settings = ProbeSettings(batch_size=a.batch_size, epochs=a.epochs, seeds=a.seeds)
    result: dict[str, Any] = {
        "machine": f"{platform.machine()}, {default_jobs()} cores, Python {platform.python_version()}",
        "load_before": os.getloadavg(),
        "features": [a.items, a.dim],
        "batch_size": a.batch_size,
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        train, validation = features(folder, a.items, a.dim, a.classes)
        result["ours"] = ours(train, validation, settings)
        print(result["ours"], file=sys.stderr)
        fits = keras_fits(train, validation, settings, a.keras_fits, folder)
        result["keras"] = {"epoch_seconds_of_all_seeds": a.seeds * statistics.mean(fits), "fits": fits}
        epoch = result["ours"]["epoch_seconds"]
        result["times_as_fast_as_keras"] = result["keras"]["epoch_seconds_of_all_seeds"] / epoch
        if not a.no_mir_ref:
            epoch_of_one = keras_as_mir_ref(train, validation, settings, folder)
            result["keras_mir_ref"] = {"epoch_seconds_of_all_seeds": a.seeds * epoch_of_one}
            result["times_as_fast_as_mir_ref"] = a.seeds * epoch_of_one / epoch
    result["audio_seconds_per_second"] = extraction(a.clips)
    result["load_after"] = os.getloadavg()
    text = json.dumps(result, indent=2)
    print(text)
    if a.json:
        a.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
