"""Dataset loaders `load(data, **options)`, one per file. A task card names a loader by its short name in this table."""

LOADERS = {
    "beatport_key": "m2l_bench.datasets.beatport_key:load",
    "bundled": "m2l_bench.datasets.bundled:load",
    "folder": "m2l_bench.datasets.folder:load",
    "magnatagatune": "m2l_bench.datasets.magnatagatune:load",
    "marble": "m2l_bench.datasets.marble:load",
    "musiccaps": "m2l_bench.datasets.musiccaps:load",
    "nsynth": "m2l_bench.datasets.nsynth:load",
    "tinysol": "m2l_bench.datasets.tinysol:load",
}
