"""Perturbations: clean images in, carriers out that a model should learn the wrong thing from."""
