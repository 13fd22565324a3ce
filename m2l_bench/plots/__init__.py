"""Runs on disk -> figures. They only read runs; no model is ever run.

Each module draws one figure: its `figure(...)` takes what the functions of `runs` read and returns a matplotlib
`Figure`, drawn without a display and without touching the caller's matplotlib. `style.save` writes it as PDF, SVG or
PNG, `style.to_svg` gives it as text for a page.

| module | figure |
|---|---|
| `distribution` | every clip's score for each system, the same clip joined by a line |
| `pareto` | quality against rate, and against speed |
| `figure2` | quality against denoising steps: Figure 2 of the paper |
| `spectrograms` | original and reconstructions of some clips, and where they differ |
| `training` | loss and held-out figures of training runs |
| `confusion` | which classes a probe takes for which |

`looks` gives a system the same colour and marker in all of them.
"""
