"""Tables from runs on disk, as CSV, Markdown and LaTeX. Nothing here runs a model."""
