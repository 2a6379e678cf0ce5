"""Hiding methods: reversible transformations of a clean image into one that approximates a carrier."""
