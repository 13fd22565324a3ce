"""Runs on disk, read and written: reconstructions, probes, vectors of clips, and how each run was made."""
