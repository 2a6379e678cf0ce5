"""Accounts: everybody who has tokens. There are no passwords: a token is the only way in.

A token has 256 random bits and a mandatory end, so nobody can guess one, reuse one from elsewhere, or forget one that
works for ever. A password would add a second, weaker way in, a slow hash for every sign-in, and a way to reset it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from ripguard.platform import pulse
from ripguard.platform.audit.log import Audit, Journal
from ripguard.platform.clock import Clock, now
from ripguard.platform.database.engine import Database
from ripguard.platform.database.tables import audit_head
from ripguard.platform.database.tables import principals as table
from ripguard.platform.errors import Absent, Conflict
from ripguard.platform.roles import Role
from ripguard.platform.values import checked_name, new_id


@dataclass(frozen=True)
class Principal:
    """An account.

    Attributes:
        id: random; names may be given again after nobody needs the old one in the log.
        disabled: whether all its tokens are refused.
    """

    id: str
    name: str
    role: Role
    created_at: int
    disabled: bool


class Principals:
    """The accounts of a platform. It makes no decisions about access: callers ask ``access.rules`` first."""

    def __init__(self, database: Database, audit: Audit, clock: Clock = now) -> None:
        self.database, self.audit, self.clock = database, audit, clock

    def create(self, name: str, role: Role, actor: str) -> Principal:
        """A new account. Raises :class:`UsageError` if the name is taken, or is no name."""
        with self.audit.transaction() as journal:
            return self.create_in(journal, name, role, actor)

    def create_in(self, journal: Journal, name: str, role: Role, actor: str) -> Principal:
        """The same in a transaction that does more."""
        made = Principal(new_id("pr"), checked_name(name, "account"), Role(role), self.clock(), False)
        row = {"id": made.id, "name": made.name, "role": made.role.value, "created_at": made.created_at}
        try:
            journal.connection.execute(insert(table).values(**row))
        except IntegrityError:
            raise Conflict(f"account: the name {name} is taken", "choose another") from None
        journal.record("create account", actor, note=f"{made.id} {made.role.value}")
        return made

    def disable(self, principal: str, actor: str) -> None:
        """Refuse all tokens of an account from now on, in running restorations too. Raises :class:`Absent`."""
        with self.audit.transaction() as journal:
            found = update(table).where(table.c.id == principal, table.c.disabled_at.is_(None))
            if not journal.connection.execute(found.values(disabled_at=self.clock())).rowcount:
                self._find(journal.connection.execute(select(table).where(table.c.id == principal)).one_or_none())
                return
            pulse.beat(journal.connection)
            journal.record("disable account", actor, note=principal)

    def get(self, principal: str) -> Principal:
        """An account by its id. Raises :class:`Absent`."""
        with self.database.read() as connection:
            return self._find(connection.execute(select(table).where(table.c.id == principal)).one_or_none())

    def named(self, name: str) -> Principal:
        """An account by its name. Raises :class:`Absent`."""
        with self.database.read() as connection:
            return self._find(connection.execute(select(table).where(table.c.name == name)).one_or_none())

    def all(self) -> list[Principal]:
        """All accounts, by name."""
        with self.database.read() as connection:
            return [_principal(row) for row in connection.execute(select(table).order_by(table.c.name))]

    @staticmethod
    def exist(connection: Connection) -> bool:
        """Whether there is any account. Accounts that are being made wait, or are waited for."""
        connection.execute(select(audit_head).with_for_update()).one()
        return connection.execute(select(table.c.id).limit(1)).first() is not None

    @staticmethod
    def _find(row: Row | None) -> Principal:
        if row is None:
            raise Absent.of("account")
        return _principal(row)


def _principal(row: Row) -> Principal:
    return Principal(row.id, row.name, Role(row.role), row.created_at, row.disabled_at is not None)
