"""A report as one HTML file that needs no other file: styles, images and CSV files are inside it."""

from __future__ import annotations

import base64
import re
from importlib.metadata import version
from typing import TYPE_CHECKING

from m2l_bench.plots import design
from m2l_bench.report.gather import Report

if TYPE_CHECKING:
    from jinja2 import Environment


def to_html(report: Report, title: str) -> str:
    """Render the page. All text that comes from runs is escaped."""
    from markupsafe import Markup

    template = environment().get_template("report.html.j2")
    return template.render(report=report, title=title, version=version("m2l-bench"), design=Markup(design.css()))


def environment(*packages: str) -> Environment:
    """Make the environment of templates, whose text is escaped: those of the report, and before them those of packages.

    Args:
        packages: names of packages whose folders hold templates.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=ChoiceLoader([PackageLoader(package, "") for package in (*packages, "m2l_bench.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"csv_uri": _csv_uri, "anchor": _anchor, "is_web_address": _is_web_address}
    return made


def _csv_uri(text: str) -> str:
    return f"data:text/csv;charset=utf-8;base64,{base64.b64encode(text.encode()).decode()}"


def _anchor(text: str) -> str:
    """Make an identifier from a heading."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _is_web_address(text: str) -> bool:
    """Whether the text may be used as a link: never one whose scheme runs code."""
    return text.startswith(("https://", "http://"))
