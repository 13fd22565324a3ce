"""The probe against Keras: one epoch batch by batch, and whole trainings with early stopping.

Keras runs on its PyTorch backend, with the layers, penalties, optimiser, loss and callbacks that mir_ref gives it.
Whole trainings, 400 training clips of 40 dimensions, 6 classes or tags; test scores, mean ± standard deviation over 20
seeds: accuracy 0.685 ± 0.020 (Keras) and 0.693 ± 0.023 (ours), macro ROC-AUC 0.912 ± 0.003 and 0.912 ± 0.004. The test
runs five.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
import torch

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")

from support.feature_sets import parts  # noqa: E402

from m2l_bench.cards import ProbeSettings  # noqa: E402
from m2l_bench.metrics.classification import Truth, accuracy, roc_auc  # noqa: E402
from m2l_bench.probing.mlp import SeedStack  # noqa: E402
from m2l_bench.probing.targets import Part  # noqa: E402
from m2l_bench.probing.training import BATCH_SEED, fit  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
SETTINGS = ProbeSettings(batch_size=64)


def keras_model(settings: ProbeSettings, dim: int, classes: int, multilabel: bool) -> Any:
    def dense(units: int, activation: str) -> Any:
        l2 = keras.regularizers.L2(settings.l2)
        return keras.layers.Dense(units, activation=activation, kernel_regularizer=l2, bias_regularizer=l2)

    layers = [dense(units, "relu") for units in settings.hidden]
    model = keras.Sequential([keras.Input((dim,)), *layers, dense(classes, "sigmoid" if multilabel else "softmax")])
    losses = keras.losses
    model.compile(
        optimizer=keras.optimizers.Adam(settings.learning_rate),
        loss=losses.BinaryCrossentropy() if multilabel else losses.CategoricalCrossentropy(),
        metrics=[keras.metrics.AUC(name="score", multi_label=True) if multilabel else "categorical_accuracy"],
    )
    return model


def targets(part: Part) -> np.ndarray:
    return part.labels.astype(np.float32) if part.multilabel else np.eye(part.classes, dtype=np.float32)[part.labels]


def score(part: Part, scores: np.ndarray) -> float:
    truth = Truth(tuple(map(str, range(part.classes))), part.labels)
    return roc_auc(truth, scores) if part.multilabel else accuracy(truth, scores)


@pytest.mark.parametrize("multilabel", [False, True])
def test_from_equal_weights_an_epoch_of_equal_batches_gives_equal_losses(multilabel: bool) -> None:
    """They agree to 1e-5, with a penalty large enough to matter; the last batch of 44 counts. Measured: below 1e-6."""
    train, validation, _ = parts(multilabel=multilabel)
    settings = ProbeSettings(batch_size=64, l2=1e-3, epochs=1)
    model = keras_model(settings, 20, 4, multilabel)
    network = SeedStack([20, *settings.hidden, 4], [7], multilabel)
    for layer, kernel in zip(model.layers, network.kernels, strict=True):
        layer.set_weights([kernel.detach().numpy().reshape(layer.kernel.shape), np.zeros(layer.bias.shape, np.float32)])
    order = torch.randperm(300, generator=torch.Generator().manual_seed(BATCH_SEED)).numpy()
    losses, sizes = [], []
    train_targets = targets(train)
    for first in range(0, 300, 64):
        batch = order[first : first + 64]
        # The penalty before the step is what the batch's loss holds.
        penalty = sum(float(loss.detach()) for loss in model.losses)
        losses.append(float(model.train_on_batch(train.features[batch], train_targets[batch])[0]) - penalty)
        model.reset_metrics()
        sizes.append(len(batch))
    (history,) = fit(train, validation, settings, [7], lambda scores: score(validation, scores)).histories
    assert history.loss[0] == pytest.approx(np.average(losses, weights=sizes), abs=1e-5)
    validation_data = validation.whole(), targets(validation)
    expected = float(model.evaluate(*validation_data, batch_size=len(validation), verbose=0)[0])
    assert history.validation_loss[0] == pytest.approx(expected, abs=1e-5)


def keras_scores(train: Part, validation: Part, test: Part, seeds: int, folder: Any) -> list[float]:
    scores = []
    monitor = "val_score" if train.multilabel else "val_categorical_accuracy"
    for seed in range(seeds):
        keras.utils.set_random_seed(seed)
        model = keras_model(SETTINGS, train.features.shape[1], train.classes, train.multilabel)
        path = folder / f"{seed}.weights.h5"
        model.fit(
            train.whole(),
            targets(train),
            batch_size=SETTINGS.batch_size,
            epochs=SETTINGS.epochs,
            validation_data=(validation.whole(), targets(validation)),
            validation_batch_size=len(validation),
            callbacks=[
                keras.callbacks.EarlyStopping(patience=SETTINGS.patience),
                keras.callbacks.ModelCheckpoint(path, monitor, mode="max", save_best_only=True, save_weights_only=True),
            ],
            verbose=0,
        )
        model.load_weights(path)
        scores.append(score(test, model.predict(test.whole(), verbose=0)))
    return scores


@pytest.mark.full
@pytest.mark.parametrize("multilabel", [False, True])
def test_test_scores_are_those_of_keras_within_seed_noise(multilabel: bool, tmp_path: Any) -> None:
    train, validation, test = parts(400, 200, 40, 6, multilabel, noise=3.0)
    theirs = keras_scores(train, validation, test, 5, tmp_path)
    fitted = fit(train, validation, SETTINGS, list(range(5)), lambda scores: score(validation, scores))
    ours = [score(test, scores) for scores in fitted.scores(test)]
    noise = np.hypot(np.std(ours, ddof=1), np.std(theirs, ddof=1))
    assert np.mean(ours) == pytest.approx(np.mean(theirs), abs=max(2 * noise, 0.005))
