"""The database of the platform: SQLite in one file, or PostgreSQL."""
