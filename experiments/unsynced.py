"""What a power cut loses: data and names on the file system that no `fsync` has made durable.

The model is the strict reading of POSIX, stricter than journalling file systems: `fsync` of a file keeps its data, not
its name; `fsync` of a folder keeps the names in it, not the folder's own; a name that was moved or removed may come
back. Linux only (`/proc`). Used by `experiments/faults.py`.
"""

from __future__ import annotations

import os
import random
import shutil
from dataclasses import dataclass
from pathlib import Path

LINK = os.link  # before anybody counts calls of it
CUTS = ("power cut", "power cut, names kept", "power cut, some of it kept")


@dataclass(eq=False)
class Change:
    """One change of names: ``path`` was made, moved there from ``before``, or removed.

    ``folder`` is the one whose `fsync` makes it durable, under today's name. ``kept``: a link to the file that was
    there before.
    """

    what: str
    path: str
    folder: str
    before: str = ""
    kept: str = ""

    def undo(self) -> None:
        if self.what == "made":
            shutil.rmtree(self.path) if os.path.isdir(self.path) else os.unlink(self.path)
        if self.what == "moved":
            os.rename(self.path, self.before)
        if self.kept:
            os.rename(self.kept, self.path)
        elif self.what == "removed":
            os.mkdir(self.path)


class Unsynced:
    """Follows a process's changes. ``attic``: an empty folder on the same file system."""

    def __init__(self, attic: Path) -> None:
        self.attic, self.data, self.changes, self.cut = attic, set[str](), list[Change](), False
        self.links = 0

    def opened(self, path: str) -> None:
        """Before a file is opened for writing."""
        if not os.path.exists(path):
            self.changes.append(Change("made", path, os.path.dirname(path)))

    def wrote(self, path: str) -> None:
        self.data.add(path)

    def before(self, call: str, path: str = "", target: str = "") -> Change | None:
        """Before ``call`` on ``path``; what it will change, to be handed to :meth:`done`."""
        if call in ("fsync", "sync"):
            return None
        if call == "mkdir":
            return Change("made", path, os.path.dirname(path))
        if call in ("rename", "replace"):
            return Change("moved", target, os.path.dirname(target), path, self.keep(target))
        if call == "link":
            return Change("made", target, os.path.dirname(target))
        return Change("removed", path, os.path.dirname(path), kept="" if call == "rmdir" else self.keep(path))

    def keep(self, path: str) -> str:
        """A second link to a file that is about to lose this one; "" where there is none."""
        if not os.path.isfile(path):
            return ""
        self.links += 1
        kept = str(self.attic / str(self.links))
        LINK(path, kept)
        if path in self.data:
            self.data = self.data - {path} | {kept}
        return kept

    def done(self, change: Change) -> None:
        self.changes.append(change)
        if change.what == "moved":
            self.data = {moved(path, change.before, change.path) for path in self.data}
            for one in self.changes[:-1]:
                one.folder = moved(one.folder, change.before, change.path)

    def synced(self, path: str = "") -> None:
        """`fsync` of a file or a folder; without a path: of everything."""
        if not path:
            self.data.clear()
            self.changes.clear()
        self.data.discard(path)
        while change := next((one for one in reversed(self.changes) if one.folder == path), None):
            number = self.changes.index(change)
            earlier, later = self.changes[:number], self.changes[number + 1 :]
            if change.what == "moved":  # it has its new name for good, and so has what lies in it
                earlier = [one for one in earlier if one.path != change.before]
                for one in earlier:
                    one.path = moved(one.path, change.before, change.path)
                    one.before = moved(one.before, change.before, change.path)
            self.changes = earlier + later

    def lose(self, how: str, draw: random.Random) -> None:
        """The power is cut. ``how``: one of :data:`CUTS`."""
        self.cut = True
        some = how == CUTS[2]
        for path in sorted(self.data):
            size = os.path.getsize(path)
            os.truncate(path, draw.choice((0, size // 2, size)) if some else 0)
        count = 0 if how == CUTS[1] else draw.randint(0, len(self.changes)) if some else len(self.changes)
        for change in reversed(self.changes[len(self.changes) - count :]):
            change.undo()


def moved(path: str, before: str, after: str) -> str:
    """``path`` when the file or folder ``before`` is called ``after``."""
    return after + path[len(before) :] if path == before or path.startswith(before + "/") else path
