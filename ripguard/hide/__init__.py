"""Hiding methods: reversible ways to make a clean image look like a carrier."""
