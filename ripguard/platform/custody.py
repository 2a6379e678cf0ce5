"""Keys in the database, wrapped under the master key and bound to their place.

A wrapped key cannot be moved: its dataset, version and purpose are associated data. Unwrapped keys exist inside
``with`` blocks only, and are not kept between them. Python cannot erase bytes from memory; a process that runs the
platform should have no core files (:func:`ripguard.systems.no_core_files`).
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, select

from ripguard.crypto.aead import length_prefixed
from ripguard.crypto.backend import Forged
from ripguard.crypto.keys import DatasetKeys
from ripguard.errors import Damaged, KeyFileError
from ripguard.platform.clock import Clock, now
from ripguard.platform.database.engine import Database
from ripguard.platform.database.tables import generations, versions, wrapped_keys
from ripguard.platform.errors import Absent
from ripguard.platform.master import MasterFiles, MasterKey
from ripguard.platform.values import new_id

RELEASE_KEYS = "release"  # purpose: the subkey of one deposited release


@dataclass(frozen=True)
class Place:
    """What a wrapped key is for.

    Attributes:
        dataset, version: of the deposit; "" and 0 for a key of the platform itself.
        purpose: kind of the key.
    """

    dataset: str
    version: int
    purpose: str

    @property
    def bound(self) -> bytes:
        """Associated data of the wrapped key."""
        version = struct.pack(">I", self.version)
        return length_prefixed(b"wrapped key", self.purpose.encode(), self.dataset.encode(), version)


class Custody:
    """Wraps and unwraps keys.

    Args:
        database: it is migrated.
        masters: the master key files.

    Raises:
        KeyFileError: on :meth:`start`: a generation in use is missing, or is not the one of this database.
    """

    def __init__(self, database: Database, masters: MasterFiles, clock: Clock = now) -> None:
        self.database, self.masters, self.clock = database, masters, clock

    def start(self) -> None:
        """Check the master key against the database. An empty database gets the first generation, made if missing.

        Raises:
            KeyFileError: a file is missing, or is of another platform. Nothing was made or changed.
        """
        with self.database.read() as connection:
            known = self._in_use(connection)
        if not known:
            first = self.masters.make(1)
            with self.database.write() as connection:  # of two servers that start together, one inserts
                self.database.insert_new(
                    connection, generations, generation=1, check_value=first.check_value, made_at=self.clock()
                )
                known = self._in_use(connection)
        for generation, check_value in known.items():
            self.check(self.masters.get(generation), check_value)

    def check(self, key: MasterKey, check_value: bytes) -> None:
        """Raise :class:`KeyFileError` unless a master key is the one of this database."""
        if not key.fits(check_value):
            raise KeyFileError(
                f"the master key in {self.masters.place(key.generation)} is not the one of the database "
                f"{self.database.name}",
                "name the right file, or put it back from its backup",
            )

    def store(self, connection: Connection, place: Place, secret: bytes) -> None:
        """Wrap a key and insert its row. The caller's transaction holds the generation until it ends."""
        # the row is locked: rotation retires a generation only after the transactions that wrap under it
        newest = connection.execute(
            select(generations)
            .where(generations.c.retired_at.is_(None))
            .order_by(generations.c.generation.desc())
            .limit(1)
            .with_for_update(read=True)
        ).one()
        key = self.masters.get(newest.generation)
        self.check(key, newest.check_value)
        wrapped = key.wrap(place.bound, secret)
        row = {"dataset": place.dataset, "version": place.version, "purpose": place.purpose}
        connection.execute(
            wrapped_keys.insert().values(id=new_id("key"), generation=newest.generation, wrapped=wrapped, **row)
        )

    @contextlib.contextmanager
    def opened(self, place: Place) -> Iterator[bytes]:
        """The unwrapped key at a place.

        Raises:
            Absent: there is none.
            Damaged: its row was changed, or belongs to another place.
            KeyFileError: the master key file of its generation is missing or wrong.
        """
        try:
            secret = self._unwrapped(place)
        except KeyFileError:  # rotation may have re-wrapped the row and removed the file since the row was read
            secret = self._unwrapped(place)
        yield secret
        del secret

    @contextlib.contextmanager
    def release_keys(self, dataset: str, version: int) -> Iterator[DatasetKeys]:
        """The keys of a deposited release, in a ``with`` block. Raises as :meth:`opened`."""
        with self.database.read() as connection:
            found = connection.execute(
                select(versions.c.release_id, versions.c.key_id).where(
                    versions.c.dataset == dataset, versions.c.version == version
                )
            ).one_or_none()
        if found is None:
            raise Absent.of("dataset")
        with self.opened(Place(dataset, version, RELEASE_KEYS)) as secret:
            yield DatasetKeys(secret, bytes.fromhex(found.key_id), bytes.fromhex(found.release_id))

    def _unwrapped(self, place: Place) -> bytes:
        with self.database.read() as connection:
            row = connection.execute(
                select(wrapped_keys.c.generation, wrapped_keys.c.wrapped).where(
                    wrapped_keys.c.dataset == place.dataset,
                    wrapped_keys.c.version == place.version,
                    wrapped_keys.c.purpose == place.purpose,
                )
            ).one_or_none()
        if row is None:
            raise Absent.of("key")
        return unwrapped(self.masters.get(row.generation), place, row.wrapped)

    @staticmethod
    def _in_use(connection: Connection) -> dict[int, bytes]:
        """Check values of the generations that are not retired."""
        rows = connection.execute(select(generations).where(generations.c.retired_at.is_(None)))
        return {row.generation: row.check_value for row in rows}


def unwrapped(key: MasterKey, place: Place, wrapped: bytes) -> bytes:
    """The key in a row. Raises :class:`Damaged` if the row was changed, or belongs to another place."""
    try:
        return key.unwrap(place.bound, wrapped)
    except Forged:
        what = f"dataset {place.dataset}, version {place.version}" if place.dataset else "the platform"
        raise Damaged(
            f"the wrapped key ({place.purpose}) of {what} was changed, or moved from another row",
            "put the database back from its backup, and read the audit log",
        ) from None
