"""What can be wrong with weights."""


class CheckpointError(ValueError):
    """A file that does not hold usable Music2Latent weights; the message names it and says what was expected."""
