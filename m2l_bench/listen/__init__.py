"""Runs on disk -> one static page to hear and compare; reads files, never runs a model.

gather.py finds the audio of runs and of their originals, stimulus.py turns each piece into what a browser loads
(loudness.py, picture.py), writer.py makes the folder; `page/` is the page itself, as it is copied. answers.py reads
what the page's blind tests gave, statistics.py and summary.py sum it up.
"""
