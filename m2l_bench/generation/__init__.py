"""Which autoencoder's latents are easiest to generate from: one small flow-matching transformer, trained on each.

card        what decides the numbers, read from a YAML file
crops       the same seconds of music for every system, whatever its frame rate
network     the transformer
flow        the loss of flow matching, and the samplers
training    the loop, which resumes exactly, and its checkpoints
sets        the sets that are decoded and compared: samples, floors and ceilings
decoding    latents to FLAC files
evaluation  distances of the sets to the held-out music
pipeline    all stages of `m2l-bench generate`
"""
