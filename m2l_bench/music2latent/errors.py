"""The error that weights can cause."""


class CheckpointError(ValueError):
    """A file without usable Music2Latent weights; the message names it and what was expected."""
