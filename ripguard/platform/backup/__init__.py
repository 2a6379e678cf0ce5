"""Backups of a running platform, and the way back. The master key is in none of them."""
