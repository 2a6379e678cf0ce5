"""A database as it was at one moment, in one SQLite file, while others write to it.

SQLite copies its pages (the backup API), in one step: in WAL mode that keeps no writer waiting. PostgreSQL is read in
one transaction that sees the state of its start (REPEATABLE READ), and its rows go into an SQLite file with the same
schema. ``pg_dump`` would need a program of the server's version on this machine, and a PostgreSQL to check what it
wrote. So every backup has one form, is checked in one way, and can be restored to either kind of database.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, NullPool, create_engine
from sqlalchemy.exc import DatabaseError

from ripguard.errors import Damaged, InputRefused, StorageError
from ripguard.platform.backup.copying import copy
from ripguard.platform.database.engine import Database
from ripguard.platform.database.migrating import known, revision, upgrade
from ripguard.store.atomic import storage
from ripguard.systems import BINARY, NOFOLLOW


def snapshot(database: Database, file: Path) -> None:
    """Write the database into a new SQLite file, mode 0600.

    Raises:
        InputRefused: it has no platform in it, or the one of a newer ripguard.
        StorageError: it cannot be read, or the disk is full.
    """
    with database.read() as connection:
        found = revision(connection)
    if found is None:
        raise InputRefused(f"the database {database.name} holds no platform", "name the folder that the server uses")
    if not known(found):
        raise InputRefused(f"the database {database.name} has schema {found}", "back it up with the ripguard it is of")
    with storage("cannot create"):
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | BINARY | NOFOLLOW, 0o600))
    if database.sqlite:
        _copy_pages(database, file)
    else:
        _copy_rows(database, file, found)


@contextlib.contextmanager
def opened(file: Path) -> Iterator[Connection]:
    """The database of a backup, which nothing changes. Raises :class:`Damaged` where SQLite cannot read it."""
    place = f"file:{quote(str(file.absolute()))}?mode=ro&immutable=1"
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(place, uri=True), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            yield connection
    except DatabaseError as error:
        raise Damaged(f"{file} is damaged: {error.orig}", "use another backup") from None
    finally:
        engine.dispose()


def _copy_pages(database: Database, file: Path) -> None:
    try:
        with (
            contextlib.closing(sqlite3.connect(file, isolation_level=None)) as target,
            database.engine.connect() as source,
        ):
            source.connection.driver_connection.backup(target, pages=-1)  # type: ignore[union-attr]
            target.execute("PRAGMA journal_mode=DELETE")  # one file, that can be opened where nothing can be written
    except sqlite3.Error as error:
        raise StorageError(f"cannot copy the database {database.name}: {error}", "check free space") from None


def _copy_rows(database: Database, file: Path, found: str) -> None:
    target = Database(f"sqlite:///{file}")
    try:
        upgrade(target, found)
        with database.read() as own:
            source = own.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with target.write() as written:
                copy(source, written)
        with target.engine.connect() as last:
            last.connection.driver_connection.execute("PRAGMA journal_mode=DELETE")  # type: ignore[union-attr]
    finally:
        target.close()
