"""Embeddings, which turn audio into vectors for Fréchet distances and probes: one family per file.

`base.py` has their base class. A card names an embedding by its short name in this table. The name is part of the
identity of the vectors and the path is not, so a file may move.
"""

ADAPTERS = {
    "cdpam": "m2l_bench.embeddings.cdpam:Cdpam",
    "chroma": "m2l_bench.embeddings.handmade:Chroma",
    "clap": "m2l_bench.embeddings.clap:Clap",
    "clmr": "m2l_bench.embeddings.clmr:Clmr",
    "encodec": "m2l_bench.embeddings.encodec:EnCodec",
    "log-mel": "m2l_bench.embeddings.handmade:LogMel",
    "mert": "m2l_bench.embeddings.mert:Mert",
    "muq": "m2l_bench.embeddings.muq:MuQ",
    "music2latent-untrained": "m2l_bench.embeddings.untrained:UntrainedMusic2Latent",
    "musicnn": "m2l_bench.embeddings.musicnn:MusiCNN",
    "panns": "m2l_bench.embeddings.panns:Panns",
    "vggish": "m2l_bench.embeddings.vggish:VGGish",
}
