"""Use of Music2Latent: encode audio to latents and decode it, train models, run the ablation of Table 3."""
