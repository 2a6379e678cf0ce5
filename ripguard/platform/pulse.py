"""A counter that grows with every revocation, so that a running restoration sees one before its next image.

Reading it is one query of one row. Only if it has grown are tokens and grants read again.
"""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from ripguard.platform.database.engine import Database
from ripguard.platform.database.tables import pulse

COUNTER = select(pulse.c.counter)


def start(database: Database, connection: Connection) -> None:
    """Make the row in a new database."""
    database.insert_new(connection, pulse, id=1, counter=0)


def beat(connection: Connection) -> None:
    """Count a revocation, in its transaction."""
    connection.execute(update(pulse).values(counter=pulse.c.counter + 1))


def counted(connection: Connection) -> int:
    """Number of revocations so far."""
    return int(connection.execute(COUNTER).scalar_one())
