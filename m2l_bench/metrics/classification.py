"""Metrics of classifiers, as in the columns of Table 1: scikit-learn's and mir_eval's own numbers, on validated input.

All run from 0 to 1, higher is better (tables show percent). Truth is `Truth`; scores are (items, classes), of which the
highest is the predicted class.

- `roc_auc`, `average_precision`: area under the ROC curve and average precision of each tag, the mean over tags
  (macro). Half and the tag's share are what chance gives.
- `micro_f1`, `macro_f1`: of classes; micro is the same as the accuracy where a clip has one class, macro the mean over
  all classes, zero for one that is neither there nor predicted.
- `accuracy`: share of right classes.
- `key_micro`, `key_macro`: weighted key score of mir_eval (MIREX: 1 for the key, 0.5 a fifth above, 0.3 relative, 0.2
  parallel): the mean over clips, and the mean over true keys of their clips' means. Table 1 calls them accuracy.

Pedregosa et al., Scikit-learn: Machine Learning in Python, JMLR 2011; Raffel et al., mir_eval: A Transparent
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
Counts = NDArray[np.float64]
"""(resamples, items): how often each item was drawn."""


@dataclass(frozen=True)
class Truth:
    """What holds of each item.

    Args:
        classes: names of the columns of scores.
        labels: (items,) numbers of the classes, or (items, tags) zeros and ones.

    Raises:
        ValueError: no items, or labels that are none of the classes.
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
        return self.labels.ndim == 2

    @property
    def decided(self) -> NDArray[np.bool_]:
        """(tags,): those that hold for some items and not for others; the rest have no ROC curve."""
        held = self.labels.mean(axis=0)
        some: NDArray[np.bool_] = (held > 0) & (held < 1)
        return some


@dataclass(frozen=True)
class ClassificationMetric:
    """A metric and what tables write of it.

    `measure(truth, scores)` raises ValueError on input that it has no value for. `resample(truth, scores, counts)`
    gives its value on each resample (resamples,), NaN where it has none.
    """

    name: str
    title: str
    multilabel: bool
    measure: Callable[[Truth, Scores], float]
    resample: Callable[[Truth, Scores, Counts], NDArray[np.float64]]


def roc_auc(truth: Truth, scores: Scores) -> float:
    """Over the tags that hold for some items and not for others."""
    from sklearn.metrics import roc_auc_score

    scores = _valid(truth, scores, multilabel=True)
    return float(roc_auc_score(truth.labels[:, truth.decided], scores[:, truth.decided], average="macro"))


def average_precision(truth: Truth, scores: Scores) -> float:
    """Over the tags that hold for some items and not for others."""
    from sklearn.metrics import average_precision_score

    scores = _valid(truth, scores, multilabel=True)
    return float(average_precision_score(truth.labels[:, truth.decided], scores[:, truth.decided], average="macro"))


def micro_f1(truth: Truth, scores: Scores) -> float:
    return _f1(truth, scores, "micro")


def macro_f1(truth: Truth, scores: Scores) -> float:
    return _f1(truth, scores, "macro")


def accuracy(truth: Truth, scores: Scores) -> float:
    from sklearn.metrics import accuracy_score

    return float(accuracy_score(truth.labels, _valid(truth, scores, multilabel=False).argmax(axis=1)))


def key_micro(truth: Truth, scores: Scores) -> float:
    return float(key_scores(truth, scores).mean())


def key_macro(truth: Truth, scores: Scores) -> float:
    found = key_scores(truth, scores)
    return float(np.mean([found[truth.labels == key].mean() for key in np.unique(truth.labels)]))


def key_scores(truth: Truth, scores: Scores) -> NDArray[np.float64]:
    """mir_eval's weighted score of each item, (items,).

    Raises:
        ValueError: the classes are not keys such as `C# minor`.
    """
    predicted = _valid(truth, scores, multilabel=False).argmax(axis=1)
    found: NDArray[np.float64] = _key_table(truth.classes)[truth.labels, predicted]
    return found


def confusion_matrix(truth: Truth, scores: Scores) -> NDArray[np.int64]:
    """(true classes, predicted classes) numbers of items."""
    from sklearn.metrics import confusion_matrix

    predicted = _valid(truth, scores, multilabel=False).argmax(axis=1)
    matrix: NDArray[np.int64] = confusion_matrix(truth.labels, predicted, labels=np.arange(len(truth.classes)))
    return matrix


def _f1(truth: Truth, scores: Scores, average: str) -> float:
    from sklearn.metrics import f1_score

    predicted = _valid(truth, scores, multilabel=False).argmax(axis=1)
    every = np.arange(len(truth.classes))
    return float(f1_score(truth.labels, predicted, labels=every, average=average, zero_division=0))


@lru_cache
def _key_table(classes: tuple[str, ...]) -> NDArray[np.float64]:
    """mir_eval's score of each pair (true, predicted)."""
    from mir_eval.key import weighted_score

    return np.array([[weighted_score(true, predicted) for predicted in classes] for true in classes], np.float64)


def _valid(truth: Truth, scores: Scores, *, multilabel: bool) -> Scores:
    """The scores, once it is sure that they can be scored."""
    if truth.multilabel != multilabel:
        raise ValueError("a metric of tags needs tags" if multilabel else "a metric of classes needs one class an item")
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
    right = _valid(truth, scores, multilabel=False).argmax(axis=1) == truth.labels
    return resampling.mean(right.astype(np.float64), counts)


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
