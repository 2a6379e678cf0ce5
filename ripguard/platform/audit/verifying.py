"""Verify, export and summarize the audit log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sqlalchemy import Row, func, select

from ripguard.platform.audit.chain import Broken, Head, following
from ripguard.platform.audit.checkpoints import Checkpoint, Checkpoints
from ripguard.platform.audit.log import Audit
from ripguard.platform.database.engine import Database
from ripguard.platform.database.tables import audit as table
from ripguard.platform.database.tables import principals
from ripguard.store.schema import parsed

PAGE = 1_000  # records of one query: verifying and exporting take little memory
COLUMNS = ("seq", "time", "actor", "action", "dataset", "result")  # also in the line


@dataclass
class Verified:
    """Result of a verification.

    Attributes:
        head: the last record that follows from the first.
        checkpoints: how many signed heads were compared.
        problems: what is wrong; empty if the log is whole.
    """

    head: Head = field(default_factory=Head)
    checkpoints: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.problems


@dataclass(frozen=True)
class Use:
    """What one principal restored from a dataset: images, first and last time (seconds since 1970, UTC)."""

    principal: str
    name: str
    images: int
    first: int
    last: int


def verify(audit: Audit, kept: Iterable[Checkpoint] = (), files: Iterable[Checkpoints] = ()) -> Verified:
    """Verify the whole log in the database against its checkpoints.

    Args:
        kept: checkpoints that somebody kept elsewhere.
        files: the files of other hosts that share the database.
    """
    lost, signed = [], list(kept)
    for file in (audit.checkpoints, *files):
        try:
            signed += file.all()
        except FileNotFoundError:
            lost += [f"the file of checkpoints {file.file} is missing"] if audit.head().seq else []
    claimed = audit.head()  # before the records: others may be appended meanwhile
    found = verify_lines(_checked_lines(audit.database), signed, audit.public)
    if found.ok and found.head.seq < claimed.seq:
        found.problems.append(f"the log ends at record {found.head.seq}, but record {claimed.seq} was written")
    found.problems += lost
    return found


def verify_lines(lines: Iterable[str], signed: Iterable[Checkpoint], public: bytes) -> Verified:
    """Verify an exported log: no database and no master key are needed.

    Args:
        lines: all records from the first on, without line ends.
        signed: checkpoints; a log without any may have lost its end.
        public: 32 bytes, the public key of the platform's checkpoints.
    """
    found, wanted = Verified(), dict[int, set[str]]()
    for one in dict.fromkeys(signed):
        if one.signed_by(public):
            found.checkpoints += 1
            wanted.setdefault(one.head.seq, set()).add(one.head.hash)
        else:
            found.problems.append(f"a checkpoint of record {one.head.seq} has no valid signature")
    try:
        for line in lines:
            _, found.head = following(line, found.head)
            if wanted.pop(found.head.seq, {found.head.hash}) != {found.head.hash}:
                raise Broken(f"record {found.head.seq} is not the one that was signed: the log was rewritten")
    except Broken as error:
        found.problems.append(str(error))
        return found
    if last := max(wanted, default=0):
        found.problems.append(f"the log ends at record {found.head.seq}, but record {last} was signed: it was cut off")
    return found


def _checked_lines(database: Database) -> Iterator[str]:
    """Lines of the log. Raises :class:`Broken` where the columns of a row differ from its line."""
    for row in _rows(database):
        yield row.line
        about = parsed(row.line.encode())  # the caller has verified it
        if row.images != about["count"] or any(getattr(row, name) != about[name] for name in COLUMNS):
            raise Broken(f"the columns of record {row.seq} do not match it")


def export(database: Database, dataset: str | None = None, after: int = 0) -> Iterator[str]:
    """Lines of the log in order, without line ends.

    Args:
        dataset: only records about this one; they do not form a chain by themselves.
        after: number of the last record that is not wanted.
    """
    yield from (row.line for row in _rows(database, dataset, after))


def usage(database: Database, dataset: str) -> list[Use]:
    """Who restored how many images of a dataset, and when; the most first."""
    images = func.sum(table.c.images).label("images")
    query = (
        select(table.c.actor, principals.c.name, images, func.min(table.c.time), func.max(table.c.time))
        .join(principals, principals.c.id == table.c.actor, isouter=True)
        .where(table.c.dataset == dataset, table.c.action == "restore", table.c.result == "allowed")
        .group_by(table.c.actor, principals.c.name)
        .order_by(images.desc(), table.c.actor)
    )
    with database.read() as connection:
        return [Use(one[0], one[1] or "", int(one[2]), one[3], one[4]) for one in connection.execute(query)]


def _rows(database: Database, dataset: str | None = None, after: int = 0) -> Iterator[Row]:
    while True:
        query = select(table).where(table.c.seq > after).order_by(table.c.seq).limit(PAGE)
        if dataset is not None:
            query = query.where(table.c.dataset == dataset)
        with database.read() as connection:
            rows = connection.execute(query).all()
        yield from rows
        if len(rows) < PAGE:
            return
        after = rows[-1].seq
