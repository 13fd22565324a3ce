"""First contact: how long a newcomer waits for the installation, the table, the page and the report of `make demo`.

    python benchmarks/first_contact.py --json first_contact.json

Clones this repository into a temporary folder and runs there what `make demo` runs, one step after the other.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STEPS = {
    "clone": ["git", "clone", "--quiet", str(ROOT), "."],
    "install": ["make", "--silent", ".venv/.installed"],
    "table": [".venv/bin/m2l-bench", "reconstruct", "--task", "demo", "--models", "all"],
    "page": [".venv/bin/m2l-bench", "listen", "runs/demo", "-o", "runs/page"],
    "report": [".venv/bin/m2l-bench", "report", "runs", "--task", "demo", "-o", "runs/report.html"],
}


def measure(folder: Path) -> dict[str, float]:
    """Run each step in an empty folder; gives seconds by step, and `megabytes` of the page with its audio."""
    seconds = {}
    for step, command in STEPS.items():
        started = time.perf_counter()
        subprocess.run(command, cwd=folder, check=True)
        seconds[step] = round(time.perf_counter() - started, 1)
    page = sum(path.stat().st_size for path in (folder / "runs/page").rglob("*") if path.is_file())
    return {**seconds, "megabytes": round(page / 1e6, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures as JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder))
    for name, value in figures.items():
        print(f"{name:10} {value:8.1f} {'MB' if name == 'megabytes' else 's'}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
