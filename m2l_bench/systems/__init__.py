"""Loading of systems and embeddings from their cards, the wrappers that run them, and a check of each codec."""
