"""Runs on disk -> tables, as CSV, Markdown and LaTeX. Nothing here runs a model."""
