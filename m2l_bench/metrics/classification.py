"""Metrics of classifiers, as in the columns of Table 1: scikit-learn's and mir_eval's own numbers, on validated input.

All range from 0 to 1, higher is better (tables show percent). The truth is a `Truth`; scores are (items, classes), and
the class with the highest score is the predicted one.

- `roc_auc`, `average_precision`: area under the ROC curve and average precision, as means over tags (macro). Chance
  gives 0.5 for the former, and the share of items with the tag for the latter.
- `micro_f1`, `macro_f1`: F1 over classes. Micro equals the accuracy where an item has one class. Macro is the mean over
  all classes, with zero for a class that is neither present nor predicted.
- `accuracy`: share of correct predictions.
- `key_micro`, `key_macro`: mir_eval's weighted key score (MIREX: 1 for the correct key, 0.5 for a fifth above, 0.3 for
  the relative and 0.2 for the parallel key), as a mean over items, and as a mean over true keys of the mean of their
  items. Table 1 calls them accuracy.

Sources: Pedregosa et al., Scikit-learn: Machine Learning in Python, JMLR 2011; Raffel et al., mir_eval: A Transparent
Implementation of Common MIR Metrics, ISMIR 2014.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m2l_bench.metrics import classification_resampling as resampling

Scores = NDArray[Any]
"""Scores of a classifier, (items, classes)."""
Counts = NDArray[np.float64]
"""How often each item was drawn in each resample, (resamples, items)."""


@dataclass(frozen=True)
class Truth:
    """The true classes, or tags, of each item.

    Args:
        classes: names of the columns of scores.
        labels: the number of each item's class, (items,); or zeros and ones, (items, tags).

    Raises:
        ValueError: there are no items, or a label is not one of the classes.
    """

    classes: tuple[str, ...]
    labels: NDArray[np.int64]

    def __post_init__(self) -> None:
        if not len(self.labels):
            raise ValueError("no items to score")
        if self.multilabel:
            if self.labels.shape[1] != len(self.classes) or not np.isin(self.labels, (0, 1)).all():
                raise ValueError(f"tags are zeros and ones, (items, {len(self.classes)}), not {self.labels.shape}")
        elif self.labels.min() < 0 or self.labels.max() >= len(self.classes):
            raise ValueError(f"labels run from 0 to {len(self.classes) - 1}, not to {self.labels.max()}")

    @property
    def multilabel(self) -> bool:
        """Whether items have tags instead of one class."""
        return self.labels.ndim == 2

    @property
    def decided(self) -> NDArray[np.bool_]:
        """Whether each tag holds for some items but not for all, (tags,); other tags have no ROC curve."""
        shares = self.labels.mean(axis=0)
        decided: NDArray[np.bool_] = (shares > 0) & (shares < 1)
        return decided


@dataclass(frozen=True)
class ClassificationMetric:
    """A metric and its description in tables."""

    name: str
    title: str
    multilabel: bool
    """Whether it is a metric of tags."""
    measure: Callable[[Truth, Scores], float]
    """Function that gives the value; it raises ValueError for input on which the metric has none."""
    resample: Callable[[Truth, Scores, Counts], NDArray[np.float64]]
    """Function that gives the value on each resample, (resamples,); NaN where the metric has none."""


def roc_auc(truth: Truth, scores: Scores) -> float:
    """Compute the mean area under the ROC curve over the tags that hold for some items but not for all."""
    from sklearn.metrics import roc_auc_score

    scores = _valid(truth, scores, multilabel=True)
    return float(roc_auc_score(truth.labels[:, truth.decided], scores[:, truth.decided], average="macro"))


def average_precision(truth: Truth, scores: Scores) -> float:
    """Compute the mean average precision over the tags that hold for some items but not for all."""
    from sklearn.metrics import average_precision_score

    scores = _valid(truth, scores, multilabel=True)
    return float(average_precision_score(truth.labels[:, truth.decided], scores[:, truth.decided], average="macro"))


def micro_f1(truth: Truth, scores: Scores) -> float:
    """Compute F1 over all items together."""
    return _f1(truth, scores, "micro")


def macro_f1(truth: Truth, scores: Scores) -> float:
    """Compute the mean of F1 over classes."""
    return _f1(truth, scores, "macro")


def accuracy(truth: Truth, scores: Scores) -> float:
    """Compute the share of correct predictions."""
    from sklearn.metrics import accuracy_score

    return float(accuracy_score(truth.labels, _valid(truth, scores, multilabel=False).argmax(axis=1)))


def key_micro(truth: Truth, scores: Scores) -> float:
    """Compute the mean of the weighted key score over items."""
    return float(key_scores(truth, scores).mean())


def key_macro(truth: Truth, scores: Scores) -> float:
    """Compute the mean over true keys of the mean weighted key score of their items."""
    item_scores = key_scores(truth, scores)
    return float(np.mean([item_scores[truth.labels == key].mean() for key in np.unique(truth.labels)]))


def key_scores(truth: Truth, scores: Scores) -> NDArray[np.float64]:
    """Compute mir_eval's weighted key score of each item, (items,).

    Raises:
        ValueError: the classes are not keys such as `C# minor`.
    """
    predicted = _valid(truth, scores, multilabel=False).argmax(axis=1)
    item_scores: NDArray[np.float64] = _key_table(truth.classes)[truth.labels, predicted]
    return item_scores


def confusion_matrix(truth: Truth, scores: Scores) -> NDArray[np.int64]:
    """Count the items of each true and each predicted class, (true classes, predicted classes)."""
    from sklearn.metrics import confusion_matrix

    predicted = _valid(truth, scores, multilabel=False).argmax(axis=1)
    matrix: NDArray[np.int64] = confusion_matrix(truth.labels, predicted, labels=np.arange(len(truth.classes)))
    return matrix


def _f1(truth: Truth, scores: Scores, average: str) -> float:
    from sklearn.metrics import f1_score

    predicted = _valid(truth, scores, multilabel=False).argmax(axis=1)
    classes = np.arange(len(truth.classes))
    return float(f1_score(truth.labels, predicted, labels=classes, average=average, zero_division=0))


@lru_cache
def _key_table(classes: tuple[str, ...]) -> NDArray[np.float64]:
    """Compute mir_eval's score of each pair of keys, (true keys, predicted keys)."""
    from mir_eval.key import weighted_score

    return np.array([[weighted_score(true, predicted) for predicted in classes] for true in classes], np.float64)


def _valid(truth: Truth, scores: Scores, *, multilabel: bool) -> Scores:
    """Return the scores after a check that they can be measured."""
    if truth.multilabel != multilabel:
        raise ValueError(
            "a metric of tags needs tags" if multilabel else "a metric of classes needs one class per item"
        )
    if scores.shape != (len(truth.labels), len(truth.classes)):
        raise ValueError(f"scores {scores.shape} for {len(truth.labels)} items of {len(truth.classes)} classes")
    if not np.isfinite(scores).all():
        raise ValueError(f"NaN or infinite scores, first of item {int(np.argwhere(~np.isfinite(scores))[0, 0])}")
    if multilabel and not truth.decided.any():
        raise ValueError("no tag holds for some items and not for others")
    return scores


def _resampled_roc_auc(truth: Truth, scores: Scores, counts: Counts) -> NDArray[np.float64]:
    return resampling.macro_roc_auc(truth.labels, _valid(truth, scores, multilabel=True), counts)


def _resampled_average_precision(truth: Truth, scores: Scores, counts: Counts) -> NDArray[np.float64]:
    return resampling.macro_average_precision(truth.labels, _valid(truth, scores, multilabel=True), counts)


def _resampled_accuracy(truth: Truth, scores: Scores, counts: Counts) -> NDArray[np.float64]:
    correct = _valid(truth, scores, multilabel=False).argmax(axis=1) == truth.labels
    return resampling.mean(correct.astype(np.float64), counts)


def _resampled_macro_f1(truth: Truth, scores: Scores, counts: Counts) -> NDArray[np.float64]:
    predicted = _valid(truth, scores, multilabel=False).argmax(axis=1)
    return resampling.macro_f1(truth.labels, predicted, len(truth.classes), counts)


def _resampled_key_micro(truth: Truth, scores: Scores, counts: Counts) -> NDArray[np.float64]:
    return resampling.mean(key_scores(truth, scores), counts)


def _resampled_key_macro(truth: Truth, scores: Scores, counts: Counts) -> NDArray[np.float64]:
    return resampling.mean_over_groups(key_scores(truth, scores), truth.labels, counts)


METRICS = {
    metric.name: metric
    for metric in (
        ClassificationMetric("roc_auc", "ROC-AUC", True, roc_auc, _resampled_roc_auc),
        ClassificationMetric("average_precision", "AP", True, average_precision, _resampled_average_precision),
        ClassificationMetric("micro_f1", "micro F1", False, micro_f1, _resampled_accuracy),
        ClassificationMetric("macro_f1", "macro F1", False, macro_f1, _resampled_macro_f1),
        ClassificationMetric("accuracy", "accuracy", False, accuracy, _resampled_accuracy),
        ClassificationMetric("key_micro", "key score, micro", False, key_micro, _resampled_key_micro),
        ClassificationMetric("key_macro", "key score, macro", False, key_macro, _resampled_key_macro),
    )
}
