"""Measures of the space of latents of an autoencoder: how a generator that is trained on it would find it.

One family of measures per file. They are pure functions of latents (width, frames), or of a `Coder`; docs/latents.md
has their equations. `measures.MEASURES` says what each number means.
"""
