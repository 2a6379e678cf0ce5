"""Stream restored images back as a tar or zip archive, whose last member lists all of them.

A tar takes the memory of one image, whatever their number: its list waits in a temporary file. A zip also keeps its own
directory, some hundred bytes an image, and its list. Members are stored, not compressed.

The last member, ``RESULT.json``, is one object::

    {"format": "ripguard-result/1",
     "images": [{"upload": "a.png", "name": "a.png", "sha256": "…", "bytes": 2190, "home": "train/cat/a.png",
                 "source": "train/cat/a.jpg", "exact": true},
                {"upload": "b.png", "reason": "tampered", "message": "b.png: …", "hint": "…"}],
     "restored": 1, "refused": 1, "left_out": 0, "error": "", "reason": "", "complete": false,
     "dataset": "ds_…", "time": 1800000000, "public": "…", "signature": "…"}

``images`` are in the order of the upload; ``name`` is that of a member of this archive. ``error`` is a sentence if the
upload or the restoration ended early, and ``reason`` the word for it. ``complete``: it did not, and no image was
refused. The last line is there where a platform signs (:mod:`ripguard.platform.restoring.signed`).
"""

from __future__ import annotations

import hashlib
import json
import tarfile
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any, Literal

from ripguard.errors import RipguardError
from ripguard.platform.restoring.names import Free
from ripguard.platform.restoring.pieces import STEP
from ripguard.platform.restoring.reasons import Outcome, Refused, Restored, UploadRefused
from ripguard.platform.restoring.signed import Seal
from ripguard.store.atomic import storage

RESULT, FORMAT = "RESULT.json", "ripguard-result/1"
MODE, EPOCH = 0o644, datetime(1980, 1, 1)  # the earliest date of a zip: equal results give equal archives
SAME = tuple(map(frozenset, ((".jpg", ".jpeg", ".jpe", ".jfif"), (".tif", ".tiff"), (".bmp", ".dib"))))

Kind = Literal["tar", "zip"]


def archive(
    outcomes: Iterable[Outcome], kind: Kind = "tar", folder: Path | None = None, seal: Seal | None = None
) -> Iterator[bytes]:
    """The bytes of a download, in pieces; one image is taken from ``outcomes`` at a time.

    Args:
        outcomes: results of an upload. A :class:`RipguardError` that they raise ends the list and stands in it. Any
            other error leaves an archive that is cut off. They are closed with this iterator.
        kind: ``tar`` or ``zip``.
        folder: for the temporary file with the list; None for the usual one. The file has no name there.
        seal: signs the list; None: it is not signed.

    Raises:
        StorageError: the temporary file cannot be written, or the list cannot be signed.
    """
    with storage("cannot write a temporary file"):
        file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed below
    try:
        with file:
            members = _members(outcomes, _List(file, seal))
            yield from _tar(members) if kind == "tar" else _zip(members)
    finally:
        if close := getattr(outcomes, "close", None):
            close()


Content = tuple[str, int, int, Iterable[bytes]]  # name, length, CRC-32, pieces


class _List:
    """The list of all images, written to a file while they pass."""

    def __init__(self, file: IO[bytes], seal: Seal | None) -> None:
        self._file, self._crc, self._free = file, 0, Free()
        self._seal, self._digest = seal, hashlib.sha256()
        self._counts, self._first = Counter[str](), True
        self._free.name(RESULT, "")
        self._write(f'{{"format": "{FORMAT}", "images": [')

    def add(self, one: Outcome) -> str:
        """Add an image; returns its name in the archive, "" if it was refused."""
        row: dict[str, Any] = {"upload": one.name}
        if isinstance(one, Refused):
            row |= {"reason": one.reason, "message": one.message, "hint": one.hint}
            self._counts["left_out" if one.harmless else "refused"] += 1
        else:
            row |= {"name": self._name(one), "sha256": hashlib.sha256(one.data).hexdigest(), "bytes": len(one.data)}
            row |= {"home": one.home, "source": one.source, "exact": one.exact}
            self._counts["restored"] += 1
        self._write(("" if self._first else ",") + "\n" + json.dumps(row))
        self._first = False
        return row.get("name", "")

    def end(self, error: str, reason: str) -> Content:
        """The list as a member of the archive.

        Args:
            error: why it ended early, "" if it did not; reason: the word for it.
        """
        counts = {name: self._counts[name] for name in ("restored", "refused", "left_out")}
        facts = counts | {"error": error, "reason": reason, "complete": not error and not counts["refused"]}
        self._write(f"\n], {json.dumps(facts | (self._seal.facts if self._seal else {}))[1:-1]}")
        self._write(self._seal.end(self._digest.digest()) if self._seal else "}\n")
        return RESULT, self._file.tell(), self._crc, self._pieces()

    def _name(self, one: Restored) -> str:
        """The name in the upload, with the suffix of the restored file behind it where it has another."""
        own = PurePosixPath(one.name).suffix
        if own.lower() == one.suffix or any({own.lower(), one.suffix} <= some for some in SAME):
            return self._free.name(one.name[: len(one.name) - len(own)], own)
        return self._free.name(one.name, one.suffix)

    def _write(self, text: str) -> None:
        data = text.encode()
        with storage("cannot write a temporary file"):
            self._file.write(data)
        self._crc = zlib.crc32(data, self._crc)
        self._digest.update(data)

    def _pieces(self) -> Iterator[bytes]:
        self._file.seek(0)
        while piece := self._file.read(STEP):
            yield piece


def _members(outcomes: Iterable[Outcome], listed: _List) -> Iterator[Content]:
    error = reason = ""
    try:
        for one in outcomes:
            if (name := listed.add(one)) and isinstance(one, Restored):
                yield name, len(one.data), zlib.crc32(one.data), (one.data,)
    except RipguardError as refusal:
        # other messages name files of the server
        error = refusal.message if isinstance(refusal, UploadRefused) else f"the server failed ({refusal.code})"
        reason = refusal.reason if isinstance(refusal, UploadRefused) else refusal.code
    yield listed.end(error, reason)


def _tar(members: Iterable[Content]) -> Iterator[bytes]:
    for name, length, _, pieces in members:
        head = tarfile.TarInfo(name)
        head.size, head.mode = length, MODE
        yield head.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")
        yield from pieces
        yield bytes(-length % tarfile.BLOCKSIZE)
    yield bytes(2 * tarfile.BLOCKSIZE)  # no more: where any byte is missing, the archive is cut off


def _zip(members: Iterable[Content]) -> Iterator[bytes]:
    from stream_zip import NO_COMPRESSION_64, stream_zip  # extra platform; a tar does without

    yield from stream_zip(
        (name, EPOCH, MODE, NO_COMPRESSION_64(length, crc), pieces) for name, length, crc, pieces in members
    )
