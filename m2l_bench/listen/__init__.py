"""Runs on disk -> one static page to hear and compare; reads files, never runs a model.

gather.py finds the audio of runs and of their originals, stimulus.py turns each piece into what a browser loads
(loudness.py, picture.py), writer.py makes the folder, answers.py reads what blind tests gave and test_results.py sums it up.
`page/` is the page itself, as it is copied.
"""
