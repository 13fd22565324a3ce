"""The listening page: one static page from runs on disk. These modules read files and never run a model.

`gather` finds the audio of runs and of their originals, and `generated` that of the sets that `generate` wrote; both
give the `content` of a page. `stimulus` converts each piece to the files that a browser loads, with `loudness` and
`picture`; `writer` writes the folder. `page/` holds the page itself, which is copied.
`answers` reads the answers of the page's blind tests; `statistics` and `summary` summarise them. `webmushra` writes the
same test for webMUSHRA, and `webmushra_answers` translates the answers that it gives.
"""
