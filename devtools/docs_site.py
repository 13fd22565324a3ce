"""Hooks of mkdocs: the pages that are generated, and the documents of the repository that are outside `docs/`.

A relative link works on GitHub and in the site alike. Where it leaves `docs/`, its file becomes part of the site, below
`repository/`.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#|/)([^)\s#]+)")
"""Path in a relative Markdown link or image."""
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def on_files(files: Any, config: Any) -> Any:
    """Add the generated pages, and every file outside `docs/` that a page links to."""
    from mkdocs.structure.files import File

    for name, content in (("reference/commands.md", commands_page()), ("reference/python.md", python_page())):
        files.append(File.generated(config, name, content=content))
    queue = [Path(file.abs_src_path) for file in files.documentation_pages() if file.abs_src_path]
    for page in queue:
        for target in targets(page.read_text(encoding="utf-8"), page):
            name = site_path(target)
            if target.is_file() and files.get_file_from_path(name) is None:
                files.append(File.generated(config, name, abs_src_path=str(target)))
                if target.suffix == ".md":
                    queue.append(target)
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Turn links to files of the repository into links to their places in the site."""
    name = page.file.src_uri
    source = ROOT / name.removeprefix("repository/") if name.startswith("repository/") else DOCS / name

    def replace(match: re.Match[str]) -> str:
        return os.path.relpath(site_path(resolve(match[1], source)), Path(name).parent)

    return LINK.sub(replace, markdown)


def targets(markdown: str, page: Path) -> set[Path]:
    """List the files that a page links to, without those in blocks of code."""
    return {resolve(link, page) for link in LINK.findall(FENCE.sub("", markdown))}


def resolve(link: str, page: Path) -> Path:
    """Give the file that a relative link on a page means."""
    return Path(os.path.normpath(page.parent / link))


def site_path(file: Path) -> str:
    """Give the path of a file of the repository inside the site."""
    return file.relative_to(DOCS).as_posix() if file.is_relative_to(DOCS) else f"repository/{file.relative_to(ROOT)}"


def commands_page() -> str:
    """Write the reference of the command line from the help texts of its commands."""
    import typer
    from typer.cli import get_docs_for_click

    from m2l_bench.cli import make_app

    command = typer.main.get_command(make_app())
    context: Any = command.make_context("m2l-bench", [], resilient_parsing=True)
    text = get_docs_for_click(obj=command, ctx=context, name="m2l-bench")
    return re.sub(r"\A# `m2l-bench`", "# Commands", text)


def python_page() -> str:
    """Write the reference of the Python API: the public names of the package, Music2Latent, and the figures."""
    import m2l_bench

    names = [f"m2l_bench.{m2l_bench.MODULES[name]}.{name}" for name in sorted(m2l_bench.MODULES)]
    names += ["m2l_bench.music2latent.Music2Latent", "m2l_bench.metrics.PairedMetric"]
    return "# Python\n\n" + "\n\n".join(f"::: {name}" for name in names) + "\n"
