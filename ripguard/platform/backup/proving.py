"""Whether a database, a master key and checkpoints belong together, and are whole: before and after a restoration."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, text

from ripguard.errors import Damaged, KeyFileError
from ripguard.files import walk
from ripguard.platform.audit.checkpoints import Checkpoints
from ripguard.platform.audit.log import Audit
from ripguard.platform.audit.verifying import verify
from ripguard.platform.backup.record import CHECKPOINTS, LISTED
from ripguard.platform.custody import Custody, Place, unwrapped
from ripguard.platform.master import MasterFiles
from ripguard.store.atomic import storage


def open_every_key(connection: Connection, masters: MasterFiles) -> int:
    """Unwrap every wrapped key, and forget it; returns how many there are.

    Args:
        connection: to a database of any revision: these two tables are those of the first.

    Raises:
        KeyFileError: a file of the master key is missing, or not the one of this database.
        Damaged: a wrapped key was changed, or moved.
    """
    found = connection.execute(text("SELECT generation, check_value FROM generations WHERE retired_at IS NULL"))
    for generation, check_value in found.all():
        if not masters.get(generation).fits(check_value):
            raise KeyFileError(
                f"the master key in {masters.place(generation)} is not the one of the backup",
                "name the master key of the platform that was backed up (--master-key)",
            )
    count = 0
    rows = connection.execute(text("SELECT dataset, version, purpose, generation, wrapped FROM wrapped_keys"))
    for row in rows:
        unwrapped(masters.get(row.generation), Place(row.dataset, row.version, row.purpose), bytes(row.wrapped))
        count += 1
    return count


def refuse_broken_log(custody: Custody, folder: Path) -> int:
    """Verify the audit log against all files of checkpoints in a folder; returns how many were compared.

    Raises:
        Damaged: the log was changed or cut off, or no checkpoint shows that it was not.
    """
    with storage("cannot list"):
        names = sorted(name for name, _ in walk(folder) if CHECKPOINTS.fullmatch(name))
    first, *others = [Checkpoints(folder / name) for name in names or ["audit-local.jsonl"]]
    found = verify(Audit(custody.database, custody, first, custody.clock), files=others)
    if not found.ok:
        raise Damaged(f"the audit log is not whole: {'; '.join(found.problems[:LISTED])}", "use another backup")
    return found.checkpoints
