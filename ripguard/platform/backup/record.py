"""``backup.json``: what a backup holds, and the digest of each of its files.

The digests find what a disk or a transfer changed, not what a person changed who can write all files: keep
``records`` and ``head``, or the digest of ``backup.json``, elsewhere to notice that.
"""

from __future__ import annotations

import os
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ripguard import __version__
from ripguard.errors import Damaged, InputRefused, shown
from ripguard.files import open_regular, walk
from ripguard.platform.deposits.blobs import NAME
from ripguard.release.record import CONTAINER
from ripguard.store.atomic import sha256_file, storage
from ripguard.store.schema import canonical, parsed

FORMAT = "ripguard-backup/1"
RECORD, DATABASE, BLOBS = "backup.json", "platform.db", "blobs"  # names in a backup
CHECKPOINTS = re.compile(r"audit-[A-Za-z0-9-]{1,100}\.jsonl")
MOST = 1 << 26  # bytes of the record
LISTED = 5  # files that a message names


@dataclass(frozen=True)
class Record:
    """What a backup says about itself.

    Attributes:
        made_at: seconds since 1970, UTC: everything that was committed before is in it.
        kind: of the database, ``sqlite`` or ``postgresql``; that of the backup is always SQLite.
        revision: of its schema.
        records, head: number and hash of the last record of the audit log.
        files: SHA-256 and bytes of each file, by its relative path.
    """

    made_at: int
    kind: str
    revision: str
    records: int
    head: str
    files: dict[str, tuple[str, int]] = field(default_factory=dict)
    version: str = __version__

    @property
    def line(self) -> bytes:
        """The text of the file."""
        return canonical({"format": FORMAT, **asdict(self)}) + b"\n"

    @classmethod
    def read(cls, backup: Path) -> Record:
        """That of a backup.

        Raises:
            InputRefused: the folder is no backup, or one of a later form.
            Damaged: its record cannot be read.
        """
        file = backup / RECORD
        if not file.exists():
            raise InputRefused(f"{shown(str(backup))} is not a backup of a platform: it has no {RECORD}")
        with storage("cannot read"), os.fdopen(open_regular(file, MOST), "rb") as opened:
            raw = opened.read()
        try:
            found = parsed(raw)
            if found.pop("format") != FORMAT:
                raise InputRefused(f"{shown(str(backup))} is a backup of another form", "use the ripguard that made it")
            made = cls(**{**found, "files": {name: (one[0], one[1]) for name, one in found["files"].items()}})
            made._check()
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            raise Damaged(f"{file} is damaged", "use another backup") from None
        return made

    def verify(self, backup: Path) -> None:
        """Compare every file with its digest. Raises :class:`Damaged` with all that are missing or changed."""
        with storage("cannot list"):
            there = {place for place, _ in walk(backup)} - {RECORD}
        bad = sorted(f"{shown(name)} (unknown)" for name in there - self.files.keys())
        for name, (digest, size) in sorted(self.files.items()):
            if name not in there:
                bad.append(f"{name} (missing)")
            elif (backup / name).lstat().st_size != size or sha256_file(backup / name) != digest:
                bad.append(f"{name} (changed)")
        if bad:
            more = f", and {len(bad) - LISTED} more" if len(bad) > LISTED else ""
            raise Damaged(f"the backup is damaged: {', '.join(bad[:LISTED])}{more}", "use another backup")

    def _check(self) -> None:
        numbers = (self.made_at, self.records, *(size for _, size in self.files.values()))
        texts = (self.kind, self.revision, self.head, self.version)
        if not all(type(one) is int and one >= 0 for one in numbers) or not all(type(one) is str for one in texts):
            raise ValueError
        if DATABASE not in self.files or not all(map(_known, self.files)):
            raise ValueError
        if not all(NAME.fullmatch(digest) for digest, _ in self.files.values()):
            raise ValueError


def place_of(digest: str) -> str:
    """Relative path of a container in a backup."""
    return f"{BLOBS}/{digest[:2]}/{digest}/{CONTAINER}"


def described(place: Path, **about: Any) -> Record:
    """The record of the files in a folder."""
    with storage("cannot list"):
        names = sorted(name for name, _ in walk(place))
    files = {name: (sha256_file(place / name), (place / name).stat().st_size) for name in names}
    return Record(**about, files=files)


def _known(name: str) -> bool:
    """Whether a file of this name belongs into a backup: no other is read, or written anywhere."""
    digest = name.split("/")[-2] if "/" in name else ""
    container = bool(NAME.fullmatch(digest)) and name == place_of(digest)
    return name == DATABASE or bool(CHECKPOINTS.fullmatch(name)) or container
