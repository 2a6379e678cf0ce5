"""Signed heads of the audit chain, in a file outside the database: cutting off the end of the chain is detected.

One line of JSON for each head: number and hash of the last record, time, and an Ed25519 signature. Who can write to the
database and to this file can cut both back to the same earlier head; copy the file elsewhere, as an auditor does with
every export, to detect that too.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ripguard.crypto.aead import length_prefixed
from ripguard.crypto.signing import SigningKey, check
from ripguard.errors import SignatureInvalid
from ripguard.files import open_regular
from ripguard.platform.audit.chain import Head
from ripguard.platform.errors import AuditUnavailable
from ripguard.store.schema import canonical, parsed
from ripguard.systems import BINARY, NOFOLLOW, sync_folder

LONGEST = 1024  # bytes of a line


@dataclass(frozen=True)
class Checkpoint:
    """A signed head.

    Attributes:
        head: the end of the chain when it was signed.
        time: seconds since 1970, UTC.
        signature: 64 bytes.
    """

    head: Head
    time: int
    signature: bytes

    @staticmethod
    def message(head: Head, time: int) -> bytes:
        """The signed bytes."""
        return length_prefixed(
            b"ripguard/platform audit head", head.seq.to_bytes(8, "big"), head.hash.encode(), time.to_bytes(8, "big")
        )

    @classmethod
    def of(cls, head: Head, time: int, key: SigningKey) -> Checkpoint:
        return cls(head, time, key.sign(cls.message(head, time)))

    @classmethod
    def from_line(cls, line: bytes) -> Checkpoint:
        """Raises :class:`ValueError` for anything else than a line of :attr:`line`."""
        try:
            about = parsed(line)
            one = cls(
                Head(int(about["seq"]), str(about["hash"])), int(about["time"]), bytes.fromhex(about["signature"])
            )
        except (KeyError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError("not a checkpoint") from error
        if not 0 <= one.head.seq < 1 << 63 or not 0 <= one.time < 1 << 63:
            raise ValueError("not a checkpoint")
        return one

    @property
    def line(self) -> bytes:
        own = {"seq": self.head.seq, "hash": self.head.hash, "time": self.time, "signature": self.signature.hex()}
        return canonical(own) + b"\n"

    def signed_by(self, public: bytes) -> bool:
        """Whether the signature is by this public key, 32 bytes."""
        try:
            check(public, self.message(self.head, self.time), self.signature)
        except SignatureInvalid:
            return False
        return True


class Checkpoints:
    """The file of one host. Several processes may append to it.

    Args:
        file: it is made with the first checkpoint, mode 0600.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = threading.Lock()

    def add(self, checkpoint: Checkpoint) -> None:
        """Append, and sync to disk. Raises :class:`AuditUnavailable`."""
        try:
            with self._lock:
                new = not self.file.exists()
                handle = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_APPEND | BINARY | NOFOLLOW, 0o600)
                try:
                    data = checkpoint.line  # one write: lines of several processes do not mix
                    if os.write(handle, (b"\n" if self._torn(handle) else b"") + data) < len(data):
                        raise OSError(28, "no space left")
                    os.fsync(handle)
                finally:
                    os.close(handle)
                if new:
                    sync_folder(self.file.parent)
        except OSError as error:
            raise AuditUnavailable(
                f"cannot write the checkpoints of the audit log {self.file}: {error.strerror}",
                "free space on the disk; nothing is restored until it can be written",
            ) from None

    def all(self) -> Iterator[Checkpoint]:
        """Every checkpoint, in the order of the file. Lines that a crash cut off are left out.

        Raises:
            FileNotFoundError: there is no file.
        """
        with open(open_regular(self.file), "rb") as file:
            while line := file.readline(LONGEST):
                with contextlib.suppress(ValueError):
                    yield Checkpoint.from_line(line)

    @staticmethod
    def _torn(handle: int) -> bool:
        """Whether the file ends inside a line, after a crash."""
        size = os.lseek(handle, 0, os.SEEK_END)
        if not size:
            return False
        os.lseek(handle, size - 1, os.SEEK_SET)
        return os.read(handle, 1) != b"\n"
