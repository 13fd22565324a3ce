"""Everyday use of Music2Latent: audio to latents and back, training, the ablation of Table 3."""
