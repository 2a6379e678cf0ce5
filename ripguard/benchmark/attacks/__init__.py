"""Adaptive attacks: with a few clean images, or with knowledge of the protection. One file per attack."""
