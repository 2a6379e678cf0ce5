"""Datasets: what owners own. A dataset has versions, each of which is one deposited release."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Row, bindparam, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from ripguard.errors import UsageError
from ripguard.platform import pulse
from ripguard.platform.audit.log import Audit
from ripguard.platform.clock import Clock, now
from ripguard.platform.database.engine import Database
from ripguard.platform.database.tables import datasets as table
from ripguard.platform.database.tables import grants, versions
from ripguard.platform.errors import Absent, Conflict
from ripguard.platform.values import checked_name, checked_text, new_id

MOST_CRITERIA = 20
DEPOSITED = select(func.count()).where(versions.c.dataset == table.c.id).scalar_subquery().label("deposited")
ONE = select(table, DEPOSITED).where(table.c.id == bindparam("own"))
LOCKED = ONE.with_for_update(of=table)


@dataclass(frozen=True)
class Dataset:
    """A dataset.

    Attributes:
        owner: id of the account.
        listed: whether every account may see it and ask for access.
        public_log: whether new requests for access are published.
        criteria: questions that a request must answer.
        closed: whether nobody may restore from it any more.
        versions: how many releases were deposited.
    """

    id: str
    name: str
    owner: str
    listed: bool
    public_log: bool
    criteria: list[str]
    created_at: int
    closed: bool
    versions: int = 0


class Datasets:
    """The datasets of a platform. It makes no decisions about access: callers ask ``access.rules`` first."""

    def __init__(self, database: Database, audit: Audit, clock: Clock = now) -> None:
        self.database, self.audit, self.clock = database, audit, clock

    def create(self, owner: str, name: str) -> Dataset:
        """A new dataset without versions. Raises :class:`UsageError` if the owner has one of that name."""
        made = Dataset(new_id("ds"), checked_name(name, "dataset"), owner, False, False, [], self.clock(), False)
        row = {"id": made.id, "name": made.name, "owner": owner, "criteria": "[]", "created_at": made.created_at}
        with self.audit.transaction() as journal:
            try:
                journal.connection.execute(insert(table).values(**row))
            except IntegrityError:
                raise Conflict(f"dataset: you have one that is called {name}", "deposit a version of it") from None
            journal.record("create dataset", owner, dataset=made.id)
        return made

    def get(self, dataset: str) -> Dataset:
        """A dataset by its id. Raises :class:`Absent`."""
        with self.database.read() as connection:
            return self.find(connection, dataset)

    def find(self, connection: Connection, dataset: str, lock: bool = False) -> Dataset:
        """The same in a transaction; ``lock`` holds its row until the transaction ends."""
        row = connection.execute(LOCKED if lock else ONE, {"own": dataset}).one_or_none()
        if row is None:
            raise Absent.of("dataset")
        return _dataset(row)

    def visible_to(self, principal: str, everything: bool = False) -> list[Dataset]:
        """Datasets that an account owns, has a grant of, or that are listed; or all of them. By name."""
        query = select(table, DEPOSITED).order_by(table.c.name, table.c.id)
        if not everything:
            valid = (grants.c.revoked_at.is_(None), grants.c.ends_at > self.clock())
            granted = select(grants.c.dataset).where(grants.c.principal == principal, *valid)
            listed = (table.c.listed == 1) & table.c.closed_at.is_(None)
            query = query.where(or_(table.c.owner == principal, listed, table.c.id.in_(granted)))
        with self.database.read() as connection:
            return [_dataset(row) for row in connection.execute(query)]

    def change(
        self,
        dataset: str,
        actor: str,
        listed: bool | None = None,
        public_log: bool | None = None,
        criteria: Sequence[str] | None = None,
    ) -> Dataset:
        """Change settings; None leaves one as it is. Earlier requests stay as public or private as they were.

        Raises:
            Absent: there is no such dataset.
            UsageError: too many criteria, or one that is no text.
        """
        values: dict[str, object] = {}
        if listed is not None:
            values["listed"] = int(listed)
        if public_log is not None:
            values["public_log"] = int(public_log)
        if criteria is not None:
            if len(criteria) > MOST_CRITERIA:
                raise UsageError(f"criteria: {len(criteria)}, more than {MOST_CRITERIA}")
            values["criteria"] = json.dumps([checked_text(one, "criterion") for one in criteria])
        with self.audit.transaction() as journal:
            self.find(journal.connection, dataset, lock=True)
            if values:
                journal.connection.execute(update(table).where(table.c.id == dataset).values(**values))
                journal.record("change dataset", actor, dataset=dataset, note=", ".join(sorted(values)))
            return self.find(journal.connection, dataset)

    def close(self, dataset: str, actor: str) -> None:
        """End all restoration from a dataset, also running ones. Its log stays. Raises :class:`Absent`."""
        with self.audit.transaction() as journal:
            if self.find(journal.connection, dataset, lock=True).closed:
                return
            journal.connection.execute(update(table).where(table.c.id == dataset).values(closed_at=self.clock()))
            pulse.beat(journal.connection)
            journal.record("close dataset", actor, dataset=dataset)


def _dataset(row: Row) -> Dataset:
    settings = (bool(row.listed), bool(row.public_log), json.loads(row.criteria))
    return Dataset(row.id, row.name, row.owner, *settings, row.created_at, row.closed_at is not None, row.deposited)
