"""Fréchet distances between folders of audio, and to references."""
