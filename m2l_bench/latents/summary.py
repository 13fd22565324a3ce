"""What is in a collection."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m2l_bench.latents.index import Index, read_index
from m2l_bench.text import counted


@dataclass(frozen=True)
class Summary:
    """What is in a collection."""

    index: Index
    files: int
    """Audio files."""
    seconds: float
    """Seconds of audio."""
    frames: int
    """Frames of all entries."""
    bytes: int
    """Bytes of all entries on disk."""
    notes: list[str]
    """What is not as it should be, in one line each."""

    def as_dict(self) -> dict[str, Any]:
        """Convert to plain types for JSON; `mean` and `deviation` have one number for each row of latents."""
        statistics = self.index.statistics
        content = {
            **self.index.collection.model_dump(),
            "files": self.files,
            "entries": len(self.index),
            "volumes": len(self.index.volumes),
            "hours": self.seconds / 3600,
            "frames": self.frames,
            "bytes": self.bytes,
        }
        if statistics is not None:
            content |= {"mean": statistics.mean.tolist(), "deviation": statistics.deviation.tolist()}
        return content

    def lines(self) -> dict[str, str]:
        """What is in it, in words, by what it is about."""
        collection, statistics = self.index.collection, self.index.statistics
        kind = f"codes, {collection.codebook_entries} entries" if collection.codebook_entries else "latents"
        weights = f", weights {collection.weights_sha256[:12]}" if collection.weights_sha256 else ""
        lines = {
            "codec": f"{collection.codec}, digest {collection.codec_digest[:12]}{weights}",
            "entries": f"{len(self.index):,} of {counted(self.files, 'file')}, {self.seconds / 3600:,.2f} h of audio",
            "frames": f"{self.frames:,} of {collection.width} {kind}, {collection.frame_samples} samples at "
            f"{collection.sample_rate} Hz each",
            "volumes": f"{len(self.index.volumes):,}, {collection.format}, {self.bytes / 1e6:,.1f} MB",
        }
        if statistics is not None:
            mean, deviation = statistics.mean, statistics.deviation
            lines["mean"] = f"{mean.min():.3f} to {mean.max():.3f}"
            lines["deviation"] = f"{deviation.min():.3f} to {deviation.max():.3f}"
        return lines


def summarise(folder: Path) -> Summary:
    """Count what is in a collection, from its index alone.

    Raises:
        UserError: there is no collection, or an index is damaged.
    """
    from pyarrow import compute

    index = read_index(folder, ["id", "stream", "frames", "samples", "sample_rate", "bytes"])
    is_first = compute.equal(index.table["stream"], 0)
    ids, samples, rates = (index.table[name].filter(is_first) for name in ("id", "samples", "sample_rate"))
    seconds = compute.sum(compute.divide(samples.cast("double"), rates)).as_py() or 0.0
    frames, size = (compute.sum(index.table[name]).as_py() or 0 for name in ("frames", "bytes"))
    notes = []
    twice = len(ids) - compute.count_distinct(ids).as_py()
    if twice:
        notes.append(f"{counted(twice, 'file')} encoded twice: jobs with different numbers of shards ran at once")
    for journal in sorted(folder.glob("*-of-*/.[0-9]*.jsonl")):
        shard = journal.parent.name.replace("-of-", "/")
        notes.append(f"{journal.parent.name}: not finished; unless it is running, run it again with --shard {shard}")
    return Summary(index, len(ids), seconds, frames, size, notes)
