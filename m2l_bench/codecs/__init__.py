"""Adapters, one system family a file. `base.py` has the two sets of verbs; a card names the class that implements one."""
