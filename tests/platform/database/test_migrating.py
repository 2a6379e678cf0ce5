"""Migrations both ways, on data; the schema that they make is the one of the tables."""

from __future__ import annotations

from pathlib import Path

import pytest
from setuptools import find_packages
from sqlalchemy import event, insert, inspect, select, text

from ripguard.errors import StorageError
from ripguard.platform.database.migrating import differences, downgrade, revision, upgrade
from ripguard.platform.database.tables import jobs, metadata
from ripguard.platform.service.jobs import Jobs
from ripguard.platform.web.sessions import WebSessions

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


def test_down_to_0002_and_up_with_a_running_job(world):  # type: ignore[no-untyped-def]
    """Leases and sessions go; the job stays, and any server may take it."""
    world.grant()
    database, caller = world.platform.database, world.callers["user"]
    WebSessions(world.platform).open(caller)
    row = {
        "id": "jb_1", "principal": caller.principal, "accessor": caller.accessor, "dataset": world.dataset.id,
        "idempotency": "k", "upload": "0" * 64, "host": "local", "state": "running", "error": "", "images": 64,
        "created_at": 5, "ended_at": None,
    }  # fmt: skip
    with database.write() as connection:
        connection.execute(insert(jobs).values(**row, runner="rn_1", leased_until=world.clock.now + 99))
    before = content(database)
    downgrade(database, "0002")
    assert "web_sessions" not in tables(database)
    upgrade(database)
    with database.read() as connection:
        assert differences(connection) == []
    after = content(database)
    assert (after.pop("web_sessions"), len(before.pop("web_sessions"))) == ([], 1)
    assert [one._asdict() for one in after.pop("jobs")] == [row | {"runner": "", "leased_until": 0}]
    assert len(before.pop("jobs")) == 1
    assert after == before
    assert Jobs(world.platform).waiting() == ["jb_1"]


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
