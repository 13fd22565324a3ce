"""Probing pipeline: compute features of a labelled dataset, train classifiers on them, and write runs to disk."""
