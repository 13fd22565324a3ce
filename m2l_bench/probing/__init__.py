"""Pipeline 2: features of a labelled dataset, classifiers on them, runs on disk."""
