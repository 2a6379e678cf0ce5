"""Perturbations: methods that turn clean images into carriers, which mislead models trained on them."""
