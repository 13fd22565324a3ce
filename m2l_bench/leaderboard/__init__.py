"""Submissions -> a static site that ranks systems. Nothing here runs a model."""
