"""Names of Fréchet audio distances: `fad` as in the paper's Table 2, and `fad_<embedding>` for any embedding.

Other figures of the same vectors have the same name with another beginning: the kernel distance is `kad_<embedding>`.
"""

from __future__ import annotations

from m2l_bench.metrics.base import Description, SetMetric

CITATION = "Kilgour et al., Fréchet Audio Distance: A Reference-Free Metric for Evaluating Music Enhancement, 2019"
KERNEL_CITATION = (
    "Chung et al., KAD: No More FAD! An Effective and Efficient Evaluation Metric for Audio Generation, 2025"
)
TITLES = {
    "vggish": "FAD",
    "cdpam": "FAD-CDPAM",
    "clap": "FAD-CLAP",
    "musicnn": "FAD-MusiCNN",
    "musicnn-dense": "FAD-MusiCNN-dense",
}


def set_metric(name: str) -> SetMetric | None:
    """Return the metric of this name, or None if it is not a Fréchet audio distance."""
    if name != "fad" and not name.startswith("fad_"):
        return None
    embedding = name.removeprefix("fad").removeprefix("_") or "vggish"
    return SetMetric(
        name=name,
        title=TITLES.get(embedding, f"FAD-{embedding}"),
        unit="",
        higher_is_better=False,
        # The vectors of CLAP and CDPAM have length one, so their distances are small.
        decimals=4 if embedding.startswith(("clap", "cdpam")) else 2,
        citation=CITATION,
        embedding=embedding,
    )


def kernel_metric(name: str) -> Description | None:
    """Describe the kernel distance of this name, such as `kad_clap`; None if it is not one."""
    frechet = set_metric(frechet_name(name))
    if frechet is None or frechet.name == name:
        return None
    return Description(
        name=name,
        title=frechet.title.replace("FAD", "KAD", 1),
        unit="",
        higher_is_better=False,
        decimals=2,
        citation=KERNEL_CITATION,
    )


def frechet_name(name: str) -> str:
    """Name of the Fréchet distance of the same vectors as a kernel distance; any other name as it is."""
    return figure_name(name, "fad") if name == "kad" or name.startswith("kad_") else name


def figure_name(name: str, figure: str) -> str:
    """Name of another figure of the same vectors: `density_clap` for `fad_clap` and the figure `density`."""
    return figure + name[len("fad") :]
