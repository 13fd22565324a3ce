"""Long clips cut into sections, so that a file of hours takes no more memory than one of minutes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from m2l_bench.audio import duration_seconds
from m2l_bench.datasets.base import Clip, Dataset
from m2l_bench.errors import BadClip


def cut_into_sections(dataset: Dataset, seconds: float) -> Dataset:
    """Cut each clip into sections of `seconds`. The last one is up to half longer or shorter, so that nothing is lost.

    The id of a section is that of the clip, `@`, and the second at which it starts. A clip that has no two sections, or
    cannot be read, stays as it is.
    """
    clips = tuple(section for clip in dataset.clips for section in _sections(clip, seconds))
    return replace(dataset, clips=clips, label=f"{dataset.label}-sections-{seconds:g}s")


def _sections(clip: Clip, seconds: float) -> Iterator[Clip]:
    try:
        whole = clip.duration_seconds or duration_seconds(clip.path) - clip.start_seconds
    except BadClip:
        yield clip
        return
    count = max(1, int(whole / seconds + 0.5))
    if clip.problem or count == 1:
        yield clip
        return
    for i in range(count):
        start = i * seconds
        duration = seconds if i < count - 1 else clip.duration_seconds and clip.duration_seconds - start
        yield replace(
            clip, id=f"{clip.id}@{start:g}", start_seconds=clip.start_seconds + start, duration_seconds=duration
        )
