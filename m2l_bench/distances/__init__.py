"""Fréchet distances between folders of audio, and between systems and references."""
