"""Storage: atomic files, locks, manifest rows with an index, and a schema."""
