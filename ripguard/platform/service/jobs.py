"""Jobs: uploads that are restored after the answer, and survive a restart of the server.

A job has a row in the database, and its files on the host that took the upload, or in a folder that all hosts share.
One server at a time runs it: it holds a lease, which it renews while it lives, and which ends soon after it was killed.
A job that was interrupted, however, goes on behind the images that have a result; each image is recorded before it is
restored, then too.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sqlalchemy import Connection, Row, delete, func, select, update
from sqlalchemy.exc import IntegrityError

from ripguard.files import walk
from ripguard.platform.callers import Caller
from ripguard.platform.clock import DAY, HOUR, MINUTE
from ripguard.platform.core import Platform
from ripguard.platform.custody import Place
from ripguard.platform.database.tables import jobs as table
from ripguard.platform.database.tables import principals, wrapped_keys
from ripguard.platform.errors import Absent, Conflict, LimitReached
from ripguard.platform.restoring.pieces import STEP
from ripguard.platform.roles import Scope
from ripguard.platform.service.leases import CANCELLED, DONE, FAILED, QUEUED, RUNNING, Leases
from ripguard.platform.service.parts import JobFiles
from ripguard.platform.values import new_id
from ripguard.store.atomic import storage, sync_folder

UPLOAD = "upload"  # name of a file
PURPOSE = "job "  # of a wrapped key, before the id
KEPT = 7 * DAY  # until the files of a job that ended are removed


@dataclass(frozen=True)
class Job:
    """A job.

    Attributes:
        upload: hex SHA-256 of its upload.
        images: how many members of the upload have a result.
        error: why it failed.
    """

    id: str
    principal: str
    accessor: str
    dataset: str
    upload: str
    host: str
    state: str
    error: str
    images: int
    created_at: int
    ended_at: int | None


class Jobs(Leases):
    """The jobs of a platform."""

    def __init__(self, platform: Platform) -> None:
        super().__init__(platform.database, platform.settings.place, platform.clock)
        self._platform, self._folder = platform, platform.settings.jobs

    def create(self, caller: Caller, dataset: str, key: str, upload: IO[bytes], digest: str) -> tuple[Job, bool]:
        """A new job, or the one that this key made before, and whether it is new.

        Args:
            key: chosen by the caller; equal keys of one account make one job.
            upload: an open file at its start.
            digest: hex SHA-256 of its bytes.

        Raises:
            Conflict: the key made another job.
            LimitReached: the account has too many jobs that have not ended.
            Absent, SignInFailed: the caller may not restore from this dataset.
        """
        self._platform.admission(caller, dataset)
        if (known := self._known(caller, key)) is not None:
            return _same(known, dataset, digest), False
        name = new_id("jb")
        place = self._folder / name
        try:
            self._take(place, upload)
            with self._platform.audit.transaction() as journal:
                connection = journal.connection
                self._refuse_too_many(connection, caller)
                row = {
                    "id": name, "principal": caller.principal, "accessor": caller.accessor, "dataset": dataset,
                    "idempotency": key, "upload": digest, "host": self._host, "state": QUEUED, "error": "",
                    "images": 0, "created_at": self._platform.clock(),
                }  # fmt: skip
                connection.execute(table.insert().values(**row))
                self._platform.custody.store(connection, _place(name), os.urandom(64))
                journal.record("create job", caller.principal, dataset=dataset, note=name)
        except IntegrityError:  # another request with this key was faster
            shutil.rmtree(place, ignore_errors=True)
            if (known := self._known(caller, key)) is None:
                raise
            return _same(known, dataset, digest), False
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
        return self.get(caller, name), True

    def get(self, caller: Caller, name: str) -> Job:
        """An own job; for a token with less than a dataset, one that it made itself. Raises :class:`Absent`."""
        found = self.find(name)
        if found.principal != caller.principal or not self._open(caller, [found]):
            raise Absent.of("job")
        return found

    def all(self, caller: Caller) -> list[Job]:
        """Own jobs, the newest first."""
        query = (
            select(table).where(table.c.principal == caller.principal).order_by(table.c.created_at.desc(), table.c.id)
        )
        with self._database.read() as connection:
            rows = [_job(row) for row in connection.execute(query)]
        return self._open(caller, rows)

    def _open(self, caller: Caller, jobs: list[Job]) -> list[Job]:
        """Those jobs of an account that a token opens: a class, or a number of images, is no part of a job."""
        with self._database.read() as connection:
            narrow = (caller.split, caller.label) != (None, None) or self._platform.tokens.limited(connection, caller)
        found = [one for one in jobs if caller.dataset in (None, one.dataset)]
        return [one for one in found if one.accessor == caller.accessor] if narrow else found

    def find(self, name: str) -> Job:
        """A job. Raises :class:`Absent`."""
        with self._database.read() as connection:
            row = connection.execute(select(table).where(table.c.id == name)).one_or_none()
        if row is None:
            raise Absent.of("job")
        return _job(row)

    def cancel(self, caller: Caller, name: str) -> Job:
        """End an own job, and remove its files; a part that is being restored is finished before.

        Raises:
            Absent: there is no such job, or the token may not restore.
        """
        found = self.get(caller, name)
        if Scope.RESTORE not in caller.scopes:
            raise Absent.of("job")
        with self._platform.audit.transaction() as journal:
            if self.move(name, (QUEUED, RUNNING, DONE, FAILED), CANCELLED, connection=journal.connection):
                journal.record("cancel job", caller.principal, dataset=found.dataset, note=name)
        self.remove_files(name)
        return self.find(name)

    def resume(self, caller: Caller, name: str) -> Job:
        """Continue an own job that failed, with the caller's token.

        Raises:
            Conflict: it did not fail, or its files were removed.
            Absent, SignInFailed: the caller may not restore from its dataset any more.
        """
        found = self.get(caller, name)
        self._platform.admission(caller, found.dataset)
        if found.host == self._host and not self.upload(name).exists():
            raise Conflict("job: its upload is gone", "send it again, with another key")
        if not self.move(name, (FAILED,), QUEUED, accessor=caller.accessor, ended_at=None):
            raise Conflict(f"job: it is {found.state}")
        return self.find(name)

    def _refuse_too_many(self, connection: Connection, caller: Caller) -> None:
        if not (most := self._platform.settings.limits.open_jobs):
            return
        own = select(principals.c.id).where(principals.c.id == caller.principal)
        connection.execute(own.with_for_update())  # of two uploads at once, one waits here
        mine = select(func.count()).where(table.c.principal == caller.principal, table.c.state.in_((QUEUED, RUNNING)))
        if connection.execute(mine).scalar_one() >= most:
            raise LimitReached(f"{most} jobs have not ended", "wait for one", MINUTE)

    def move(self, name: str, states: tuple[str, ...], to: str, connection=None, **values: object) -> bool:  # type: ignore[no-untyped-def]
        """Change the state of a job that is in one of these; returns whether it was."""
        if to in (DONE, FAILED, CANCELLED):
            values["ended_at"] = self._platform.clock()
        changed = update(table).where(table.c.id == name, table.c.state.in_(states)).values(state=to, **values)
        if connection is not None:
            return bool(connection.execute(changed).rowcount)
        with self._database.write() as own:
            return bool(own.execute(changed).rowcount)

    @contextlib.contextmanager
    def files(self, name: str) -> Iterator[JobFiles]:
        """The results of a job. Raises :class:`Absent` if they were removed."""
        with self._platform.custody.opened(_place(name)) as key:
            yield JobFiles(self._folder / name, name, key)

    def upload(self, name: str) -> Path:
        """The file that was uploaded."""
        return self._folder / name / UPLOAD

    def here(self, job: Job) -> bool:
        """Whether this server sees the files of a job."""
        return job.host == self._host and self.upload(job.id).exists()

    def sweep(self) -> None:
        """Remove the files of jobs that ended a while ago, and folders of no job, as a killed server leaves them."""
        time = self._platform.clock()
        keyed = wrapped_keys.c.purpose == PURPOSE + table.c.id  # files and key go together
        query = select(table.c.id).where(table.c.host == self._host, table.c.ended_at < time - KEPT)
        with self._database.read() as connection:
            ended = list(connection.execute(query.join(wrapped_keys, keyed)).scalars())
        for name in ended:
            with self._database.write() as connection:  # it may have been resumed meanwhile
                connection.execute(select(table.c.id).where(table.c.id == name).with_for_update())
                if connection.execute(query.where(table.c.id == name)).first() is None:
                    continue
                connection.execute(delete(wrapped_keys).where(wrapped_keys.c.purpose == _place(name).purpose))
            self.remove_files(name)
        with storage("cannot list"):
            there = list[str]()
            list(walk(self._folder, [], there))  # another server may remove some meanwhile
            # one of an upload that just arrives has no row yet
            old = [name for name in there if "/" not in name and self._before(name, time - HOUR)]
        with self._database.read() as connection:
            # one that was cancelled at another server has a row, and no key: its files are only here
            known = set(connection.execute(select(table.c.id).join(wrapped_keys, keyed)).scalars())
        for name in set(old) - known:
            shutil.rmtree(self._folder / name, ignore_errors=True)

    def _before(self, name: str, time: int) -> bool:
        """Whether nothing in the folder of a job was made or renamed since this time."""
        with contextlib.suppress(FileNotFoundError):
            return (self._folder / name).stat().st_mtime < time
        return False

    def remove_files(self, name: str) -> None:
        """Remove the files of a job, and their key."""
        shutil.rmtree(self._folder / name, ignore_errors=True)
        with self._database.write() as connection:
            connection.execute(delete(wrapped_keys).where(wrapped_keys.c.purpose == _place(name).purpose))

    def _take(self, place: Path, upload: IO[bytes]) -> None:
        with storage("cannot write"):
            place.mkdir(mode=0o700, parents=True)
            with open(place / UPLOAD, "xb") as file:
                shutil.copyfileobj(upload, file, 16 * STEP)
                file.flush()
                os.fsync(file.fileno())
        for folder in (place, self._folder):
            sync_folder(folder)

    def _known(self, caller: Caller, key: str) -> Job | None:
        query = select(table).where(table.c.principal == caller.principal, table.c.idempotency == key)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _job(row)


def _same(known: Job, dataset: str, digest: str) -> Job:
    if (known.dataset, known.upload) != (dataset, digest):
        raise Conflict("job: this Idempotency-Key made a job for another upload", "use another key")
    return known


def _place(name: str) -> Place:
    return Place("", 0, PURPOSE + name)


def _job(row: Row) -> Job:
    return Job(**{name: getattr(row, name) for name in Job.__dataclass_fields__})
