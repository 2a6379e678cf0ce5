"""Which server runs which job. The rows of jobs say it, so that servers need nothing else in common than the database.

A server that dies stops renewing its lease, and another one goes on. One that slept for longer than its lease finds at
its next write that it lost the job, and stops; what it restored meanwhile is in the audit log, as everything is. The
clocks of the hosts must agree to some seconds.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, func, or_, select, update

from ripguard.platform.clock import Clock
from ripguard.platform.database.engine import Database
from ripguard.platform.database.tables import jobs as table
from ripguard.platform.values import new_id

QUEUED, RUNNING, DONE, FAILED, CANCELLED = "queued", "running", "done", "failed", "cancelled"
LEASE = 15  # seconds until another server takes over a job whose server was killed


class Leases:
    """The jobs of one place, as one server process may run them.

    Args:
        place: where the files of the jobs are: a host, or a folder that several share.
    """

    def __init__(self, database: Database, place: str, clock: Clock) -> None:
        self._database, self._host, self._clock = database, place, clock
        self._own = new_id("rn")  # of this server process

    def waiting(self) -> list[str]:
        """Jobs that this server may run, the oldest first: also those whose server has left them."""
        query = select(table.c.id).where(table.c.host == self._host, self._free())
        with self._database.read() as connection:
            return list(connection.execute(query.order_by(table.c.created_at, table.c.id)).scalars())

    def claim(self, name: str) -> bool:
        """Take a job for this server; returns whether no other has it. What follows needs the lease."""
        changed = update(table).where(table.c.id == name, self._free())
        with self._database.write() as connection:
            lease = {"runner": self._own, "leased_until": self._clock() + LEASE}
            return bool(connection.execute(changed.values(state=RUNNING, error="", **lease)).rowcount)

    def leave(self, name: str) -> None:
        """Let any server go on with a job at once."""
        self._while_mine(name, leased_until=0)

    def end(self, name: str, state: str, **values: object) -> bool:
        """End a job that this server has; returns whether it still had it."""
        return self._while_mine(name, state=state, ended_at=self._clock(), **values)

    def _while_mine(self, name: str, **values: object) -> bool:
        mine = (table.c.id == name, table.c.state == RUNNING, table.c.runner == self._own)
        with self._database.write() as connection:
            return bool(connection.execute(update(table).where(*mine).values(**values)).rowcount)

    def _free(self) -> ColumnElement[bool]:
        """Condition: nobody else runs the job."""
        left = or_(table.c.leased_until <= self._clock(), table.c.runner == self._own)
        return or_(table.c.state == QUEUED, and_(table.c.state == RUNNING, left))

    def count(self, name: str, images: int) -> bool:
        """Write the progress of a job, and renew its lease; returns whether this server still runs it."""
        return self._while_mine(name, images=images, leased_until=self._clock() + LEASE)

    def renew(self, name: str) -> bool:
        """Renew the lease of a job; returns whether this server still has it."""
        return self._while_mine(name, leased_until=self._clock() + LEASE)


def open_jobs(database: Database) -> dict[str, int]:
    """How many jobs there are in each state that somebody may act on: queued, running, failed."""
    states = (QUEUED, RUNNING, FAILED)
    query = select(table.c.state, func.count()).where(table.c.state.in_(states)).group_by(table.c.state)
    with database.read() as connection:
        return dict.fromkeys(states, 0) | {row[0]: row[1] for row in connection.execute(query)}
