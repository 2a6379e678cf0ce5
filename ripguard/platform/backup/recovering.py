"""Restore a backup into an empty folder, and prove that it is whole.

Before anything is written: every file has its digest, the master key is the right one, and opens every wrapped key.
Then the platform is built in a working folder, brought to the schema of this ripguard, and its audit log verified
there. One rename, after the commit's statements on PostgreSQL, lets it appear.
"""

from __future__ import annotations

import contextlib
import datetime
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select, update

from ripguard.errors import Damaged, InputRefused, OutputRefused
from ripguard.platform.audit.checkpoints import Checkpoints
from ripguard.platform.audit.log import PLATFORM, Audit
from ripguard.platform.backup.copying import clear, copy, empty
from ripguard.platform.backup.proving import open_every_key, refuse_broken_log
from ripguard.platform.backup.record import DATABASE, Record, place_of
from ripguard.platform.backup.snapshot import opened
from ripguard.platform.clock import Clock, now
from ripguard.platform.custody import Custody
from ripguard.platform.database.engine import Database
from ripguard.platform.database.migrating import known, upgrade
from ripguard.platform.database.tables import jobs, versions
from ripguard.platform.master import MasterFiles
from ripguard.platform.settings import Settings
from ripguard.store.atomic import (
    lock,
    make_working_folder,
    publish_folder,
    refuse_existing,
    refuse_overlap,
    storage,
)
from ripguard.store.together import together

LOST = "its upload is not in the backup that was restored: send it again"  # why an open job failed


@dataclass(frozen=True)
class Recovered:
    """A platform that was restored, or, with ``dry_run``, could be.

    Attributes:
        record: of the backup.
        age: seconds between the snapshot and now: what was done in them is lost.
        seconds: how long it took.
        keys: wrapped keys that the master key opens.
        checkpoints: signed heads that the audit log was compared with.
        images: images that the platform finds.
        jobs: jobs that had not ended: they fail, as their uploads are in no backup.
    """

    record: Record
    age: int
    seconds: float
    keys: int
    checkpoints: int
    images: int
    jobs: int


def restore_backup(backup: Path, settings: Settings, dry_run: bool = False, clock: Clock = now) -> Recovered:
    """Restore a backup.

    Args:
        settings: of the new platform: its folder does not exist or is empty, a database that is named is empty, and
            the master key file is the one of the platform that was backed up, or a copy of it.
        dry_run: check everything in a working folder, which is removed, and restore nothing.

    Raises:
        InputRefused: it is no backup, or one of a newer ripguard.
        KeyFileError: the master key is missing, or another one. Nothing was written.
        Damaged: files of the backup are missing or changed, a key does not open, or the audit log is not whole.
        OutputRefused: the folder or the database is in use.
        StorageError: the disk is full, or the database cannot be used. Nothing appears.
    """
    began = time.monotonic()
    record, masters, place = Record.read(backup), MasterFiles(settings.master_file), settings.folder
    if not known(record.revision):
        raise InputRefused(f"the backup has schema {record.revision}", "restore it with the ripguard that made it")
    refuse_existing(place)
    refuse_overlap([backup], place)
    with _target(settings) as target:
        record.verify(backup)
        with opened(backup / DATABASE) as source:
            keys = open_every_key(source, masters)
        work = make_working_folder(place)
        try:
            with lock(work / "lock"):
                made = work / "platform"
                shutil.rmtree(made, ignore_errors=True)
                checkpoints, images, lost = _built(backup, made, record, masters, settings, clock)
                if not dry_run:
                    _publish(made, place, target)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        if target is not None and not dry_run:
            _prove(target, masters, place, keys)
    age = max(0, clock() - record.made_at)
    return Recovered(record, age, time.monotonic() - began, keys, checkpoints, images, lost)


@contextlib.contextmanager
def _target(settings: Settings) -> Iterator[Database | None]:
    """The named database, which is empty; None for a file in the folder."""
    if not settings.database:
        yield None
        return
    database = Database(settings.database_url)
    try:
        if database.sqlite:
            raise InputRefused("a backup is restored into the folder of the platform, or to PostgreSQL")
        with database.read() as connection:
            if not empty(connection):
                raise OutputRefused(f"the database {database.name} is not empty", "name a new one")
        yield database
    finally:
        database.close()


def _built(
    backup: Path, made: Path, record: Record, masters: MasterFiles, settings: Settings, clock: Clock
) -> tuple[int, int, int]:
    """The platform in a working folder; returns checkpoints, images, and jobs that are lost."""
    with storage("cannot copy"):
        made.mkdir(mode=0o700)
        for name in record.files:
            (made / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copyfile(backup / name, made / name, follow_symlinks=False)
            (made / name).chmod(0o600)
    record.verify(made)  # the copies, which may lie on another disk
    database = Database(f"sqlite:///{made / DATABASE}")
    try:
        upgrade(database)
        custody = Custody(database, masters, clock)
        custody.start()
        checkpoints = refuse_broken_log(custody, made)
        with database.read() as connection:
            containers = set(connection.execute(select(versions.c.blob)).scalars())
            images = connection.execute(select(func.coalesce(func.sum(versions.c.images), 0))).scalar_one()
        if missing := sorted(one for one in containers if place_of(one) not in record.files):
            raise Damaged(f"the backup lacks {len(missing)} deposited releases", "use another backup")
        audit = Audit(database, custody, Checkpoints(made / f"audit-{settings.host}.jsonl"), clock)
        with audit.transaction() as journal:
            ended = {"state": "failed", "error": LOST, "ended_at": clock()}
            unfinished = update(jobs).where(jobs.c.state.in_(("queued", "running")))
            lost = journal.connection.execute(unfinished.values(**ended)).rowcount
            journal.record("restore backup", PLATFORM, note=f"{in_words(record.made_at)}, record {record.records}")
    finally:
        database.close()
    return checkpoints, int(images), lost


def _publish(made: Path, place: Path, target: Database | None) -> None:
    if target is None:
        with together(made, 1) as files:
            files.sync_tree(made)
        publish_folder(made, place)
        return
    upgrade(target)
    source, published = Database(f"sqlite:///{made / DATABASE}"), False
    try:
        with target.write() as connection:
            clear(connection)
            with source.read() as rows:
                copy(rows, connection)
            source.close()
            (made / DATABASE).unlink()
            with together(made, 1) as files:
                files.sync_tree(made)
            publish_folder(made, place)
            published = True
    except BaseException:
        if published:  # without its rows it would look like a platform
            shutil.rmtree(place, ignore_errors=True)
        raise
    finally:
        source.close()


def _prove(target: Database, masters: MasterFiles, folder: Path, keys: int) -> None:
    """Check what PostgreSQL has now as the backup was checked."""
    with target.read() as connection:
        if open_every_key(connection, masters) != keys:
            raise Damaged(f"the database {target.name} lacks keys after the restoration", "restore into another one")
    refuse_broken_log(Custody(target, masters), folder)


def in_words(time: int) -> str:
    """A time as text, such as 2026-11-30 18:00 UTC."""
    return datetime.datetime.fromtimestamp(time, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
