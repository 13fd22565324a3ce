"""Submissions: runs as one folder that others can check and compare. This folder reads and writes files.

Only `recompute` measures anything.
"""
