"""Figures from runs on disk. These modules only read runs; no model is ever run.

Each module draws one figure: its `figure(...)` takes what the functions of `plots.runs` read and returns a matplotlib
`Figure`. It needs no display and does not change the caller's matplotlib. `style.save` writes the figure as PDF, SVG or
PNG, and `style.to_svg` returns it as text for a page.

| module | figure |
|---|---|
| `distribution` | every clip's score for each system, the same clip joined by a line |
| `pareto` | quality against rate, and against speed |
| `figure2` | quality against denoising steps: Figure 2 of the paper |
| `spectrograms` | original and reconstructions of some clips, and where they differ |
| `training` | loss and held-out scores of training runs |
| `agreement` | which metrics agree on what is better, over systems and over clips |
| `confusion` | which classes a probe confuses |

`design` holds colours and sizes that figures share with the listening page and the report; `looks` gives a system the
same colour and marker in all of them, and `marks` draws the marker for a browser.
"""
