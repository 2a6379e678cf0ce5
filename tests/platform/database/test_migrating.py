"""Migrations both ways, on data; the schema that they make is the one of the tables."""

from __future__ import annotations

from pathlib import Path

import pytest
from setuptools import find_packages
from sqlalchemy import event, inspect, select, text

from ripguard.errors import StorageError
from ripguard.platform.database.migrating import differences, downgrade, revision, upgrade
from ripguard.platform.database.tables import metadata

ROOT = Path(__file__).resolve().parents[3]
CHANGES_THE_SCHEMA = True  # the module has a database of its own


def tables(database):  # type: ignore[no-untyped-def]
    with database.read() as connection:
        return set(inspect(connection).get_table_names())


def content(database):  # type: ignore[no-untyped-def]
    """All rows of all tables."""
    with database.read() as connection:
        return {one.name: connection.execute(select(one)).all() for one in metadata.sorted_tables}


def test_the_schema_is_that_of_the_tables(database):  # type: ignore[no-untyped-def]
    with database.read() as connection:
        assert differences(connection) == []
        assert revision(connection) is not None


def test_up_again_changes_nothing(world):  # type: ignore[no-untyped-def]
    world.grant()
    before = content(world.platform.database)
    assert all(before[name] for name in ("images", "tokens", "audit"))
    upgrade(world.platform.database)
    assert content(world.platform.database) == before


def test_down_and_up_with_data(world):  # type: ignore[no-untyped-def]
    """Each revision down, and up again; the first one below is an empty database."""
    world.grant()
    database = world.platform.database
    downgrade(database, "base")
    assert tables(database) <= {"alembic_version"}
    with database.read() as connection:
        assert revision(connection) is None
    upgrade(database)
    with database.read() as connection:
        assert differences(connection) == []
    assert not any(content(database).values())


def test_an_interrupted_migration_leaves_nothing(database):  # type: ignore[no-untyped-def]
    downgrade(database, "base")
    made = list[str]()

    def stopping(connection, cursor, statement, *_):  # type: ignore[no-untyped-def]
        made.append(statement)
        if sum("CREATE TABLE" in one for one in made) == 5:
            raise ZeroDivisionError

    event.listen(database.engine, "before_cursor_execute", stopping)
    with pytest.raises(ZeroDivisionError):
        upgrade(database)
    event.remove(database.engine, "before_cursor_execute", stopping)
    assert tables(database) <= {"alembic_version"}
    upgrade(database)
    with database.read() as connection:
        assert differences(connection) == []


def test_a_newer_schema_is_refused(database):  # type: ignore[no-untyped-def]
    with database.write() as connection:
        newest = revision(connection)
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    try:
        with pytest.raises(StorageError, match="which this ripguard does not know"):
            upgrade(database)
    finally:
        with database.write() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :newest"), {"newest": newest})


def test_migrations_are_in_the_wheel():
    """They are packages, so that an installed ripguard has them."""
    assert "ripguard.platform.database.migrations.versions" in find_packages(str(ROOT), include=["ripguard*"])
