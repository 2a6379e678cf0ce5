"""Deposit a release, and find its images by the digests of files or samples."""

from __future__ import annotations

import contextlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, insert, select
from sqlalchemy import Row as SqlRow

from ripguard.crypto.keys import DatasetKeys
from ripguard.errors import UsageError, WrongKey
from ripguard.platform.audit.log import Audit
from ripguard.platform.clock import DAY, Clock, now
from ripguard.platform.custody import RELEASE_KEYS, Custody, Place
from ripguard.platform.database.engine import Database
from ripguard.platform.database.tables import images, versions
from ripguard.platform.deposits.blobs import Blobs, Incoming
from ripguard.platform.deposits.datasets import Datasets
from ripguard.platform.deposits.indexes import PartialIndex, StoredIndex, StoredParts, residue_places
from ripguard.platform.errors import Absent
from ripguard.release.record import MODEL, MOST_MODEL, NAMES, signed_part
from ripguard.release.sealed import MOST_NAMES
from ripguard.store.rows import Row
from ripguard.store.schema import canonical, parsed

MOST_BYTES = 1 << 36  # of one deposit
ROWS = 1_000  # that are inserted at once
OPEN = 64  # deposits whose directory and release.json stay in memory


@dataclass(frozen=True)
class Deposited:
    """A version of a dataset. ``new``: False if the same release was there already."""

    dataset: str
    version: int
    images: int
    new: bool


class Deposits:
    """The deposited releases of a platform."""

    def __init__(
        self, database: Database, custody: Custody, audit: Audit, datasets: Datasets, blobs: Blobs, clock: Clock = now
    ) -> None:
        self.database, self.custody, self.audit = database, custody, audit
        self.datasets, self.blobs, self.clock = datasets, blobs, clock
        self._parts = lru_cache(OPEN)(lambda blob, dataset: StoredParts(blobs.path(blob), dataset))

    def deposit(self, dataset: str, container: Iterable[bytes], secret: bytes, actor: str) -> Deposited:
        """Take a release into custody, as a new version of a dataset. The same release again changes nothing.

        The key is checked against the proof of the release, and every part against ``release.json``, before anything
        is recorded.

        Args:
            container: bytes of the metadata, in pieces; see :func:`ripguard.platform.deposits.packing.packed`.
            secret: 32 bytes, the subkey of this one release (``Key.dataset(id).secret``). The owner's key itself is
                not needed, and should not be sent.

        Raises:
            Absent: there is no such dataset, or it is closed.
            NotProtected, Damaged, InputRefused: not a release, or a part of it is missing or changed.
            WrongKey: the key does not open the release.
            StorageError: the disk is full, or fails.
        """
        if len(secret) != 32:
            raise UsageError(f"key: expected 32 bytes, got {len(secret)}")
        self._open(dataset)
        with self.blobs.incoming(container, MOST_BYTES) as incoming:
            index = StoredIndex(incoming.path, dataset)
            _check_key(index, secret)
            index.refuse_damaged_parts()
            return self._record(dataset, incoming, index, secret, actor)

    def _record(self, dataset: str, incoming: Incoming, index: StoredIndex, secret: bytes, actor: str) -> Deposited:
        blob = incoming.digest
        with self.audit.transaction() as journal:
            connection = journal.connection
            if self.datasets.find(connection, dataset, lock=True).closed:  # deposits of one dataset wait here
                raise Absent.of("dataset")
            own = versions.c.dataset == dataset
            known = select(versions.c.version).where(own, versions.c.blob == blob)
            if (version := connection.execute(known).scalar()) is not None:
                return Deposited(dataset, version, len(index.rows), False)
            newest = connection.execute(select(func.max(versions.c.version)).where(own)).scalar()
            version = (newest or 0) + 1
            about = {"release_id": index.dataset_id.hex(), "key_id": index.key_id.hex(), "images": len(index.rows)}
            made = insert(versions).values(
                dataset=dataset,
                version=version,
                blob=blob,
                info=index.raw.decode(),
                deposited_at=self.clock(),
                **about,
            )
            key = connection.execute(made.returning(versions.c.key)).scalar_one()
            rows = iter(index.rows)
            while some := [_image(key, row) for row in islice(rows, ROWS)]:
                connection.execute(insert(images), some)
            self.custody.store(connection, Place(dataset, version, RELEASE_KEYS), secret)
            self.blobs.publish(incoming)  # before the commit: a version always has its container
            journal.record("deposit", actor, dataset=dataset, version=version, count=len(index.rows), note=blob)
        return Deposited(dataset, version, len(index.rows), True)

    def units(self, connection: Connection, dataset: str, version: int) -> list[tuple[str, str]]:
        """Split and label of each unit number of a version. Raises :class:`Absent`."""
        info = self.info(connection, dataset, version)
        return [(unit["split"], unit["label"]) for unit in info["units"]]

    def info(self, connection: Connection, dataset: str, version: int) -> dict[str, Any]:
        """``release.json`` of a version, whose proof was checked when it was deposited. Raises :class:`Absent`."""
        found: dict[str, Any] = parsed(self._version(connection, dataset, version).info.encode())
        return found

    def root(self, dataset: str, version: int) -> Path:
        """Folder with the metadata of a version, as a release without images. Raises :class:`Absent`."""
        with self.database.read() as connection:
            return self.blobs.path(self._version(connection, dataset, version).blob).parent

    def index(self, dataset: str, version: int) -> StoredIndex:
        """The whole deposit, read from its container. Raises :class:`Absent`, or as :class:`StoredIndex`."""
        with self.database.read() as connection:
            row = self._version(connection, dataset, version)
        return StoredIndex(self.blobs.path(row.blob), dataset)

    def partial(self, dataset: str, version: int, units: Iterable[int], names: bool = False) -> PartialIndex:
        """What a worker process needs of a version, still without images: :meth:`held` gives it those of a batch.

        Args:
            units: numbers of the units whose images may follow.
            names: whether the sealed names of their source files are needed.
        """
        stored = self._stored(dataset, version)
        wanted = {f"{NAMES}/{unit}" for unit in units} if names else set()
        parts = {name: stored.sections[name].read(MOST_NAMES) for name in wanted & set(stored.sections)}
        if MODEL in stored.sections:
            parts[MODEL] = stored.sections[MODEL].read(MOST_MODEL)
        return PartialIndex(stored.raw, parts, dataset)

    def residue(self, dataset: str, version: int, lines: Iterable[str]) -> dict[tuple[str, int, int], bytes]:
        """Residue of images, by (file, offset, length); for :meth:`PartialIndex.hold`."""
        stored = self._stored(dataset, version)
        rows: list[Row] = [parsed(line.encode()) for line in lines]
        return {place: stored.residue(list(place)) for place in residue_places(rows)}

    def sweep(self, older: int = DAY) -> int:
        """Remove containers that no version needs, as an interrupted deposit leaves them; returns how many.

        Args:
            older: seconds; newer files stay, as their deposit may be running.
        """
        with self.database.read() as connection:
            used = set(connection.execute(select(versions.c.blob)).scalars())
        unused = [self.blobs.path(name) for name in self.blobs.names() if name not in used]
        count = 0
        for path in (*unused, *self.blobs.left()):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < self.clock() - older:
                    self.blobs.remove(path)
                    count += 1
        return count

    def _open(self, dataset: str) -> None:
        if self.datasets.get(dataset).closed:
            raise Absent.of("dataset")

    def _stored(self, dataset: str, version: int) -> StoredParts:
        with self.database.read() as connection:
            blob = self._version(connection, dataset, version).blob
        return self._parts(blob, dataset)

    @staticmethod
    def _version(connection: Connection, dataset: str, version: int) -> SqlRow:
        query = select(versions).where(versions.c.dataset == dataset, versions.c.version == version)
        if (row := connection.execute(query).one_or_none()) is None:
            raise Absent.of("dataset")
        return row


def _check_key(index: StoredIndex, secret: bytes) -> None:
    """Raise unless this is the key of the release, and its signature, if it has one, verifies."""
    keys = DatasetKeys(secret, index.key_id, index.dataset_id)
    proof = keys.proof(b"release", signed_part(index.info)).hex()
    if not hmac.compare_digest(proof, index.info["proof"]):
        raise WrongKey(
            f"wrong key: it does not open release {index.dataset_id.hex()}, or that was changed after publishing",
            "deposit the release with the key that it was made with",
        )
    index.check_signature()


def _image(key: int, row: Row) -> dict[str, object]:
    digests = {"samples": bytes.fromhex(row["pixels"]), "file": bytes.fromhex(row["file"])}
    line = canonical(row).decode()
    return {"version": key, "number": row["index"], "unit": row["unit"], "row": line, **digests}
