"""k nearest neighbours by scikit-learn. Nothing is trained, so the scores show what the features hold by themselves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from m2l_bench.probing.targets import Part


def neighbour_scores(train: Part, part: Part, neighbours: int) -> NDArray[np.float32]:
    """Compute the share of a clip's nearest training clips (Euclidean distance) that have each label.

    If the training set is smaller than `neighbours`, all of it counts.

    Returns:
        shares, (1, items, classes).
    """
    from sklearn.neighbors import KNeighborsClassifier

    model = KNeighborsClassifier(min(neighbours, len(train))).fit(train.whole(), train.labels)
    probabilities = model.predict_proba(part.whole())
    scores = np.zeros((1, len(part), train.classes), np.float32)
    if train.multilabel:
        # One table per tag; it has only one column if no training clip has the tag, or all have it.
        for tag, (shares, values) in enumerate(zip(probabilities, model.classes_, strict=True)):
            scores[0, :, tag] = shares[:, -1] if values[-1] == 1 else 0
    else:
        scores[0][:, model.classes_] = probabilities
    return scores
