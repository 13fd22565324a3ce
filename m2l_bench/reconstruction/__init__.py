"""Reconstruction pipeline: run systems over a dataset, score each clip, and write runs to disk."""
