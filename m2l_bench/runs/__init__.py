"""What is on disk: runs of reconstructions and of probes, vectors, and who made them."""
