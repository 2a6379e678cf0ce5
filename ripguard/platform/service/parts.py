"""The results of a job in files of at most 64 images, encrypted under a key of the job.

Each file appears whole. A job that was interrupted continues behind the images in them.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ripguard.crypto.aead import Forged, length_prefixed, open_sealed, seal
from ripguard.errors import Damaged
from ripguard.files import open_regular, walk
from ripguard.platform.restoring.messages import Broken, packed, received
from ripguard.platform.restoring.reasons import Outcome, Reason, Refused, Restored
from ripguard.store.atomic import storage, write_file

MOST, MOST_BYTES = 64, 1 << 25  # images and bytes of a part; one image may have more bytes
NAME = re.compile(r"part-(\d{12})-(\d{1,3})")


@dataclass(frozen=True)
class Part:
    """Some results, in the order of the upload.

    Attributes:
        grants: ids of the grants under which they were restored.
    """

    outcomes: list[Outcome]
    grants: frozenset[str]


class JobFiles:
    """The files of one job.

    Args:
        folder: of the job.
        name: its id; a file of another job is refused.
        key: 64 bytes.
    """

    def __init__(self, folder: Path, name: str, key: bytes) -> None:
        self.folder, self._name, self._key = folder, name, key

    def parts(self) -> list[tuple[int, int]]:
        """First image and number of images of each part, as far as none is missing."""
        with storage("cannot list"):
            names = [NAME.fullmatch(place) for place, _ in walk(self.folder)]
        found, following = list[tuple[int, int]](), 0
        for first, count in sorted((int(one[1]), int(one[2])) for one in names if one):
            if first == following:
                found.append((first, count))
                following += count
        return found

    @property
    def done(self) -> int:
        """Number of images that have a result."""
        return sum(count for _, count in self.parts())

    def add(self, first: int, part: Part) -> None:
        """Write the next part. Raises :class:`StorageError`."""
        data = [one.data for one in part.outcomes if isinstance(one, Restored)]
        rows = [{name: value for name, value in _fields(one).items() if name != "data"} for one in part.outcomes]
        text = b"".join(packed({"outcomes": rows, "grants": sorted(part.grants)}, data))
        name = f"part-{first:012}-{len(part.outcomes)}"
        write_file(self.folder / name, seal(self._key, self._bound(name), text), private=True)

    def read(self, first: int, count: int) -> Part:
        """A part. Raises :class:`Damaged` if it was changed or moved."""
        name = f"part-{first:012}-{count}"
        with storage("cannot read"), open(open_regular(self.folder / name), "rb") as file:
            sealed = file.read()
        try:
            text = io.BytesIO(open_sealed(self._key, self._bound(name), sealed))
            head, data = received(text.read, len(sealed))
        except (Forged, Broken):
            raise Damaged(f"a result of job {self._name} was changed", "start the job again") from None
        left = iter(data)
        outcomes: list[Outcome] = [
            Refused(**{**one, "reason": Reason(one["reason"])}) if "reason" in one else Restored(data=next(left), **one)
            for one in head["outcomes"]
        ]
        return Part(outcomes, frozenset(head["grants"]))

    def all(self) -> Iterator[Part]:
        """All parts, one in memory at a time."""
        for first, count in self.parts():
            yield self.read(first, count)

    def _bound(self, name: str) -> bytes:
        return length_prefixed(b"job", self._name.encode(), name.encode())


def _fields(one: Outcome) -> dict[str, object]:
    return {name: getattr(one, name) for name in one.__dataclass_fields__}
