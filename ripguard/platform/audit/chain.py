"""The chain of audit records: each holds the hash of the one before, so that none can be changed, removed or inserted.

A record is one line of canonical JSON. ``hash`` is SHA-256 of the line without it; ``prev_hash`` is that of the record
before, 64 zeros for the first. The chain alone does not show that its end was cut off: signed checkpoints do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ripguard.errors import UsageError
from ripguard.store.schema import canonical, parsed

START = "0" * 64  # prev_hash of the first record
MOST_IMAGES = 64  # in one record: what a crash can leave recorded and not restored
FIELDS = {"seq", "time", "actor", "action", "dataset", "version", "count", "digests", "result", "note", "prev_hash"}


@dataclass(frozen=True)
class Record:
    """What one record is about.

    Attributes:
        actor: id of the principal, or ``platform``.
        action: what was done, such as ``restore`` or ``grant``.
        result: ``allowed`` for restored images and delivered keys, ``refused`` for those that were not, ``done`` for
            other actions, ``broken`` if an action failed after its record.
        dataset, version: id of the dataset, "" for none; its version, 0 for all or none.
        count: number of images.
        digests: hex SHA-256 of the samples of each published image, at most 64.
        note: what else identifies the action: ids, never names of files or secrets.
    """

    action: str
    actor: str
    result: str = "done"
    dataset: str = ""
    version: int = 0
    count: int = 0
    digests: Sequence[str] = ()
    note: str = ""

    def __post_init__(self) -> None:
        if len(self.digests) > MOST_IMAGES:
            raise UsageError(f"audit: {len(self.digests)} images in one record, at most {MOST_IMAGES}")
        if self.digests and self.count != len(self.digests):
            raise UsageError("audit: count is not the number of digests")


@dataclass(frozen=True)
class Head:
    """The end of a chain: number and hash of its last record; 0 and zeros for an empty one."""

    seq: int = 0
    hash: str = START


def line_of(record: Record, head: Head, time: int) -> tuple[str, Head]:
    """The line of the record after ``head``, and the new head."""
    about: dict[str, Any] = {
        **vars(record),
        "digests": list(record.digests),
        "seq": head.seq + 1,
        "time": time,
        "prev_hash": head.hash,
    }
    found = hashlib.sha256(canonical(about)).hexdigest()
    return canonical({**about, "hash": found}).decode(), Head(head.seq + 1, found)


class Broken(Exception):
    """A line does not continue the chain. The message says which and why."""


def following(line: str, head: Head) -> tuple[dict[str, Any], Head]:
    """The record in a line that follows ``head``, and the new head. Raises :class:`Broken`."""
    number = head.seq + 1
    try:
        about = parsed(line.encode())
        own = about.pop("hash")
        if set(about) != FIELDS or canonical({**about, "hash": own}) != line.encode():
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Broken(f"record {number} cannot be read") from None
    if about["seq"] != number:
        raise Broken(f"record {number} is missing, or records were reordered")
    if own != hashlib.sha256(canonical(about)).hexdigest():
        raise Broken(f"record {number} was changed")
    if about["prev_hash"] != head.hash:
        raise Broken(f"record {number} does not follow record {head.seq}: one of them was replaced")
    return about, Head(number, own)
