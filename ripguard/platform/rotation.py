"""Rotation of the master key: a new generation, and every wrapped key moved under it, while the platform runs.

Steps, each durable before the next: the key file of the new generation; its check value in the database, from when on
new keys are wrapped under it; the other rows, in batches, each batch one transaction; the old generation retired once
no row is under it. :func:`rotate` called again continues where it was interrupted. Where several hosts share a
database, copy the new file to all of them between :func:`prepare` and :func:`rotate`.

Rotation replaces the wrapping, not the dataset keys: who copied the database *and* the old master key keeps those.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import func, select, update

from ripguard.platform.audit.log import Audit
from ripguard.platform.custody import Custody, Place, unwrapped
from ripguard.platform.database.tables import generations, wrapped_keys

BATCH = 100  # rows in one transaction: others wait for no more
Step = Callable[[str], None]


@dataclass(frozen=True)
class Rotated:
    """Result of a rotation.

    Attributes:
        generation: the one in use now.
        rewrapped: rows that this call moved.
        retired: generations that no row needs any more; their files are still there, for backups.
    """

    generation: int
    rewrapped: int
    retired: list[int]


def prepare(custody: Custody) -> int:
    """Make the key file of the next generation, and return its number. Nothing uses it yet."""
    with custody.database.read() as connection:
        newest = connection.execute(select(func.max(generations.c.generation))).scalar_one()
    custody.masters.make(newest + 1)
    return int(newest) + 1


def rotate(custody: Custody, audit: Audit, actor: str, batch: int = BATCH, step: Step = lambda name: None) -> Rotated:
    """Rotate the master key, or finish an interrupted rotation.

    Args:
        actor: who asked for it, for the audit log.
        batch: rows in one transaction.
        step: called with the name of each step after it is durable, and of each batch before.

    Raises:
        KeyFileError, StorageError: a key file cannot be made or read.
        Damaged: a wrapped key was changed or moved. The other rows of its batch stay under the old generation.
    """
    with custody.database.read() as connection:
        pending = connection.execute(
            select(func.count()).select_from(generations).where(generations.c.retired_at.is_(None))
        ).scalar_one()
    if pending < 2:  # otherwise a rotation was interrupted
        generation = prepare(custody)
        step("file")
        with audit.transaction() as journal:
            check_value = custody.masters.get(generation).check_value
            if custody.database.insert_new(
                journal.connection,
                generations,
                generation=generation,
                check_value=check_value,
                made_at=custody.clock(),
            ):
                journal.record("rotate", actor, note=f"generation {generation} in use")
        step("generation")
    rewrapped = _rewrap(custody, batch, step)
    while True:
        retired, newest = _retire(custody, audit, actor)
        if retired is not None:
            step("retired")
            return Rotated(newest, rewrapped, retired)
        rewrapped += _rewrap(custody, batch, step)  # keys that were stored meanwhile


def _rewrap(custody: Custody, batch: int, step: Step) -> int:
    """Move all rows under the newest generation; returns how many were moved."""
    moved = 0
    while True:
        with custody.database.write() as connection:
            newest, check_value = connection.execute(
                select(generations.c.generation, generations.c.check_value)
                .where(generations.c.retired_at.is_(None))
                .order_by(generations.c.generation.desc())
                .limit(1)
            ).one()
            custody.check(custody.masters.get(newest), check_value)  # this host may have made another file
            rows = connection.execute(
                select(wrapped_keys)
                .where(wrapped_keys.c.generation < newest)
                .order_by(wrapped_keys.c.id)
                .limit(batch)
                .with_for_update()
            ).all()
            key = custody.masters.get(newest)
            for row in rows:
                place = Place(row.dataset, row.version, row.purpose)
                secret = unwrapped(custody.masters.get(row.generation), place, row.wrapped)
                connection.execute(
                    update(wrapped_keys)
                    .where(wrapped_keys.c.id == row.id)
                    .values(generation=newest, wrapped=key.wrap(place.bound, secret))
                )
            if rows:
                step("inside a batch")
        if not rows:
            return moved
        moved += len(rows)
        step("batch")


def _retire(custody: Custody, audit: Audit, actor: str) -> tuple[list[int] | None, int]:
    """Retire all generations but the newest; (None, newest) if a row is still under one of them."""
    with audit.transaction() as journal:
        newest = journal.connection.execute(
            select(func.max(generations.c.generation)).where(generations.c.retired_at.is_(None))
        ).scalar_one()
        old = journal.connection.execute(  # waits for transactions that wrap under one of these
            select(generations.c.generation)
            .where(generations.c.generation < newest, generations.c.retired_at.is_(None))
            .order_by(generations.c.generation)
            .with_for_update()
        ).scalars()
        retired = list(old)
        left = select(func.count()).select_from(wrapped_keys).where(wrapped_keys.c.generation.in_(retired))
        if journal.connection.execute(left).scalar_one():
            return None, newest
        journal.connection.execute(
            update(generations).where(generations.c.generation.in_(retired)).values(retired_at=custody.clock())
        )
        journal.record("rotate", actor, note=f"retired {', '.join(map(str, retired))}" if retired else "nothing to do")
    return retired, newest
