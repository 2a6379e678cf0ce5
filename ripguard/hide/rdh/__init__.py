"""Reversible data hiding by prediction-error expansion, and the hiding method that uses it."""
