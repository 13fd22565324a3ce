"""Networks that turn audio into vectors, for Fréchet distances and probes: one adapter a file, verbs in `base.py`."""
