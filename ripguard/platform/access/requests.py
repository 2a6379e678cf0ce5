"""Requests for access: somebody states a purpose and answers the owner's questions, and the owner decides."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Row, insert, select, update

from ripguard.errors import UsageError
from ripguard.platform.access.grants import Grant, Grants, Terms
from ripguard.platform.audit.log import Audit
from ripguard.platform.clock import Clock, now
from ripguard.platform.database.engine import Database
from ripguard.platform.database.tables import principals
from ripguard.platform.database.tables import requests as table
from ripguard.platform.deposits.datasets import Datasets
from ripguard.platform.errors import Absent, Conflict
from ripguard.platform.values import checked_label, checked_text, new_id

OPEN, GRANTED, REFUSED, WITHDRAWN = "open", "granted", "refused", "withdrawn"


@dataclass(frozen=True)
class Request:
    """A request for access.

    Attributes:
        split, label: the part of the dataset that is wanted; None: all.
        answers: (criterion, answer), as the criteria were when it was made.
        public: whether the log of requests of the dataset shows it; fixed when it is made.
        state: ``open``, ``granted``, ``refused`` or ``withdrawn``.
        reason: of the decision.
        granted: id of the grant, "" for none.
    """

    id: str
    dataset: str
    principal: str
    split: str | None
    label: str | None
    purpose: str
    answers: list[tuple[str, str]]
    public: bool
    created_at: int
    state: str
    decided_at: int | None
    reason: str
    granted: str


@dataclass(frozen=True)
class Published:
    """A request as the public log shows it: no answers, and no ids."""

    name: str
    purpose: str
    state: str
    created_at: int
    decided_at: int | None


class Requests:
    """The requests for access. It makes no decisions about access: callers ask ``access.rules`` first."""

    def __init__(
        self, database: Database, audit: Audit, datasets: Datasets, grants: Grants, clock: Clock = now
    ) -> None:
        self.database, self.audit, self.datasets, self.grants, self.clock = database, audit, datasets, grants, clock

    def ask(
        self,
        dataset: str,
        principal: str,
        purpose: str,
        answers: Sequence[str] = (),
        split: str | None = None,
        label: str | None = None,
    ) -> Request:
        """A new request.

        Args:
            answers: one for each criterion of the dataset, in its order.

        Raises:
            Absent: there is no such dataset, or it is closed.
            UsageError: an answer is missing, or the account has an open request for the dataset.
        """
        texts = [checked_text(one, "answer") for one in answers]
        for value in (split, label):
            if value is not None:
                checked_label(value, "request")
        with self.audit.transaction() as journal:
            connection = journal.connection
            about = self.datasets.find(connection, dataset, lock=True)
            if about.closed:
                raise Absent.of("dataset")
            if len(texts) != len(about.criteria):
                raise UsageError(f"request: expected {len(about.criteria)} answers, got {len(texts)}")
            own = (table.c.dataset == dataset, table.c.principal == principal, table.c.state == OPEN)
            if connection.execute(select(table.c.id).where(*own)).first() is not None:
                raise Conflict("request: you have one that is open", "withdraw it first")
            row = {
                "id": new_id("rq"),
                "dataset": dataset,
                "principal": principal,
                "split": split,
                "label": label,
                "purpose": checked_text(purpose, "purpose"),
                "answers": json.dumps(list(zip(about.criteria, texts))),
                "public": int(about.public_log),
                "created_at": self.clock(),
                "state": OPEN,
                "reason": "",
            }
            connection.execute(insert(table).values(**row))
            journal.record("request", principal, dataset=dataset, note=str(row["id"]))
            return self.get(connection, str(row["id"]))

    def grant(self, request: str, terms: Terms, actor: str, reason: str = "") -> Grant:
        """Grant a request, on terms that may differ from what it asks for. Raises as :meth:`Grants.create`.

        Raises:
            Absent: there is no such request.
            UsageError: it was decided before.
        """
        with self.audit.transaction() as journal:
            found = self._open(journal.connection, request)
            made = self.grants.create_in(journal, found.dataset, found.principal, terms, actor)
            self._decide(journal.connection, request, GRANTED, actor, reason, made.id)
            journal.record("decide request", actor, dataset=found.dataset, note=f"{request} {GRANTED}")
        return made

    def refuse(self, request: str, actor: str, reason: str) -> None:
        """Refuse a request, with a reason. Raises as :meth:`grant`."""
        with self.audit.transaction() as journal:
            found = self._open(journal.connection, request)
            self._decide(journal.connection, request, REFUSED, actor, checked_text(reason, "reason"))
            journal.record("decide request", actor, dataset=found.dataset, note=f"{request} {REFUSED}")

    def withdraw(self, request: str, actor: str) -> None:
        """Withdraw an open request. Raises as :meth:`grant`."""
        with self.audit.transaction() as journal:
            found = self._open(journal.connection, request)
            self._decide(journal.connection, request, WITHDRAWN, actor, "")
            journal.record("withdraw request", actor, dataset=found.dataset, note=request)

    def get(self, connection: Connection, request: str) -> Request:
        """A request by its id. Raises :class:`Absent`."""
        return _request(self._row(connection, request))

    def of_dataset(self, dataset: str) -> list[Request]:
        """All requests for a dataset, the newest first."""
        return self._all(table.c.dataset == dataset)

    def of_principal(self, principal: str) -> list[Request]:
        """All requests of an account, the newest first."""
        return self._all(table.c.principal == principal)

    def public_log(self, dataset: str) -> list[Published]:
        """What everybody may know of the requests for a dataset, the newest first."""
        query = (
            select(table, principals.c.name)
            .join(principals, principals.c.id == table.c.principal)
            .where(table.c.dataset == dataset, table.c.public == 1)
            .order_by(table.c.created_at.desc(), table.c.id)
        )
        with self.database.read() as connection:
            rows = connection.execute(query).all()
        return [Published(row.name, row.purpose, row.state, row.created_at, row.decided_at) for row in rows]

    def _all(self, where: object) -> list[Request]:
        query = select(table).where(where).order_by(table.c.created_at.desc(), table.c.id)  # type: ignore[arg-type]
        with self.database.read() as connection:
            return [_request(row) for row in connection.execute(query)]

    def _open(self, connection: Connection, request: str) -> Request:
        found = _request(self._row(connection, request, lock=True))
        if found.state != OPEN:
            raise Conflict(f"request: it is {found.state} already")
        return found

    def _decide(
        self, connection: Connection, request: str, state: str, actor: str, reason: str, grant: str | None = None
    ) -> None:
        values = {"state": state, "decided_by": actor, "decided_at": self.clock(), "granted": grant}
        values["reason"] = checked_text(reason, "reason") if reason else ""
        connection.execute(update(table).where(table.c.id == request).values(**values))

    @staticmethod
    def _row(connection: Connection, request: str, lock: bool = False) -> Row:
        query = select(table).where(table.c.id == request)
        row = connection.execute(query.with_for_update() if lock else query).one_or_none()
        if row is None:
            raise Absent.of("request")
        return row


def _request(row: Row) -> Request:
    answers = [(criterion, answer) for criterion, answer in json.loads(row.answers)]
    wanted = (row.split, row.label, row.purpose, answers, bool(row.public))
    decided = (row.state, row.decided_at, row.reason, row.granted or "")
    return Request(row.id, row.dataset, row.principal, *wanted, row.created_at, *decided)
