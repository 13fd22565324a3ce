"""Packages that only some commands need, and the extra of m2l-bench that installs each."""

from __future__ import annotations

EXTRAS = {
    "jinja2": "plot",
    "lightning_fabric": "train",
    "matplotlib": "plot",
    "mir_eval": "probe",
    "scikit-learn": "probe",
    "sklearn": "probe",
    "tensorboard": "train",
}
"""Extra by the name under which a package is imported or listed."""


def explain_missing_package(error: Exception) -> str:
    """Say in one line which package is missing and what installs it; empty if the error has another cause."""
    package = (getattr(error, "name", "") or "").partition(".")[0]
    if not isinstance(error, ModuleNotFoundError) or package not in EXTRAS:
        return ""
    return f"the package {package} is not installed: pip install 'm2l-bench[{EXTRAS[package]}]'"
