"""Read a download of restored images, and compare each with the list at its end."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ripguard.errors import Damaged
from ripguard.platform.restoring.download import FORMAT, RESULT
from ripguard.platform.restoring.limits import Budget, UploadLimits
from ripguard.platform.restoring.reasons import Member, UploadRefused
from ripguard.platform.restoring.signed import signed_by
from ripguard.platform.restoring.upload import members

MOST = UploadLimits(total_bytes=1 << 44, member_bytes=1 << 32, members=1 << 24, name_bytes=1 << 12, ratio=1 << 20)
STEPS = 1 << 40
AGAIN = "download it again; images that came before are not confirmed"


@dataclass(frozen=True)
class Result:
    """The list at the end of a download.

    Attributes:
        complete: whether every image of the upload was restored.
        error: why the restoration ended early, "" if it did not.
        reason: the word for it.
        public: the key of the signature under the list, in hex, which was verified; "" if it is not signed.
        images: of each image of the upload, in its order; see :mod:`ripguard.platform.restoring.download`.
    """

    complete: bool
    error: str
    reason: str = ""
    public: str = ""
    images: list[dict[str, Any]] = field(default_factory=list)

    @property
    def refused(self) -> list[dict[str, Any]]:
        """Images that were not restored; files that are no images are left out."""
        return [one for one in self.images if one.get("reason", "left-out") != "left-out"]


class Checker:
    """Iterates over the restored images of a download, as :class:`Member`, while it arrives.

    No image is confirmed before the iteration ends without an error. Then :attr:`result` says what was refused.

    Args:
        body: the download in pieces: a tar, or a zip, which waits in a temporary file.
        limits: None for generous ones.
        folder: for the temporary file.

    Attributes:
        result: the list, None before the end.

    Raises:
        Damaged: while it is read: the download was cut off or changed, or disagrees with its list.
        StorageError: the temporary file cannot be written.
    """

    def __init__(self, body: Iterable[bytes], limits: UploadLimits | None = None, folder: Path | None = None) -> None:
        self._body, self._limits, self._folder = body, limits or MOST, folder
        self.result: Result | None = None

    def __iter__(self) -> Iterator[Member]:
        came, trailer = hashlib.sha256(), None
        try:
            for one in members(self._body, self._limits, Budget(STEPS), folder=self._folder):
                if trailer is not None:
                    raise Damaged("the download goes on after its list", AGAIN)
                if not isinstance(one, Member):
                    raise Damaged(f"the download was changed: {one.message}", AGAIN)
                if one.name == RESULT:
                    trailer = one.data
                    continue
                came.update(_line(one.name, hashlib.sha256(one.data).hexdigest(), len(one.data)))
                yield one
        except UploadRefused as refusal:
            raise Damaged(f"the download is not whole: {refusal.message}", AGAIN) from None
        if trailer is None:
            raise Damaged(f"the download is not whole: its list, {RESULT}, is missing", AGAIN)
        result = _parsed(trailer)
        listed = hashlib.sha256()
        for row in result.images:
            if "reason" not in row:
                listed.update(_line(row["name"], row["sha256"], row["bytes"]))
        if listed.digest() != came.digest():
            raise Damaged(f"the download does not have the images that {RESULT} lists", AGAIN)
        self.result = result


def _line(name: object, sha256: object, size: object) -> bytes:
    return json.dumps([name, sha256, size]).encode() + b"\n"


def _parsed(data: bytes) -> Result:
    """The list. Raises :class:`Damaged`."""
    try:
        found = json.loads(data)
        images, complete, error = found["images"], found["complete"], found["error"]
        refused = sum("reason" in row and row["reason"] != "left-out" for row in images)
        restored = sum("reason" not in row for row in images)
        left_out = len(images) - refused - restored
        good = (
            found["format"] == FORMAT
            and all({"name", "sha256", "bytes"} <= set(row) or {"reason", "message"} <= set(row) for row in images)
            and isinstance(error, str)
            and (found["restored"], found["refused"], found["left_out"]) == (restored, refused, left_out)
            and complete is (not error and not refused)
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        good = False
    if not good:
        raise Damaged(f"{RESULT} of the download cannot be read", AGAIN)
    public = str(found.get("public", ""))
    if public and not signed_by(data, public):
        raise Damaged(f"the signature of {RESULT} is not valid", AGAIN)
    return Result(complete, error, str(found.get("reason", "")), public, images)
