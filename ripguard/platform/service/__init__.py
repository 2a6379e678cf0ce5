"""Restoration as a service: pools of worker processes that callers share, and one caller's upload through them."""
