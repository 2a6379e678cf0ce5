"""Attackers who hold a little clean data, or know the protection. Each is one file and ends in an accuracy."""
