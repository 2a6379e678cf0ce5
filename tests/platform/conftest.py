"""Every test that asks for ``database`` or ``platform`` runs twice: on SQLite, and on a real PostgreSQL.

SQLite: each test gets a copy of a migrated file. PostgreSQL: one server and one database a session, emptied after each
test; a module that changes the schema has its own.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import postgres
import pytest
from platforms import Hundred, Time, World, make_hundred
from sqlalchemy import create_engine, make_url, text

from ripguard.platform.core import Platform
from ripguard.platform.database.engine import Database
from ripguard.platform.database.migrating import upgrade
from ripguard.platform.database.tables import metadata
from ripguard.platform.settings import Settings

COUNT = itertools.count()
MIGRATED = "migrated"


@pytest.fixture(scope="session")
def server() -> Iterator[str | None]:
    """URL of a PostgreSQL server with a migrated database; None where there is no PostgreSQL."""
    try:
        with postgres.server() as url:
            _execute(url, f"CREATE DATABASE {MIGRATED}")
            migrated = Database(_named(url, MIGRATED))
            upgrade(migrated)
            migrated.close()
            yield url
    except FileNotFoundError:
        yield None


@pytest.fixture(scope="module")
def module_database(request: pytest.FixtureRequest, server: str | None) -> Callable[[], str]:
    """Gives the URL of a migrated database: one for all, or one of the module if it sets ``CHANGES_THE_SCHEMA``."""
    made: list[str] = []

    def url() -> str:
        if server is None:
            pytest.skip(postgres.MISSING)
        if not made and getattr(request.module, "CHANGES_THE_SCHEMA", False):
            made.append(f"tests{next(COUNT)}")
            _execute(server, f"CREATE DATABASE {made[0]} TEMPLATE {MIGRATED}")
        return _named(server, made[0] if made else MIGRATED)

    return url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file."""
    file = tmp_path_factory.mktemp("sqlite") / "platform.db"
    made = Database(f"sqlite:///{file}")
    upgrade(made)
    with made.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    made.close()
    return file


@pytest.fixture(scope="session")
def hundred(tmp_path_factory: pytest.TempPathFactory) -> Hundred:
    """A release of 100 images."""
    return make_hundred(tmp_path_factory.mktemp("hundred"))


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of an empty, migrated database."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "platform.db")
        yield f"sqlite:///{tmp_path / 'platform.db'}"
        return
    found = request.getfixturevalue("module_database")()
    yield found
    names = ", ".join(table.name for table in metadata.sorted_tables)
    _execute(found, f"TRUNCATE {names} RESTART IDENTITY CASCADE")


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """An empty, migrated database."""
    made = Database(url)
    yield made
    made.close()


@pytest.fixture
def clock() -> Time:
    """A clock that tests move."""
    return Time()


@pytest.fixture
def settings(url: str, tmp_path: Path) -> Settings:
    return Settings(folder=tmp_path / "platform", database=url)


@pytest.fixture
def platform(settings: Settings, clock: Time) -> Iterator[Platform]:
    """A started platform on an empty database."""
    made = Platform.start(settings, clock)
    yield made
    made.close()


@pytest.fixture
def world(platform: Platform, clock: Time) -> World:
    """A platform with accounts of every role, and a dataset of the owner."""
    return World(platform, clock)


def _named(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def _execute(url: str, statement: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
