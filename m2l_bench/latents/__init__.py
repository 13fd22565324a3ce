"""Collections of latents on disk: volumes of many entries, each with its index; written, checked and read for training.

    OUT/collection.json         which codec made them, and in which format they are
    OUT/2-of-8/000003.tar       a volume of the second of eight jobs; in other formats a folder, without the suffix
    OUT/2-of-8/000003.parquet   its index: one row per entry, in the order of the volume; and the statistics

An entry is one stream of an audio file: a codec of one channel makes two of a stereo file, a codec of two makes one.
A volume without its index is unfinished, and hidden: nobody but the job that writes it looks at it.
"""
