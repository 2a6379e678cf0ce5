"""Reversible image transformation: the original, disguised as its adversarial version."""
