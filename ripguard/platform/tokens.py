"""Tokens: 256 random bits, shown once, stored as their SHA-256, with scopes, limits and a mandatory end.

A token is named by its *accessor*, which is not secret: who wants to revoke one need not know it. A child token has at
most the scopes, limits and life of its parent, and dies with it; its images count for the parent too.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets

from sqlalchemy import Connection, Row, Select, bindparam, insert, select, update

from ripguard.errors import UsageError
from ripguard.platform import pulse
from ripguard.platform.audit.log import Audit, Journal
from ripguard.platform.callers import Caller, Issued, Wanted
from ripguard.platform.clock import Clock, now
from ripguard.platform.database.engine import Database
from ripguard.platform.database.tables import principals
from ripguard.platform.database.tables import tokens as table
from ripguard.platform.errors import Absent, SignInFailed
from ripguard.platform.limits import Throttle
from ripguard.platform.roles import SCOPES, Role, Scope
from ripguard.platform.settings import Limits
from ripguard.platform.values import checked_count, checked_label, checked_text, new_id

PREFIX = "rgd_"
CALLER = tuple(
    table.c[name]
    for name in ("principal", "accessor", "scopes", "dataset", "split", "label", "created_at", "expires_at")
)
VALID = (  # made once: to make a query takes several times as long as to run it
    select(*CALLER, principals.c.role)
    .join(principals, principals.c.id == table.c.principal)
    .where(table.c.revoked_at.is_(None), table.c.expires_at > bindparam("time"), principals.c.disabled_at.is_(None))
)
BY_DIGEST = VALID.where(table.c.digest == bindparam("own"))
BY_ACCESSOR = VALID.where(table.c.accessor == bindparam("own"))
TOKEN = re.compile(r"rgd_[A-Za-z0-9_-]{43}")


class Tokens:
    """The tokens of a platform. It makes no decisions about access: callers ask ``access.rules`` first."""

    def __init__(
        self, database: Database, audit: Audit, throttle: Throttle, limits: Limits, clock: Clock = now
    ) -> None:
        self.database, self.audit, self.throttle = database, audit, throttle
        self.limits, self.clock = limits, clock

    def issue(self, principal: str, wanted: Wanted, actor: str, parent: Caller | None = None) -> Issued:
        """A new token of an account.

        Args:
            actor: who makes it, for the audit log.
            parent: the token that makes it, if it makes one for its own account.

        Raises:
            UsageError: more scopes, limits or life than the role or the parent has.
            Absent: there is no such account, or it is disabled.
            SignInFailed: the parent was revoked meanwhile.
        """
        with self.audit.transaction() as journal:
            return self.issue_in(journal, principal, wanted, actor, parent)

    def issue_in(
        self, journal: Journal, principal: str, wanted: Wanted, actor: str, parent: Caller | None = None
    ) -> Issued:
        """The same in a transaction that does more."""
        connection, time = journal.connection, self.clock()
        account = connection.execute(
            select(principals).where(principals.c.id == principal, principals.c.disabled_at.is_(None)).with_for_update()
        ).one_or_none()
        if account is None:
            raise Absent.of("account")
        row = self._checked(wanted, parent.scopes if parent else SCOPES[Role(account.role)], time)
        if parent is not None:
            self._refuse_more(connection, row, parent, principal, time)
        secret = PREFIX + base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")
        accessor = new_id("tk")
        own = {"accessor": accessor, "principal": principal, "parent": parent.accessor if parent else None}
        connection.execute(insert(table).values(**own, **row, digest=_digest(secret), created_at=time))
        journal.record("issue token", actor, dataset=row["dataset"] or "", note=f"{accessor} for {principal}")
        return Issued(accessor, row["expires_at"], secret)

    def authenticate(self, text: str, address: str = "") -> Caller:
        """The caller that a token stands for.

        Args:
            address: where the call comes from. Failures are counted for it; a valid token is never refused for them.

        Raises:
            SignInFailed: not a valid token.
            LimitReached: the address had too many failures.
        """
        if isinstance(text, str) and TOKEN.fullmatch(text):
            with self.database.read() as connection:
                if (caller := self._valid(connection, BY_DIGEST, _digest(text))) is not None:
                    return caller
        subject = f"address {address}"
        self.throttle.refuse_waiting(subject)
        self.throttle.failed(subject)
        raise SignInFailed("the token is not valid", "ask for a new one")

    def caller(self, accessor: str) -> Caller:
        """The caller of a token that is named by its accessor. Raises :class:`SignInFailed` if it ended."""
        with self.database.read() as connection:
            if (found := self._valid(connection, BY_ACCESSOR, accessor)) is None:
                raise SignInFailed("the token is not valid any more", "ask for a new one")
        return found

    def still(self, connection: Connection, caller: Caller) -> Caller:
        """The caller as the database has it now. Raises :class:`SignInFailed` if its token ended."""
        found = self._valid(connection, BY_ACCESSOR, caller.accessor)
        if found is None:
            raise SignInFailed("the token is not valid any more", "ask for a new one")
        return found

    def revoke(self, accessor: str, actor: str) -> int:
        """Revoke a token and all its descendants, in running restorations too; returns how many ended.

        Raises:
            Absent: there is no such token.
        """
        with self.audit.transaction() as journal:
            connection, ended, level = journal.connection, 0, [accessor]
            while level:  # parents before children: a child that is being made waits for its parent's row
                rows = connection.execute(select(table).where(table.c.accessor.in_(level)).with_for_update()).all()
                if not rows and level == [accessor]:
                    raise Absent.of("token")
                open_ = [row.accessor for row in rows if row.revoked_at is None]
                connection.execute(update(table).where(table.c.accessor.in_(open_)).values(revoked_at=self.clock()))
                ended += len(open_)
                children = select(table.c.accessor).where(table.c.parent.in_([row.accessor for row in rows]))
                level = list(connection.execute(children).scalars())
            if ended:
                pulse.beat(connection)
                journal.record("revoke token", actor, note=f"{accessor} and {ended - 1} children")
        return ended

    def take_images(self, connection: Connection, caller: Caller, wanted: int) -> int:
        """Count up to ``wanted`` images for a token and its ancestors; returns how many their limits allow."""
        chain = self._chain(connection, caller.accessor)
        limited = sorted(row.accessor for row in chain if row.images_limit is not None)  # one order: no deadlock
        rows = [
            connection.execute(select(table).where(table.c.accessor == one).with_for_update()).one() for one in limited
        ]
        amount = min([wanted, *(max(0, row.images_limit - row.images_used) for row in rows)])
        connection.execute(
            update(table).where(table.c.accessor.in_(limited)).values(images_used=table.c.images_used + amount)
        )
        return amount

    def limited(self, connection: Connection, caller: Caller) -> bool:
        """Whether the token or an ancestor of it has a limit of images."""
        return any(row.images_limit is not None for row in self._chain(connection, caller.accessor))

    def of(self, principal: str) -> list[Row]:
        """Rows of all tokens of an account, the newest first, without their digests."""
        columns = [column for column in table.c if column.name != "digest"]
        query = select(*columns).where(table.c.principal == principal)
        with self.database.read() as connection:
            return list(connection.execute(query.order_by(table.c.created_at.desc(), table.c.accessor)))

    @staticmethod
    def _chain(connection: Connection, accessor: str | None) -> list[Row]:
        """Rows of a token and its ancestors."""
        chain = list[Row]()
        while accessor:
            row = connection.execute(select(table).where(table.c.accessor == accessor)).one()
            chain.append(row)
            accessor = row.parent
        return chain

    def _valid(self, connection: Connection, query: Select, own: str | bytes) -> Caller | None:
        row = connection.execute(query, {"own": own, "time": self.clock()}).one_or_none()
        if row is None:
            return None
        scopes = frozenset(map(Scope, row.scopes.split()))
        limits = (row.dataset, row.split, row.label, row.created_at, row.expires_at)
        return Caller(row.principal, Role(row.role), row.accessor, scopes, *limits)

    def _checked(self, wanted: Wanted, possible: frozenset[Scope], time: int) -> dict:
        scopes = possible if wanted.scopes is None else frozenset(map(Scope, wanted.scopes))
        if not scopes or not scopes <= possible:
            raise UsageError("token: scopes that its account or parent lacks", f"it has {', '.join(sorted(possible))}")
        life = wanted.life or self.limits.token_life
        checked_count(life, "token: life in seconds", self.limits.longest_token_life)
        if wanted.dataset is None and (wanted.split is not None or wanted.label is not None):
            raise UsageError("token: a split or a class without a dataset")
        for name in ("split", "label"):
            if (value := getattr(wanted, name)) is not None:
                checked_label(value, f"token: {name}")
        return {
            "scopes": " ".join(sorted(scopes)),
            "dataset": wanted.dataset,
            "split": wanted.split,
            "label": wanted.label,
            "images_limit": None if wanted.images is None else checked_count(wanted.images, "token: images"),
            "note": checked_text(wanted.note, "token: note", 200) if wanted.note else "",
            "expires_at": time + life,
        }

    def _refuse_more(self, connection: Connection, row: dict, parent: Caller, principal: str, time: int) -> None:
        """Raise unless a child has at most what its parent has. What is not given is the parent's."""
        above = connection.execute(select(table).where(table.c.accessor == parent.accessor).with_for_update()).one()
        if above.revoked_at is not None or above.expires_at <= time:
            raise SignInFailed("the token is not valid any more", "ask for a new one")
        if above.principal != principal:
            raise UsageError("token: a child of another account's token")
        for name in ("dataset", "split", "label"):
            if row[name] is None:
                row[name] = getattr(above, name)
            elif getattr(above, name) not in (None, row[name]):
                raise UsageError(f"token: another {name} than that of its parent")
        row["expires_at"] = min(row["expires_at"], above.expires_at)
        if len(self._chain(connection, above.accessor)) >= self.limits.token_depth:
            raise UsageError(f"token: more than {self.limits.token_depth} generations of tokens")


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
