"""The probe's training: seeds together and alone, early stopping, the penalty, determinism, features on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from support.feature_sets import parts

from m2l_bench.cards import ProbeSettings
from m2l_bench.errors import UserError
from m2l_bench.metrics.classification import Truth, accuracy, roc_auc
from m2l_bench.probing.mlp import SeedStack
from m2l_bench.probing.neighbours import neighbour_scores
from m2l_bench.probing.targets import Part, subset
from m2l_bench.probing.training import Fitted, History, fit


def settings(**changes: object) -> ProbeSettings:
    return ProbeSettings.model_validate({"batch_size": 64, "hidden": [32, 16], "epochs": 8, **changes})


def train_on(
    data: tuple[Part, Part, Part], probe_settings: ProbeSettings, seeds: tuple[int, ...] = (0, 1, 2)
) -> tuple[Fitted, np.ndarray]:
    train, validation, test = data
    truth = Truth(tuple("abcdefgh"[: train.classes]), validation.labels)
    measure = roc_auc if train.multilabel else accuracy
    fitted = fit(train, validation, probe_settings, list(seeds), lambda scores: measure(truth, scores))
    return fitted, fitted.scores(test)


@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize("hidden", [[], [32], [32, 16]])
def test_a_seed_gives_the_same_among_others_as_alone(hidden: list[int], multilabel: bool) -> None:
    """They agree to 1e-5: the first product of all seeds adds in another order than that of one."""
    data = parts(multilabel=multilabel)
    together, scores = train_on(data, settings(hidden=hidden, epochs=3))
    for i in range(3):
        alone, own = train_on(data, settings(hidden=hidden, epochs=3), (i,))
        np.testing.assert_allclose(own[0], scores[i], atol=1e-5)
        np.testing.assert_allclose(alone.histories[0].validation_loss, together.histories[i].validation_loss, atol=1e-5)


def test_equal_arguments_give_equal_numbers_and_seeds_differ() -> None:
    data = parts()
    (first, scores), (second, again) = (train_on(data, settings(patience=2, epochs=40)) for _ in range(2))
    assert (scores == again).all()
    assert first.histories == second.histories
    assert not np.allclose(scores[0], scores[1])


@pytest.mark.parametrize("multilabel", [False, True])
def test_each_seed_stops_by_itself_and_keeps_its_best_epoch(multilabel: bool) -> None:
    data = parts(multilabel=multilabel)
    fitted, _ = train_on(data, settings(patience=3, epochs=60, learning_rate=5e-3), tuple(range(6)))
    lengths = {history.epochs for history in fitted.histories}
    assert len(lengths) > 1 and max(lengths) < 60
    validation = fitted.scores(data[1])
    truth = Truth(tuple("abcd"), data[1].labels)
    for history, scores in zip(fitted.histories, validation, strict=True):
        losses = np.array(history.validation_loss)
        assert losses.argmin() + 1 + 3 == history.epochs
        assert history.best_epoch == int(np.argmax(history.validation_score)) + 1
        value = (roc_auc if multilabel else accuracy)(truth, scores)
        assert value == pytest.approx(history.validation_score[history.best_epoch - 1])


def test_seeds_that_go_on_do_not_notice_those_that_stop() -> None:
    """Epoch by epoch as alone; later ones drift apart, as sums in another order do."""
    data = parts()
    patient = settings(patience=3, epochs=60, learning_rate=5e-3)
    together, _ = train_on(data, patient, tuple(range(6)))
    longest = max(range(6), key=lambda seed: together.histories[seed].epochs)
    alone, _ = train_on(data, patient, (longest,))
    shortest = min(history.epochs for history in together.histories)
    count = shortest + 2
    np.testing.assert_allclose(
        alone.histories[0].validation_loss[:count], together.histories[longest].validation_loss[:count], rtol=2e-3
    )


def test_the_penalty_is_of_all_weights_and_biases_and_in_the_validation_loss() -> None:
    network = SeedStack([5, 4, 3], [0, 1], False)
    for bias in network.biases:
        bias.data.fill_(2.0)
    for seed, penalty in enumerate(network.penalties(0.1)):
        kernels = [network.kernels[0].detach().reshape(5, 2, 4)[:, seed], network.kernels[1].detach()[seed]]
        assert float(penalty) == pytest.approx(
            0.1 * (sum(float((k**2).sum()) for k in kernels) + 4 * (4 + 3)), rel=1e-5
        )
    data = parts()
    free, heavy = (train_on(data, settings(l2=l2, learning_rate=1e-9, epochs=1))[0] for l2 in (0.0, 1e-2))
    fresh = SeedStack([20, 32, 16, 4], [0, 1, 2], False).penalties(1e-2)
    for history, other, penalty in zip(free.histories, heavy.histories, fresh, strict=True):
        assert other.validation_loss[0] - history.validation_loss[0] == pytest.approx(float(penalty), rel=1e-3)


def test_kernels_begin_glorot_uniform_and_biases_zero() -> None:
    network = SeedStack([300, 100, 10], [3], False)
    for kernel, total in zip(network.kernels, (400, 110), strict=True):
        limit = (6 / total) ** 0.5
        assert 0.95 * limit < float(kernel.detach().abs().max()) <= limit
        assert float(kernel.detach().std()) == pytest.approx(limit / 3**0.5, rel=0.05)
    assert not any(bias.any() for bias in network.biases)


def test_the_first_layers_gradient_is_autograds() -> None:
    network = SeedStack([6, 5, 3], [0, 1], False)
    x, y = torch.randn(7, 6), torch.randint(0, 3, (7,))
    losses = network.backward(x, y)
    expected = torch.autograd.grad(network.losses(network.logits(x), y).sum(), network.parameters)
    assert losses == pytest.approx(network.losses(network.logits(x), y).detach())
    for parameter, gradient in zip(network.parameters, expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


def test_features_stay_on_disk(tmp_path: Path) -> None:
    """Mapped features give the same numbers as features in memory."""
    train, validation, test = parts()
    np.save(tmp_path / "f.npy", train.features)
    mapped = np.load(tmp_path / "f.npy", mmap_mode="r")
    _, scores = train_on((train, validation, test), settings())
    stored = [Part(mapped, part.rows, part.labels, part.classes) for part in (train, validation, test)]
    assert (train_on((stored[0], stored[1], stored[2]), settings())[1] == scores).all()


def test_a_training_without_numbers_is_an_error_that_says_so() -> None:
    train, validation, test = parts()
    huge = [Part(part.features * np.float32(1e38), part.rows, part.labels, 4) for part in (train, validation, test)]
    with pytest.raises(UserError, match="no numbers"):
        train_on((huge[0], huge[1], huge[2]), settings(epochs=2))


def test_patience_counts_epochs_since_the_lowest_loss_as_keras_does() -> None:
    history = History()
    for loss in (3.0, 2.0, 2.0, float("nan"), 2.5):
        history.note(0.0, loss, 0.5)
    assert history.waited() == 3 and history.best_epoch == 1


def test_parts_of_a_training_set_are_nested_and_leave_no_class_out() -> None:
    labels = np.repeat([0, 1, 2], [100, 30, 3])
    small, large = subset(labels, 0.01), subset(labels, 0.1)
    assert set(small) <= set(large) and np.bincount(labels[small]).tolist() == [1, 1, 1]
    assert np.bincount(labels[large]).tolist() == [10, 3, 1]
    assert (subset(labels, 1.0) == np.arange(133)).all()
    assert len(subset(np.ones((50, 2), np.int64), 0.1)) == 5
    with pytest.raises(ValueError, match="at most 1"):
        subset(labels, 1.5)


@pytest.mark.parametrize("multilabel", [False, True])
def test_neighbours_find_what_lies_near(multilabel: bool) -> None:
    train, _, test = parts(multilabel=multilabel)
    scores = neighbour_scores(train, test, 5)
    truth = Truth(tuple("abcd"), test.labels)
    assert scores.shape == (1, 120, 4) and (roc_auc if multilabel else accuracy)(truth, scores[0]) > 0.7
    assert neighbour_scores(Part(train.features, train.rows[:2], train.labels[:2], 4), test, 5).shape == scores.shape
