"""Adapters, one system family a file; a card names the class. `base.py` has the two sets of verbs."""
