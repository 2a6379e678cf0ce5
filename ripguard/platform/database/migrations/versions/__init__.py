"""The changes of the schema, the oldest first. A published one never changes."""
