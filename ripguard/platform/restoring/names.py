"""Names of the members of an upload: nothing is ever written under them, and the download may use them."""

from __future__ import annotations

import hashlib
import re

from ripguard.errors import acts, shown
from ripguard.platform.restoring.limits import UploadLimits
from ripguard.platform.restoring.reasons import Reason, Refused, UploadRefused

SHOWN = 200  # characters of a refused name in messages
DRIVE = re.compile(r"[A-Za-z]:")


class Names:
    """The names of one upload. Keeps 8 bytes of each.

    Args:
        limits: ``members`` and ``name_bytes`` count.
    """

    def __init__(self, limits: UploadLimits) -> None:
        self.limits, self.entries = limits, 0
        self._seen = set[int]()

    def count(self) -> None:
        """Count an entry of an archive. Raises :class:`UploadRefused` if there are too many."""
        self.entries += 1
        if self.entries > self.limits.members:
            raise too_many(self.limits)

    def checked(self, raw: str) -> str | Refused:
        """The name with ``/`` and without ``.``, or why it is refused.

        Args:
            raw: as the archive has it.
        """
        if len(raw.encode(errors="surrogatepass")) > self.limits.name_bytes:
            return refused(raw, Reason.LONG_NAME, f"its name has more than {self.limits.name_bytes:,} bytes")
        name = raw.replace("\\", "/")  # as some programs on Windows write
        if name.startswith("/") or DRIVE.match(name):
            return refused(raw, Reason.ABSOLUTE, "its name is an absolute path")
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if ".." in parts:
            return refused(raw, Reason.PARENT, "its name leads out of the archive")
        if not parts or acts(name) or any("\ud800" <= one <= "\udfff" for one in name):
            return refused(raw, Reason.NAME, "its name is empty, not Unicode, or has control characters")
        name = "/".join(parts)
        mark = _mark(name)
        if mark in self._seen:
            return refused(raw, Reason.DUPLICATE, "another member has this name")
        self._seen.add(mark)
        return name


class Free:
    """Gives each name once. Keeps 8 bytes of each."""

    def __init__(self) -> None:
        self._taken = set[int]()

    def name(self, stem: str, suffix: str) -> str:
        """``stem`` + ``suffix``, with a number between where that is taken."""
        number, found = 1, stem + suffix
        while (mark := _mark(found)) in self._taken:
            number += 1
            found = f"{stem} ({number}){suffix}"
        self._taken.add(mark)
        return found


def refused(raw: str, reason: Reason, why: str, hint: str = "") -> Refused:
    """A refused member; its name is cut and made safe to print."""
    name = shown(raw[: SHOWN + 1])
    name = name[:SHOWN] + "…" if len(name) > SHOWN else name
    return Refused(name, reason, f"{name}: {why}", hint)


def too_many(limits: UploadLimits) -> UploadRefused:
    """The refusal of an archive with too many entries."""
    return UploadRefused(
        f"the archive has more than {limits.members:,} entries", "send its files in several archives", Reason.TOO_MANY
    )


def _mark(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
