"""Make a backup of a platform that runs.

Order matters: the signed heads of the audit log first, so that each is one of a record in the snapshot; then the
database, at one moment; then the containers that it names, which never change and are stored before their row is.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url, select, text

from ripguard.bar import Bar
from ripguard.errors import Damaged, InputRefused
from ripguard.files import walk
from ripguard.platform.backup.record import CHECKPOINTS, DATABASE, LISTED, RECORD, Record, described, place_of
from ripguard.platform.backup.snapshot import opened, snapshot
from ripguard.platform.clock import Clock, now
from ripguard.platform.database.engine import Database
from ripguard.platform.database.migrating import revision
from ripguard.platform.database.tables import audit_head
from ripguard.platform.settings import Settings
from ripguard.store.atomic import (
    lock,
    make_working_folder,
    publish_folder,
    refuse_existing,
    refuse_overlap,
    sha256_file,
    storage,
    write_file,
)
from ripguard.store.together import together

Step = Callable[[str], None]


@dataclass(frozen=True)
class Made:
    """A backup that was made. ``seconds``: how long it took; ``bytes``: of all its files."""

    record: Record
    seconds: float
    bytes: int


def back_up(settings: Settings, out: Path, clock: Clock = now, step: Step = lambda name: None) -> Made:
    """Back up a platform into a new folder, mode 0700, while servers write to it. The master key is not read.

    Args:
        out: it appears at the end, complete, and outside the folder of the platform.
        step: called with the name of each step after it.

    Raises:
        InputRefused: there is no platform, or it has a schema that this ripguard does not know.
        OutputRefused: ``out`` exists, or overlaps the folder of the platform.
        Damaged: containers of deposited releases are missing or changed. Nothing appears.
        StorageError: the database cannot be read, or the disk is full. Nothing appears.
    """
    began = time.monotonic()
    refuse_existing(out)
    refuse_overlap([settings.folder, *([settings.shared] if settings.shared else [])], out)
    database = database_of(settings)
    try:
        work = make_working_folder(out)
        try:
            with lock(work / "lock"):
                place = work / "backup"
                shutil.rmtree(place, ignore_errors=True)
                place.mkdir(mode=0o700)
                made = _written(settings, database, place, clock, step)
                publish_folder(place, out)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    finally:
        database.close()
    return Made(made, time.monotonic() - began, sum(size for _, size in made.files.values()))


def _written(settings: Settings, database: Database, place: Path, clock: Clock, step: Step) -> Record:
    with together(place, 1) as files:
        _copy_checkpoints(settings.folder, place)
        step("checkpoints")
        made_at = clock()
        snapshot(database, place / DATABASE)
        step("database")
        with opened(place / DATABASE) as copied:
            wanted = sorted(set(copied.execute(text("SELECT blob FROM versions")).scalars()))
            head, found = copied.execute(select(audit_head)).one(), revision(copied)
        _copy_containers(settings.blobs, wanted, place)
        step("containers")
        kind = "sqlite" if database.sqlite else "postgresql"
        made = described(
            place, made_at=made_at, kind=kind, revision=found or "", records=head.seq, head=head.hash,
        )  # fmt: skip
        write_file(place / RECORD, made.line, private=True)
        files.sync_tree(place)
    return made


def database_of(settings: Settings) -> Database:
    """The database of a platform, which must exist: nothing is made. Raises :class:`InputRefused`."""
    if not settings.folder.is_dir():
        raise InputRefused(f"there is no folder {settings.folder}", "name the folder that the server uses (--data)")
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        hint = "name its folder; where it uses another database, add --database URL"
        raise InputRefused(f"there is no database {url.database}: the folder holds no platform", hint)
    return Database(settings.database_url)


def _copy_checkpoints(folder: Path, place: Path) -> None:
    gone = list[OSError]()  # folders of jobs come and go
    with storage("cannot copy"):
        for name, entry in walk(folder, gone):
            if CHECKPOINTS.fullmatch(name) and entry.is_file(follow_symlinks=False):
                shutil.copyfile(entry.path, place / name, follow_symlinks=False)
                (place / name).chmod(0o600)
        for error in gone:
            if not isinstance(error, FileNotFoundError):
                raise error


def _copy_containers(blobs: Path, wanted: list[str], place: Path) -> None:
    """Copy containers by their digests. Raises :class:`Damaged` with all that cannot be."""
    bad = []
    for digest in Bar(wanted, stage="copying deposits", unit="deposit", total=len(wanted)):
        source, target = blobs / place_of(digest).partition("/")[2], place / place_of(digest)
        if not source.is_file():
            bad.append(f"{digest[:16]}… (missing)")
            continue
        with storage("cannot copy"):
            target.parent.mkdir(mode=0o700, parents=True)
            shutil.copyfile(source, target, follow_symlinks=False)
            target.chmod(0o600)
        if sha256_file(target) != digest:
            bad.append(f"{digest[:16]}… (changed)")
    if bad:
        more = f", and {len(bad) - LISTED} more" if len(bad) > LISTED else ""
        hint = (
            "name the folder that servers share with --shared; or put them back into the folder blobs from an earlier "
            "backup, or let the owner deposit the release again"
        )
        raise Damaged(f"deposited releases are missing or changed: {', '.join(bad[:LISTED])}{more}", hint)
