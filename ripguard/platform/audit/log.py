"""Write the audit log: records in the transaction of the change that they are about, durable before anything leaves.

:meth:`Audit.transaction` is the only way in which the platform changes grants, tokens or deposits. :meth:`Audit.before`
is for what leaves the platform: restored images and keys. If a record cannot be written, the change is rolled back, and
nothing leaves.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, select, update
from sqlalchemy.exc import IntegrityError

from ripguard.crypto.signing import SigningKey
from ripguard.errors import KeyFileError, RipguardError, StorageError
from ripguard.platform.audit.chain import Head, Record, line_of
from ripguard.platform.audit.checkpoints import Checkpoint, Checkpoints
from ripguard.platform.clock import Clock, now
from ripguard.platform.custody import Custody, Place
from ripguard.platform.database.engine import Database
from ripguard.platform.database.tables import audit, audit_head, wrapped_keys
from ripguard.platform.errors import Absent, AuditUnavailable

SIGNING = Place("", 0, "audit")  # the key that signs checkpoints
PLATFORM = "platform"  # actor of what nobody asked for


class Journal:
    """A write transaction, and the records that it commits with its changes.

    Attributes:
        connection: of the transaction.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.records: list[Record] = []

    def record(self, action: str, actor: str, **about: Any) -> None:
        """Add a record; see :class:`ripguard.platform.audit.chain.Record` for the arguments."""
        self.records.append(Record(action, actor, **about))


class Audit:
    """The audit log of a platform.

    Args:
        checkpoints: file of signed heads.
    """

    def __init__(self, database: Database, custody: Custody, checkpoints: Checkpoints, clock: Clock = now) -> None:
        self.database, self.custody, self.checkpoints, self.clock = database, custody, checkpoints, clock

    def start(self) -> None:
        """Make the row of the head, and the signing key, of a new platform."""
        with self.database.write() as connection:
            self.database.insert_new(connection, audit_head, id=1, seq=0, hash=Head().hash)
            connection.execute(select(audit_head).with_for_update()).one()  # one server makes the key
            found = select(wrapped_keys.c.id).where(wrapped_keys.c.dataset == "", wrapped_keys.c.purpose == "audit")
            if connection.execute(found).first() is None:
                self.custody.store(connection, SIGNING, SigningKey.generate().seed)

    @property
    def public(self) -> bytes:
        """32 bytes: the public key of the checkpoints."""
        with self.custody.opened(SIGNING) as seed:
            return SigningKey(seed).public

    def sign(self, message: bytes) -> bytes:
        """Signature of a message, 64 bytes. Messages of different kinds begin differently.

        Raises:
            AuditUnavailable: the key cannot be used.
        """
        with self._signing() as key:
            return key.sign(message)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Journal]:
        """A write transaction; its changes and its records are committed together, or neither.

        The chain is locked last, when the block ends, so that transactions wait for each other as shortly as possible.

        Raises:
            AuditUnavailable: a record or the checkpoint cannot be written. In the latter case the changes are made,
                and recorded; the caller must not answer as if nothing was wrong, nor let anything leave.
        """
        head, journal = None, None
        try:
            with self.database.write() as connection:
                journal = Journal(connection)
                yield journal
                if journal.records:
                    head = self._append(connection, journal.records)
        except StorageError as error:
            if journal is None or not journal.records or isinstance(error, AuditUnavailable):
                raise
            raise AuditUnavailable(f"the audit log cannot be written: {error.message}", error.hint) from None
        if head is not None:
            self._checkpoint(head)

    @contextlib.contextmanager
    def before(self, action: str, actor: str, **about: Any) -> Iterator[None]:
        """Record first, then run the block, which may let something leave. A block that fails is recorded as well.

        Raises:
            AuditUnavailable: the record could not be written; the block did not run.
        """
        with self.transaction() as journal:
            journal.record(action, actor, **about)
        try:
            yield
        except BaseException:
            with contextlib.suppress(RipguardError), self.transaction() as journal:
                journal.record(action, actor, **{**about, "result": "broken"})
            raise

    def head(self) -> Head:
        """The end of the chain, as the database has it."""
        with self.database.read() as connection:
            row = connection.execute(select(audit_head)).one()
        return Head(row.seq, row.hash)

    def checkpoint(self) -> Checkpoint:
        """The end of the chain, signed now, for an auditor to keep."""
        with self._signing() as key:
            return Checkpoint.of(self.head(), self.clock(), key)

    def _append(self, connection: Connection, records: list[Record]) -> Head:
        row = connection.execute(select(audit_head).with_for_update()).one_or_none()
        if row is None:
            raise AuditUnavailable("the audit log has lost its head", "verify the audit log")
        head, rows, time = Head(row.seq, row.hash), [], self.clock()
        for record in records:
            line, head = line_of(record, head, time)
            columns = {name: getattr(record, name) for name in ("actor", "action", "dataset", "result")}
            rows.append({"seq": head.seq, "time": time, "line": line, "images": record.count, **columns})
        try:
            connection.execute(audit.insert(), rows)
        except IntegrityError:
            raise AuditUnavailable("the audit log refuses its next record", "verify the audit log") from None
        connection.execute(update(audit_head).values(seq=head.seq, hash=head.hash))
        return head

    def _checkpoint(self, head: Head) -> None:
        with self._signing() as key:
            self.checkpoints.add(Checkpoint.of(head, self.clock(), key))

    @contextlib.contextmanager
    def _signing(self) -> Iterator[SigningKey]:
        try:
            with self.custody.opened(SIGNING) as seed:
                yield SigningKey(seed)
        except (Absent, KeyFileError) as error:
            raise AuditUnavailable(f"the audit log cannot be signed: {error.message}", error.hint) from None
