"""Networks that turn audio into vectors, for Fréchet distances and probes: one adapter per file.

`base.py` says what an adapter is. A card names one by its short name here, which is part of the identity of its
vectors; the path is not.
"""

ADAPTERS = {
    "chroma": "m2l_bench.embeddings.handmade:Chroma",
    "clap": "m2l_bench.embeddings.clap:Clap",
    "clmr": "m2l_bench.embeddings.clmr:Clmr",
    "encodec": "m2l_bench.embeddings.encodec:EnCodec",
    "log-mel": "m2l_bench.embeddings.handmade:LogMel",
    "mert": "m2l_bench.embeddings.mert:Mert",
    "music2latent-untrained": "m2l_bench.embeddings.untrained:UntrainedMusic2Latent",
    "musicnn": "m2l_bench.embeddings.musicnn:MusiCNN",
    "vggish": "m2l_bench.embeddings.vggish:VGGish",
}
