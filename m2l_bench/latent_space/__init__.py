"""Measures of the space of latents of an autoencoder: how well it suits a generator that is trained on it.

One family of measures per file. They are pure functions of latents (width, frames), or of a `Coder`; docs/latents.md
has their equations. `measures.MEASURES` says what each number means.
"""
