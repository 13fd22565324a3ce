"""k nearest neighbours by scikit-learn: no training, so what it finds lies open in the features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from m2l_bench.probing.targets import Part


def neighbour_scores(train: Part, part: Part, neighbours: int) -> NDArray[np.float32]:
    """Shares (1, items, classes) of a clip's nearest training clips that have a label, by Euclidean distance.

    Where the training set is smaller than `neighbours`, all of it counts.
    """
    from sklearn.neighbors import KNeighborsClassifier

    model = KNeighborsClassifier(min(neighbours, len(train))).fit(train.whole(), train.labels)
    found = model.predict_proba(part.whole())
    scores = np.zeros((1, len(part), train.classes), np.float32)
    if train.multilabel:
        # A table a tag; one that no training clip has, or all have, has one column only.
        for tag, (shares, values) in enumerate(zip(found, model.classes_, strict=True)):
            scores[0, :, tag] = shares[:, -1] if values[-1] == 1 else 0
    else:
        scores[0][:, model.classes_] = found
    return scores
