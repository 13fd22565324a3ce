"""Adapters of systems, one family per file; `base.py` has their base classes.

A card names an adapter by its short name in this table. The name is part of a run's identity and the path is not, so a
file may move.
"""

ADAPTERS = {
    "agc": "m2l_bench.codecs.agc:Agc",
    "codicodec": "m2l_bench.codecs.codicodec:CoDiCodec",
    "dac": "m2l_bench.codecs.dac:Dac",
    "dacvae": "m2l_bench.codecs.dacvae:DacVae",
    "ear-vae": "m2l_bench.codecs.ear_vae:EarVae",
    "encodec": "m2l_bench.codecs.encodec:EnCodec",
    "hidden-reference": "m2l_bench.codecs.anchors:HiddenReference",
    "kvae-audio": "m2l_bench.codecs.kvae_audio:KvaeAudio",
    "linear-cae": "m2l_bench.codecs.linear_cae:LinearCAE",
    "lossy": "m2l_bench.codecs.lossy:LossyCoder",
    "low-pass": "m2l_bench.codecs.anchors:LowPass",
    "mel-pca": "m2l_bench.codecs.mel_pca:MelPca",
    "mimi": "m2l_bench.codecs.mimi:Mimi",
    "mousai": "m2l_bench.codecs.mousai:Mousai",
    "music2latent": "m2l_bench.codecs.music2latent:Music2LatentCodec",
    "music2latent-untrained": "m2l_bench.codecs.music2latent:UntrainedMusic2LatentCodec",
    "musika": "m2l_bench.codecs.musika:Musika",
    "oobleck": "m2l_bench.codecs.oobleck:Oobleck",
    "recorded": "m2l_bench.codecs.recorded:Recorded",
    "same": "m2l_bench.codecs.same:Same",
    "snac": "m2l_bench.codecs.snac:Snac",
    "xcodec": "m2l_bench.codecs.xcodec:XCodec",
}
