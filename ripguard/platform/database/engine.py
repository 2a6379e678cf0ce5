"""One interface to SQLite and PostgreSQL: read and write transactions.

SQLite: WAL, every commit synced, foreign keys, a write transaction takes its lock when it begins. PostgreSQL: READ
COMMITTED, every commit synced; code that reads before it writes locks the row (``with_for_update``).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from ripguard.errors import StorageError, UsageError
from ripguard.systems import BINARY, NOFOLLOW

WAIT = 15_000  # milliseconds that a writer waits for another one
SHARED = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "9p", "ceph", "glusterfs", "fuse.glusterfs", "lustre")
POOL = 40  # connections to SQLite that are kept, as many as a server has threads for requests
WRITES = "ripguard_writes"  # execution option of a connection


class Database:
    """A database, and the transactions on it. Safe to use from several threads.

    Args:
        url: of SQLAlchemy, ``sqlite:///FILE`` or ``postgresql+psycopg://…``. A missing SQLite file is made, mode 0600.

    Raises:
        UsageError: another kind of URL.
        StorageError: the SQLite file cannot be made, or lies on a network file system, where its locks do not hold.
    """

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        kind = self.url.get_backend_name()
        if kind not in ("sqlite", "postgresql"):
            raise UsageError(f"there is no database of kind {kind!r} here", "expected sqlite or postgresql+psycopg")
        self.sqlite = kind == "sqlite"
        options: dict[str, Any] = {"hide_parameters": True}  # errors would show digests of tokens, and wrapped keys
        if self.sqlite:
            _make_file(Path(self.url.database or ""))
            options |= {"pool_size": POOL}  # kept open: to open one takes longer than most queries
        else:
            settings = "-c timezone=UTC -c synchronous_commit=on -c lock_timeout=15s"
            options |= {"pool_pre_ping": True, "connect_args": {"options": settings, "connect_timeout": 10}}
        self.engine: Engine = create_engine(self.url, **options)
        if self.sqlite:
            event.listen(self.engine, "connect", _set_up)
            event.listen(self.engine, "begin", _begin)

    @property
    def name(self) -> str:
        """The database in messages, without a password."""
        return str(self.url.database) if self.sqlite else self.url.render_as_string(hide_password=True)

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that changes nothing. Raises :class:`StorageError` if the database cannot be used."""
        with self._refusing(), self.engine.connect() as connection:
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is committed, and durable, at its end, or rolled back by an exception.

        Raises:
            StorageError: the database cannot be used, another writer held it for too long, or the disk is full.
        """
        with self._refusing(), self.engine.connect() as connection:
            connection = connection.execution_options(**{WRITES: True})
            with connection.begin():
                yield connection

    def insert_new(self, connection: Connection, table: Any, **values: Any) -> bool:
        """Insert a row unless one with its key exists; returns whether it was inserted."""
        dialect = sqlite if self.sqlite else postgresql
        statement = dialect.insert(table).values(**values).on_conflict_do_nothing()
        return connection.execute(statement.returning(*table.primary_key)).first() is not None

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextlib.contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:  # a rule of the tables: the caller knows which
            raise
        except DBAPIError as error:
            cause = (str(error.orig).strip().splitlines() or [type(error.orig).__name__])[0]
            raise StorageError(
                f"the database {self.name} cannot be used: {cause}", "check that it runs, and has free space"
            ) from None
        except SQLAlchemyError as error:
            if isinstance(error, TimeoutError) or type(error).__name__ == "TimeoutError":
                raise StorageError(f"the database {self.name} is busy", "try again later") from None
            raise


def _make_file(file: Path) -> None:
    """Create the file of a database with mode 0600; SQLite gives the same mode to the files beside it."""
    if not file.name or file.name == ":memory:":
        raise UsageError("database: expected a file", "such as sqlite:////srv/ripguard/platform.db")
    try:
        handle = os.open(file, os.O_RDWR | os.O_CREAT | BINARY | NOFOLLOW, 0o600)
        os.close(handle)
    except OSError as error:
        raise StorageError(f"cannot open the database {file}: {error.strerror}") from None
    if (kind := _file_system(file)) in SHARED:
        raise StorageError(f"{file} is on a network file system ({kind})", "use a local disk, or PostgreSQL")


def _file_system(file: Path) -> str:
    """Kind of the file system of a file; "" where the system does not list them."""
    place, best, kind = str(file.resolve()), "", ""
    with contextlib.suppress(OSError, UnicodeDecodeError), open("/proc/self/mounts", encoding="utf-8") as mounts:
        for line in mounts:
            _, point, one, *_ = line.split(" ")
            point = point.replace("\\040", " ")
            if len(point) >= len(best) and (place + "/").startswith(point.rstrip("/") + "/"):
                best, kind = point, one
    return kind


def _set_up(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver begins no transactions by itself
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={WAIT}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "trusted_schema=OFF",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES)
    # by the driver: SQLAlchemy takes longer for the same than for a query
    raw: Any = connection.connection.driver_connection
    try:
        raw.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
    except raw.Error as error:
        raise DBAPIError.instance("BEGIN", None, error, raw.Error) from error
