"""Reconstruction pipeline: run systems over a dataset, score each clip, and write runs to disk."""

from m2l_bench.environment import share_cores

share_cores()
