"""What releases and other things on disk share: whole files or none, a lock, rows and their index, a schema."""
