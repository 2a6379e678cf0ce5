"""What becomes of the members of an upload, and the reasons for what is refused."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from ripguard.errors import InputRefused


class Reason(enum.StrEnum):
    """Why a member, or a whole upload, was refused. The values are stable: programs read them."""

    # of a member's name or place in the archive
    LINK = "link"
    DEVICE = "device"
    SPARSE = "sparse"
    ABSOLUTE = "absolute-name"
    PARENT = "parent-in-name"
    LONG_NAME = "long-name"
    NAME = "name"
    DUPLICATE = "duplicate"
    ENCRYPTED = "encrypted"
    COMPRESSION = "compression"
    OVERLAP = "overlap"
    SIZE = "forged-size"
    CRC = "crc"
    # of its content
    NESTED = "nested-archive"
    TOO_LARGE = "too-large"
    BOMB = "expands-too-much"
    LEFT_OUT = "left-out"
    # of a whole upload
    EMPTY = "empty"
    FORMAT = "format"
    TRUNCATED = "truncated"
    DAMAGED = "damaged-archive"
    TOO_MANY = "too-many-members"
    TOO_MUCH = "too-many-bytes"
    STEPS = "too-many-steps"
    # of restoring
    NOT_AN_IMAGE = "not-an-image"
    NOT_PROTECTED = "not-protected"
    OTHER_DATASET = "other-dataset"
    NOT_GRANTED = "not-granted"
    TAMPERED = "tampered"
    MEMORY = "memory"
    TIME = "time"
    DIED = "process-died"
    UNREADABLE_HERE = "missing-decoder"
    STORAGE = "storage"
    # of the caller's rights
    UNKNOWN = "not-in-dataset"  # or not granted: both look the same
    LIMIT = "limit"
    ENDED = "access-ended"
    STOPPED = "server-stops"


@dataclass(frozen=True, slots=True)
class Member:
    """A file of an upload.

    Attributes:
        name: its path in the upload, with ``/``: relative, without ``..``, without control
            characters, and the only one of that name.
        data: its bytes.
    """

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """A file of an upload that was not restored.

    Attributes:
        name: its name; cut, and escaped to be printed, if the name itself is refused.
        reason: why.
        message: one sentence, which begins with the name.
        hint: what to do next, or "".
    """

    name: str
    reason: Reason
    message: str
    hint: str = ""

    @property
    def harmless(self) -> bool:
        """Whether nothing is missing without it: a file that is no image, such as the README of a release."""
        return self.reason is Reason.LEFT_OUT


@dataclass(frozen=True, slots=True)
class Restored:
    """A restored image.

    Attributes:
        name: name of its protected image in the upload.
        data: bytes of the original file where the release has them, otherwise a file with the clean samples.
        suffix: suffix of the format of ``data``: ``.png``, ``.jpg`` …; "" if it is not known.
        home: path of the protected image in the release, "" if unknown.
        source: path of the file in the source, as ``ripguard restore`` names it; "" if unknown.
        unit: number of its split and class in the release, −1 if unknown.
        exact: False for an image of a lossy release.
    """

    name: str
    data: bytes
    suffix: str
    home: str
    source: str
    unit: int
    exact: bool


Outcome = Restored | Refused


class UploadRefused(InputRefused):
    """An upload as a whole cannot be read further. What was read of it before stays valid.

    Attributes:
        reason: why.
    """

    def __init__(self, message: str, hint: str = "", reason: Reason = Reason.DAMAGED) -> None:
        super().__init__(message, hint)
        self.reason = reason

    def __reduce__(self) -> tuple:
        return (type(self), (self.message, self.hint, self.reason))
