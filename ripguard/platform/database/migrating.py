"""Bring a database to the schema of this version of ripguard, or back to an earlier one (Alembic).

Each call is one transaction: after an interruption the database has its old schema, and all of it.
"""

from __future__ import annotations

from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from ripguard.errors import InputRefused, StorageError, UsageError
from ripguard.platform.database.engine import Database
from ripguard.platform.database.tables import metadata

LOCK = 0x7269706775617264  # of PostgreSQL: two servers that start together migrate one after the other


def upgrade(database: Database, to: str = "head") -> None:
    """Migrate to a later revision; the data stay.

    Raises:
        StorageError: the database has a schema of a newer ripguard, or cannot be used.
    """
    with database.write() as connection:
        _lock(database, connection)
        _refuse_newer(database, connection)
        command.upgrade(_config(connection), to)


def downgrade(database: Database, to: str) -> None:
    """Migrate to an earlier revision, ``base`` for none. What the earlier schema cannot hold is lost."""
    with database.write() as connection:
        _lock(database, connection)
        command.downgrade(_config(connection), to)


def revision(connection: Connection) -> str | None:
    """The revision of the schema in a database, None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def schemas() -> list[str]:
    """The revisions that this ripguard knows, the first one first."""
    return [one.revision for one in ScriptDirectory.from_config(_config()).walk_revisions()][::-1]


def known(name: str) -> bool:
    """Whether this ripguard knows a revision."""
    return name in schemas()


def migrate(database: Database, to: str | None) -> tuple[str, str]:
    """Migrate to a revision, earlier or later; returns the one before and the one after.

    Args:
        to: a revision, ``head`` for the newest; None changes nothing.

    Raises:
        InputRefused: the database has no platform in it.
        UsageError: there is no such revision.
        StorageError: as :func:`upgrade`.
    """
    with database.read() as connection:
        before = revision(connection)
    if before is None:
        raise InputRefused(f"the database {database.name} holds no platform", "name the one that the server uses")
    names = schemas()
    if to is None:
        return before, before
    if to != "head" and to not in names:
        raise UsageError(f"there is no schema {to}", f"known are {', '.join(names)}")
    wanted = names[-1] if to == "head" else to
    if before in names and names.index(wanted) < names.index(before):
        downgrade(database, wanted)
    else:
        upgrade(database, wanted)
    return before, wanted


def differences(connection: Connection) -> list[Any]:
    """Differences between the schema in a database and :mod:`ripguard.platform.database.tables`."""
    return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata))


def _refuse_newer(database: Database, connection: Connection) -> None:
    found = revision(connection)
    if found is not None and not known(found):
        raise StorageError(
            f"the database {database.name} has schema {found}, which this ripguard does not know",
            "install the newer ripguard that made it, and downgrade with that one",
        )


def _lock(database: Database, connection: Connection) -> None:
    if not database.sqlite:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", "ripguard.platform.database:migrations")
    config.attributes["connection"] = connection
    return config
