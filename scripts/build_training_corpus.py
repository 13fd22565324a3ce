"""Rebuild the music that trainings here were fed with, from Debian's packages.

    sudo apt-get update                                       # on Debian 12 or a relative of it
    python scripts/build_training_corpus.py -o corpus_audio   # 5 GB of packages pass through, one at a time
    m2l-bench pack corpus_audio -o corpus

`scripts/training_corpus.csv` names for each of the 239 excerpts the package, the file inside it, offset and length, and
its licence; authors stand in each package's `debian/copyright`, which is kept in OUT/copyright. Excerpts are written as
FLAC, where those of the runs in `results/training` were Opus at 80 kb/s. What is there already is left alone: run it
again to go on.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections import defaultdict
from pathlib import Path, PurePosixPath

import soundfile

MANIFEST = Path(__file__).with_name("training_corpus.csv")
Excerpt = dict[str, str]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--packages", nargs="*", help="only these")
    arguments = parser.parse_args()
    excerpts: dict[str, list[Excerpt]] = defaultdict(list)
    for row in csv.DictReader(MANIFEST.open(encoding="utf-8")):
        excerpts[row["package"]].append({**row, "file": str(PurePosixPath(row["file"]).with_suffix(".flac"))})
    arguments.out.mkdir(parents=True, exist_ok=True)
    failed = []
    for package in arguments.packages or excerpts:
        missing = [row for row in excerpts[package] if not (arguments.out / row["file"]).exists()]
        print(f"{package}: {len(excerpts[package])} excerpts, {len(missing)} to cut", flush=True)
        if missing:
            failed += build(package, missing, arguments.out)
    write_manifest(arguments.out, [row for rows in excerpts.values() for row in rows])
    for problem in failed:
        print(problem, file=sys.stderr)
    return 1 if failed else 0


def build(package: str, excerpts: list[Excerpt], out: Path) -> list[str]:
    """Fetch a package and cut its excerpts; returns what could not be done."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        fetched = subprocess.run(["apt-get", "download", package], cwd=folder, capture_output=True, text=True)
        archives = list(folder.glob("*.deb"))
        if fetched.returncode or not archives:
            return [f"{package}: cannot be fetched ({' '.join(fetched.stderr.split())[:200]})"]
        content = folder / "content"
        subprocess.run(["dpkg-deb", "-x", archives[0], content], check=True)
        copyright = content / "usr/share/doc" / package / "copyright"
        if copyright.exists():
            (out / "copyright").mkdir(exist_ok=True)
            shutil.copy(copyright, out / "copyright" / package)
        failed = []
        for row in excerpts:
            try:
                cut(find(content, row["source"], folder), row, out)
            except (OSError, KeyError, soundfile.LibsndfileError) as error:
                failed.append(f"{row['source']}: not in {archives[0].name} as the manifest says ({error})")
        return failed


def find(content: Path, source: str, scratch: Path) -> Path:
    """The file of a manifest's `PACKAGE/PATH`; `ARCHIVE.d/PATH` is a file inside a zip archive of the package."""
    _, *parts = PurePosixPath(source).parts
    if not parts[0].endswith(".d"):
        return content.joinpath(*parts)
    archive = next(iter(content.rglob(parts[0].removesuffix(".d"))), None)
    if archive is None:
        raise FileNotFoundError(f"no {parts[0].removesuffix('.d')}")
    path = scratch / "from archive"
    with zipfile.ZipFile(archive) as opened:
        path.write_bytes(opened.read("/".join(parts[1:])))
    return path


def cut(source: Path, row: Excerpt, out: Path) -> None:
    with soundfile.SoundFile(source) as file:
        file.seek(round(float(row["start_s"]) * file.samplerate))
        samples = file.read(round(float(row["dur_s"]) * file.samplerate), dtype="float32")
        unfinished = out / f".{row['file']}.part"
        soundfile.write(unfinished, samples.clip(-1, 1), file.samplerate, format="FLAC")
    unfinished.replace(out / row["file"])


def write_manifest(out: Path, excerpts: list[Excerpt]) -> None:
    """What `m2l-bench pack` takes licences and sources from."""
    with (out / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["file", "licence", "source"], extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(row for row in excerpts if (out / row["file"]).exists())


if __name__ == "__main__":
    sys.exit(main())
