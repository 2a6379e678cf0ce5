"""Alembic runs this file for every migration; :mod:`ripguard.platform.database.migrating` gives it a connection."""

from __future__ import annotations

from alembic import context

from ripguard.platform.database.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,  # the caller's transaction, on SQLite too
    render_as_batch=True,  # SQLite cannot alter columns
)
with context.begin_transaction():
    context.run_migrations()
