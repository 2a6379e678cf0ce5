"""Rates, quotas and waiting times after failures. The counters are in the database: all processes share them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, select, update

from ripguard.platform.clock import DAY, MINUTE, Clock, now
from ripguard.platform.database.engine import Database
from ripguard.platform.database.tables import counters, failures
from ripguard.platform.errors import LimitReached
from ripguard.platform.settings import Limits

PORTIONS = 100  # of a rate: a process takes one at a time, so that not every call writes to the database


@dataclass(frozen=True)
class Taken:
    """Part of a quota: how much was taken, and seconds until the quota is whole again."""

    amount: int
    retry_after: int


def take(
    database: Database, connection: Connection, subject: str, kind: str, wanted: int, most: int, window: int, time: int
) -> Taken:
    """Take up to ``wanted`` from a quota, in the caller's transaction.

    Args:
        subject, kind: whose quota, and which.
        most: size of the quota in one window; 0: without limit.
        window: seconds; windows begin at multiples of it.
        time: now.
    """
    started = time - time % window
    if not most:
        return Taken(wanted, 0)
    database.insert_new(connection, counters, subject=subject, kind=kind, started=started, value=0)
    own = (counters.c.subject == subject, counters.c.kind == kind)
    row = connection.execute(select(counters).where(*own).with_for_update()).one()
    used = row.value if row.started == started else 0
    amount = min(wanted, max(0, most - used))
    if amount:
        connection.execute(update(counters).where(*own).values(started=started, value=used + amount))
    return Taken(amount, started + window - time)


class Throttle:
    """Rates and waiting times of callers.

    A failure costs nothing at first. After ``limits.failures`` of them each further one doubles the time in which the
    subject is refused, up to ``limits.longest_wait``; that long without a failure, and all are forgotten.
    """

    def __init__(self, database: Database, limits: Limits, clock: Clock = now) -> None:
        self.database, self.limits, self.clock = database, limits, clock
        self._left: dict[str, tuple[int, int]] = {}  # window and rest of the portion, by subject

    def call(self, subject: str) -> None:
        """Count one call. Raises :class:`LimitReached` beyond ``limits.calls_a_minute``."""
        if not (most := self.limits.calls_a_minute):
            return
        time = self.clock()
        window = time - time % MINUTE
        known, left = self._left.get(subject, (0, 0))
        if known != window or not left:
            if len(self._left) > 10_000:  # a subject is a token; old windows are of no use
                self._left = {name: one for name, one in self._left.items() if one[0] == window}
            with self.database.write() as connection:
                portion = max(1, most // PORTIONS)
                taken = take(self.database, connection, subject, "calls", portion, most, MINUTE, time)
            if not taken.amount:
                raise LimitReached("too many calls", "slow down", taken.retry_after)
            left = taken.amount
        self._left[subject] = (window, left - 1)

    def count(self, subject: str, kind: str, amount: int, most: int, window: int = DAY) -> None:
        """Count ``amount`` against a quota, all of it or nothing. Raises :class:`LimitReached` if it is too much."""
        with self.database.write() as connection:
            taken = take(self.database, connection, subject, kind, amount, most, window, self.clock())
            if taken.amount < amount:  # raised inside the transaction: what was counted is rolled back
                raise LimitReached(f"too many {kind}", "wait, or ask for a higher limit", taken.retry_after)

    def refuse_waiting(self, subject: str) -> None:
        """Raise :class:`LimitReached` while a subject has to wait after its failures."""
        with self.database.read() as connection:
            until = connection.execute(select(failures.c.wait_until).where(failures.c.subject == subject)).scalar()
        if until is not None and until > (time := self.clock()):
            raise LimitReached("too many failures", "wait, then try again", until - time)

    def failed(self, subject: str) -> None:
        """Count a failure."""
        time, longest = self.clock(), self.limits.longest_wait
        with self.database.write() as connection:
            self.database.insert_new(connection, failures, subject=subject, number=0, last_at=time, wait_until=0)
            own = failures.c.subject == subject
            row = connection.execute(select(failures).where(own).with_for_update()).one()
            number = (row.number if time - row.last_at < longest else 0) + 1
            over = number - self.limits.failures if self.limits.failures else 0
            wait = min(longest, 1 << min(over, 30)) if over > 0 else 0
            connection.execute(update(failures).where(own).values(number=number, last_at=time, wait_until=time + wait))

    def sweep(self) -> None:
        """Remove counters and failures that no decision needs any more."""
        old = self.clock() - 2 * DAY
        with self.database.write() as connection:
            connection.execute(delete(counters).where(counters.c.started < old))
            connection.execute(delete(failures).where(failures.c.last_at < old))
