"""Small classifiers on features: what Table 1 is measured with.

targets.py     labels of a dataset as arrays, and parts of a training set
mlp.py         the network of many seeds at once
training.py    its training, each seed stopped by itself
neighbours.py  k nearest neighbours, without training
"""
