"""Alembic's scripts: ``env.py``, and one file for each change of the schema in ``versions``."""
