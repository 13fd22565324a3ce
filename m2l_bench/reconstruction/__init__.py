"""Pipeline 1: run systems over a dataset, score each clip, leave runs on disk."""
