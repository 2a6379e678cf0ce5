"""Transactions on SQLite and PostgreSQL, and what cannot be used."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError

from ripguard.errors import StorageError, UsageError
from ripguard.platform.database import engine
from ripguard.platform.database.engine import Database
from ripguard.platform.database.tables import pulse, tokens


def count(database: Database) -> int | None:
    with database.read() as connection:
        return connection.execute(select(pulse.c.counter)).scalar()


def test_committed_or_rolled_back(database):  # type: ignore[no-untyped-def]
    with database.write() as connection:
        connection.execute(insert(pulse).values(id=1, counter=7))

    def change() -> None:
        with database.write() as connection:
            connection.execute(pulse.update().values(counter=8))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change()
    assert count(database) == 7


def test_insert_new(database):  # type: ignore[no-untyped-def]
    with database.write() as connection:
        assert database.insert_new(connection, pulse, id=1, counter=1)
        assert not database.insert_new(connection, pulse, id=1, counter=2)
    assert count(database) == 1


def test_rules_of_the_tables_hold(database):  # type: ignore[no-untyped-def]
    row = {"accessor": "a", "digest": b"d", "principal": "nobody", "scopes": "", "note": ""}
    with pytest.raises(IntegrityError), database.write() as connection:  # foreign keys are on
        connection.execute(insert(tokens).values(**row, created_at=0, expires_at=0))


def test_writers_do_not_lose_updates(database):  # type: ignore[no-untyped-def]
    """Threads that read a row, and write what they read plus one."""
    with database.write() as connection:
        connection.execute(insert(pulse).values(id=1, counter=0))

    def add() -> None:
        for _ in range(10):
            with database.write() as connection:
                found = connection.execute(select(pulse.c.counter).with_for_update()).scalar_one()
                connection.execute(pulse.update().values(counter=found + 1))

    threads = [threading.Thread(target=add) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert count(database) == 30


def test_durable_settings(database):  # type: ignore[no-untyped-def]
    with database.read() as connection:
        if database.sqlite:
            found = [
                connection.execute(text(f"PRAGMA {name}")).scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "trusted_schema")
            ]
            assert found == ["wal", 2, 1, engine.WAIT, 0]
            tables = connection.execute(text("SELECT name, strict FROM pragma_table_list WHERE schema = 'main'")).all()
            loose = {name for name, strict in tables if not strict}
            assert loose == {"sqlite_schema", "alembic_version", "sqlite_sequence"} & {name for name, _ in tables}
        else:
            assert connection.execute(text("SHOW synchronous_commit")).scalar() == "on"
            assert connection.execute(text("SHOW timezone")).scalar() == "UTC"


def test_errors_show_no_values(database):  # type: ignore[no-untyped-def]
    with pytest.raises(IntegrityError) as refused, database.write() as connection:
        connection.execute(insert(pulse), [{"id": 1, "counter": 987654}, {"id": 1, "counter": 987654}])
    assert "987654" not in str(refused.value)


def test_the_file_is_private(tmp_path):  # type: ignore[no-untyped-def]
    made = Database(f"sqlite:///{tmp_path / 'new.db'}")
    with made.write() as connection:
        connection.execute(text("CREATE TABLE t (a)"))
        assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}
    made.close()


@pytest.mark.parametrize("url", ["mysql://host/name", "sqlite://", "sqlite:///:memory:"])
def test_other_kinds_are_refused(url):  # type: ignore[no-untyped-def]
    with pytest.raises((UsageError, ModuleNotFoundError)):
        Database(url)


def test_what_cannot_be_opened(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    with pytest.raises(StorageError, match="cannot open the database"):
        Database(f"sqlite:///{tmp_path / 'nowhere' / 'x.db'}")
    (tmp_path / "junk.db").write_bytes(b"not a database, whatever its name" * 100)
    junk = Database(f"sqlite:///{tmp_path / 'junk.db'}")
    with pytest.raises(StorageError, match="cannot be used"), junk.read() as connection:
        connection.execute(text("SELECT * FROM sqlite_schema"))
    monkeypatch.setattr(engine, "_file_system", lambda file: "nfs4")
    with pytest.raises(StorageError, match="network file system"):
        Database(f"sqlite:///{tmp_path / 'remote.db'}")


def test_a_server_that_is_not_there(tmp_path):  # type: ignore[no-untyped-def]
    gone = Database(f"postgresql+psycopg://somebody:hunter2@/name?host={tmp_path}")
    with pytest.raises(StorageError, match="cannot be used") as refused, gone.read():
        pass
    assert "hunter2" not in str(refused.value)
