"""Python paths that named the shipped adapters and loaders in cards and runs before short names existed.

Cards, manifests and the names of cached vectors that use them are translated with these tables, so they stay readable.
Nothing is added to these tables: newer adapters and loaders never had such a name.
"""

from __future__ import annotations

CODECS = {
    "codicodec": "m2l_bench.codecs.codicodec:CoDiCodec",
    "dac": "m2l_bench.codecs.dac:Dac",
    "encodec": "m2l_bench.codecs.encodec:EnCodec",
    "hidden-reference": "m2l_bench.codecs.anchors:HiddenReference",
    "lossy": "m2l_bench.codecs.lossy:LossyCoder",
    "low-pass": "m2l_bench.codecs.anchors:LowPass",
    "mimi": "m2l_bench.codecs.mimi:Mimi",
    "mousai": "m2l_bench.codecs.mousai:Mousai",
    "music2latent": "m2l_bench.codecs.music2latent:Music2LatentCodec",
    "musika": "m2l_bench.codecs.musika:Musika",
    "oobleck": "m2l_bench.codecs.oobleck:Oobleck",
    "recorded": "m2l_bench.codecs.recorded:Recorded",
    "same": "m2l_bench.codecs.same:Same",
}
EMBEDDINGS = {
    "chroma": "m2l_bench.embeddings.handmade:Chroma",
    "clap": "m2l_bench.embeddings.clap:Clap",
    "clmr": "m2l_bench.embeddings.clmr:Clmr",
    "encodec": "m2l_bench.embeddings.encodec:EnCodec",
    "log-mel": "m2l_bench.embeddings.handmade:LogMel",
    "mert": "m2l_bench.embeddings.mert:Mert",
    "musicnn": "m2l_bench.embeddings.musicnn:MusiCNN",
    "music2latent-untrained": "m2l_bench.embeddings.untrained:UntrainedMusic2Latent",
    "vggish": "m2l_bench.embeddings.vggish:VGGish",
}
DATASETS = {
    "beatport_key": "m2l_bench.datasets.beatport_key:load",
    "bundled": "m2l_bench.datasets.bundled:load",
    "folder": "m2l_bench.datasets.folder:load",
    "magnatagatune": "m2l_bench.datasets.magnatagatune:load",
    "musiccaps": "m2l_bench.datasets.musiccaps:load",
    "tinysol": "m2l_bench.datasets.tinysol:load",
}
SHORT_NAMES = {former: name for names in (CODECS, EMBEDDINGS, DATASETS) for name, former in names.items()}
"""The short name for each former path."""
