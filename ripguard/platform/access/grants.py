"""Grants: who may restore which part of a dataset, how many images, until when, and in which form.

A grant ends by itself: at its time, or with its last image. It holds for all versions of the dataset.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from ripguard.errors import UsageError
from ripguard.platform import pulse
from ripguard.platform.audit.log import Audit, Journal
from ripguard.platform.clock import Clock, now
from ripguard.platform.database.engine import Database
from ripguard.platform.database.tables import datasets, principals, versions
from ripguard.platform.database.tables import grants as table
from ripguard.platform.errors import Absent
from ripguard.platform.roles import Role
from ripguard.platform.values import checked_count, checked_label, new_id

ONE = select(table).where(table.c.id == bindparam("own"))
VALID = (
    select(table)
    .where(
        table.c.dataset == bindparam("dataset"),
        table.c.principal == bindparam("principal"),
        table.c.revoked_at.is_(None),
        table.c.ends_at > bindparam("time"),
    )
    .order_by(table.c.ends_at, table.c.id)
)
PIXELS, KEYS = "pixels", "keys"  # forms of delivery; keys: pixels too


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a grant gives.

    Attributes:
        split, label: a split, a class, or a class of a split; None: all.
        images: the most images that are restored; None: no limit. Not together with keys.
        ends_at: seconds since 1970, UTC.
        delivery: ``pixels``, or ``keys``: also the keys of whole units, with which their images are restored offline,
            by everybody who gets the keys, for ever: they cannot be revoked, and uses of them are not recorded.
    """

    ends_at: int
    split: str | None = None
    label: str | None = None
    images: int | None = None
    delivery: str = PIXELS


@dataclass(frozen=True)
class Grant:
    """A grant. ``used``: images that were restored under it."""

    id: str
    dataset: str
    principal: str
    terms: Terms
    used: int
    created_at: int
    revoked: bool

    def covers(self, split: str, label: str) -> bool:
        """Whether images of a split and class are granted."""
        return covers(self.terms.split, self.terms.label, split, label)


def covers(wanted_split: str | None, wanted_label: str | None, split: str, label: str) -> bool:
    """Whether a restriction to a split and a class, None for all, lets a unit pass."""
    return wanted_split in (None, split) and wanted_label in (None, label)


class Grants:
    """The grants of a platform. It makes no decisions about access: callers ask ``access.rules`` first."""

    def __init__(self, database: Database, audit: Audit, clock: Clock = now) -> None:
        self.database, self.audit, self.clock = database, audit, clock

    def create(self, dataset: str, principal: str, terms: Terms, actor: str) -> Grant:
        """A new grant.

        Raises:
            Absent: there is no such dataset or account, or it is closed or disabled.
            UsageError: it would end in the past, or its terms name no class of the dataset.
        """
        with self.audit.transaction() as journal:
            return self.create_in(journal, dataset, principal, terms, actor)

    def create_in(self, journal: Journal, dataset: str, principal: str, terms: Terms, actor: str) -> Grant:
        """The same in a transaction that does more."""
        connection, time = journal.connection, self.clock()
        self._refuse_unknown(connection, dataset, principal)
        self._refuse_bad(connection, dataset, terms, time)
        made = Grant(new_id("gr"), dataset, principal, terms, 0, time, False)
        row = {"id": made.id, "dataset": dataset, "principal": principal, "split": terms.split, "label": terms.label}
        row |= {"images_limit": terms.images, "delivery": terms.delivery, "created_by": actor}  # type: ignore[dict-item]
        connection.execute(insert(table).values(**row, created_at=time, ends_at=terms.ends_at))
        journal.record("grant", actor, dataset=dataset, note=f"{made.id} {terms.delivery} to {principal}")
        return made

    def revoke(self, grant: str, actor: str) -> None:
        """End a grant now, in running restorations too. Raises :class:`Absent`."""
        with self.audit.transaction() as journal:
            found = self.get(journal.connection, grant)
            ends = update(table).where(table.c.id == grant, table.c.revoked_at.is_(None))
            if journal.connection.execute(ends.values(revoked_at=self.clock())).rowcount:
                pulse.beat(journal.connection)
                journal.record("revoke grant", actor, dataset=found.dataset, note=f"{grant} of {found.principal}")

    def get(self, connection: Connection, grant: str) -> Grant:
        """A grant by its id. Raises :class:`Absent`."""
        row = connection.execute(ONE, {"own": grant}).one_or_none()
        if row is None:
            raise Absent.of("grant")
        return _grant(row)

    def valid(self, connection: Connection, dataset: str, principal: str) -> list[Grant]:
        """Grants of an account for a dataset that have not ended, the one that ends first before others."""
        rows = connection.execute(VALID, {"dataset": dataset, "principal": principal, "time": self.clock()})
        return [one for one in map(_grant, rows) if one.terms.images is None or one.used < one.terms.images]

    def of_dataset(self, dataset: str) -> list[Grant]:
        """All grants of a dataset, the newest first, also those that ended."""
        query = select(table).where(table.c.dataset == dataset).order_by(table.c.created_at.desc(), table.c.id)
        with self.database.read() as connection:
            return [_grant(row) for row in connection.execute(query)]

    @staticmethod
    def take(connection: Connection, grant: str, wanted: int) -> int:
        """Count up to ``wanted`` images for a grant; returns how many it still allows."""
        row = connection.execute(select(table).where(table.c.id == grant).with_for_update()).one()
        if row.revoked_at is not None:
            return 0
        amount = wanted if row.images_limit is None else min(wanted, max(0, row.images_limit - row.images_used))
        connection.execute(update(table).where(table.c.id == grant).values(images_used=row.images_used + amount))
        return amount

    @staticmethod
    def _refuse_unknown(connection: Connection, dataset: str, principal: str) -> None:
        there = select(datasets.c.id).where(datasets.c.id == dataset, datasets.c.closed_at.is_(None))
        if connection.execute(there).scalar() is None:
            raise Absent.of("dataset")
        account = select(principals.c.role).where(principals.c.id == principal, principals.c.disabled_at.is_(None))
        if connection.execute(account).scalar() not in (Role.USER, Role.OWNER):
            raise Absent.of("account")

    @staticmethod
    def _refuse_bad(connection: Connection, dataset: str, terms: Terms, time: int) -> None:
        if checked_count(terms.ends_at, "grant: end", 1 << 40) <= time:
            raise UsageError("grant: it would end in the past")
        if terms.images is not None:
            checked_count(terms.images, "grant: images")
        if terms.delivery not in (PIXELS, KEYS):
            raise UsageError(f"grant: delivery: expected {PIXELS} or {KEYS}")
        if terms.delivery == KEYS and terms.images is not None:
            raise UsageError("grant: a number of images cannot limit unit keys", "leave it out, or grant pixels")
        for name in ("split", "label"):
            if (value := getattr(terms, name)) is not None:
                checked_label(value, f"grant: {name}")
        if terms.split is None and terms.label is None:
            return
        infos = connection.execute(select(versions.c.info).where(versions.c.dataset == dataset)).scalars()
        if not any(covers(terms.split, terms.label, *unit) for info in infos for unit in units_of(info)):
            raise UsageError("grant: no version of the dataset has such a split or class")


def units_of(info: str) -> Iterable[tuple[str, str]]:
    """Split and label of each unit number, from the text of ``release.json``."""
    import json

    return [(unit["split"], unit["label"]) for unit in json.loads(info)["units"]]


def _grant(row: Row) -> Grant:
    terms = Terms(ends_at=row.ends_at, split=row.split, label=row.label, images=row.images_limit, delivery=row.delivery)
    return Grant(row.id, row.dataset, row.principal, terms, row.images_used, row.created_at, row.revoked_at is not None)
