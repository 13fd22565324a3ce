"""Metrics of classifiers: numbers known by hand, scikit-learn's and mir_eval's on whole sets and on resamples."""

from __future__ import annotations

import numpy as np
import pytest
from mir_eval.key import weighted_score
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from m2l_bench.datasets.beatport_key import KEYS
from m2l_bench.metrics import classification, classification_resampling
from m2l_bench.metrics.classification import METRICS, Truth


def classes_case(items: int = 60, classes: int = 5, seed: int = 0) -> tuple[Truth, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = Truth(tuple("abcdefgh"[:classes]), rng.integers(0, classes, items))
    return truth, rng.random((items, classes)) + np.eye(classes)[truth.labels] * 0.4


def tags_case(items: int = 80, tags: int = 4, seed: int = 0) -> tuple[Truth, np.ndarray]:
    """Scores of one digit: many are equal."""
    rng = np.random.default_rng(seed)
    truth = Truth(tuple("abcdefgh"[:tags]), (rng.random((items, tags)) < [0.1, 0.3, 0.5, 0.9][:tags]).astype(np.int64))
    return truth, np.round(rng.random((items, tags)) + 0.3 * truth.labels, 1)


def test_numbers_known_by_hand() -> None:
    truth = Truth(("a", "b"), np.array([0, 0, 0, 1]))
    scores = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.2, 0.8]])
    assert classification.accuracy(truth, scores) == classification.micro_f1(truth, scores) == 0.75
    assert classification.macro_f1(truth, scores) == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert classification.confusion_matrix(truth, scores).tolist() == [[2, 1], [0, 1]]
    tags = Truth(("x", "y"), np.array([[0, 1], [1, 1], [1, 0]]))
    scores = np.array([[0.1, 0.9], [0.5, 0.2], [0.4, 0.3]])
    assert classification.roc_auc(tags, scores) == pytest.approx((1.0 + 0.5) / 2)
    assert classification.average_precision(tags, scores) == pytest.approx((1.0 + (1 + 2 / 3) / 2) / 2)


def test_keys_are_scored_by_mir_eval_over_tracks_and_over_true_keys() -> None:
    truth = Truth(KEYS, np.array([KEYS.index(key) for key in ("C major", "C major", "A minor")]))
    scores = np.zeros((3, 24))
    guesses = ("G major", "A minor", "F# minor")
    for row, guess in zip(scores, guesses, strict=True):
        row[KEYS.index(guess)] = 1
    expected = [weighted_score(KEYS[true], guess) for true, guess in zip(truth.labels, guesses, strict=True)]
    assert expected == [0.5, 0.3, 0.0]
    assert classification.key_scores(truth, scores).tolist() == expected
    assert classification.key_micro(truth, scores) == pytest.approx(np.mean(expected))
    assert classification.key_macro(truth, scores) == pytest.approx((0.4 + 0.0) / 2)


def test_a_class_neither_there_nor_predicted_counts_as_zero_and_an_undecided_tag_not_at_all() -> None:
    truth = Truth(("a", "b", "c"), np.array([0, 1]))
    assert classification.macro_f1(truth, np.eye(3)[:2]) == pytest.approx(2 / 3)
    tags, scores = tags_case()
    never = Truth((*tags.classes, "never"), np.pad(tags.labels, ((0, 0), (0, 1))))
    widened = np.pad(scores, ((0, 0), (0, 1)))
    assert classification.roc_auc(never, widened) == classification.roc_auc(tags, scores)
    assert classification.average_precision(never, widened) == classification.average_precision(tags, scores)


def test_resamples_are_scikit_learns_with_weights() -> None:
    counts = classification_resampling.draw(80, 50, seed=1)
    truth, scores = tags_case()
    auc = METRICS["roc_auc"].resample(truth, scores, counts)
    precision = METRICS["average_precision"].resample(truth, scores, counts)
    for i, weights in enumerate(counts):
        assert auc[i] == pytest.approx(roc_auc_score(truth.labels, scores, sample_weight=weights), abs=1e-12)
        expected = average_precision_score(truth.labels, scores, sample_weight=weights)
        assert precision[i] == pytest.approx(expected, abs=1e-12)
    truth, scores = classes_case(80)
    macro, micro = (METRICS[name].resample(truth, scores, counts) for name in ("macro_f1", "micro_f1"))
    for i, weights in enumerate(counts):
        options = {"sample_weight": weights, "labels": np.arange(5), "zero_division": 0}
        assert macro[i] == pytest.approx(
            f1_score(truth.labels, scores.argmax(1), average="macro", **options), abs=1e-12
        )
        assert micro[i] == pytest.approx(
            f1_score(truth.labels, scores.argmax(1), average="micro", **options), abs=1e-12
        )


def test_a_resample_is_the_metric_of_the_drawn_items() -> None:
    rng = np.random.default_rng(3)
    truth = Truth(KEYS, rng.integers(0, 24, 40))
    scores = rng.random((40, 24))
    counts = classification_resampling.draw(40, 20)
    for name in ("key_micro", "key_macro", "accuracy"):
        values = METRICS[name].resample(truth, scores, counts)
        for value, weights in zip(values, counts.astype(int), strict=True):
            drawn = np.repeat(np.arange(40), weights)
            assert value == pytest.approx(METRICS[name].measure(Truth(KEYS, truth.labels[drawn]), scores[drawn]))


def test_each_item_once_is_the_metric_itself_and_draws_are_repeatable() -> None:
    for case, multilabel in ((classes_case(), False), (tags_case(), True)):
        truth, scores = case
        once = np.ones((1, len(scores)))
        for metric in METRICS.values():
            if metric.multilabel == multilabel and not metric.name.startswith("key"):
                assert metric.resample(truth, scores, once)[0] == pytest.approx(metric.measure(truth, scores))
    assert (classification_resampling.draw(9, 5) == classification_resampling.draw(9, 5)).all()
    assert (classification_resampling.draw(9, 5).sum(axis=1) == 9).all()


@pytest.mark.parametrize(
    ("name", "case", "change", "message"),
    [
        ("accuracy", classes_case, lambda scores: scores[:-1], r"scores \(59, 5\) for 60 items of 5 classes"),
        ("accuracy", classes_case, lambda scores: scores * np.nan, "NaN or infinite scores, first of item 0"),
        ("accuracy", tags_case, lambda scores: scores, "needs one class per item"),
        ("roc_auc", classes_case, lambda scores: scores, "needs tags"),
        ("key_micro", classes_case, lambda scores: scores, r"is not in the form"),
    ],
)
def test_input_that_cannot_be_scored_is_refused(name, case, change, message) -> None:  # type: ignore[no-untyped-def]
    truth, scores = case()
    with pytest.raises(ValueError, match=message):
        METRICS[name].measure(truth, change(scores))


def test_labels_that_are_none_of_the_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        Truth(("a", "b"), np.array([0, 2]))
    with pytest.raises(ValueError, match="zeros and ones"):
        Truth(("a", "b"), np.array([[0, 2]]))
    with pytest.raises(ValueError, match="no items"):
        Truth(("a", "b"), np.array([], np.int64))
    with pytest.raises(ValueError, match="no tag holds"):
        classification.roc_auc(Truth(("a",), np.array([[1], [1]])), np.zeros((2, 1)))
