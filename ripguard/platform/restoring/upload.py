"""Members of an upload: one image, a zip or a tar archive, told apart by content.

Nothing is written under their names.
"""

from __future__ import annotations

import importlib
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from ripguard.damage import is_archive
from ripguard.platform.restoring import tar, zips
from ripguard.platform.restoring.limits import Budget, UploadLimits
from ripguard.platform.restoring.names import Names
from ripguard.platform.restoring.pieces import STEP, Pieces
from ripguard.platform.restoring.reasons import Member, Reason, Refused, UploadRefused
from ripguard.store.atomic import storage

ZIPS, GZIP, ZSTD = (b"PK\3\4", b"PK\5\6"), b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
ZSTD_WINDOW = 27  # binary logarithm of the bytes that a decoder may need
SNIFFED = 512  # bytes
SEND = "send images, one at a time or as a zip or tar archive"


def members(
    body: Iterable[bytes],
    limits: UploadLimits | None = None,
    budget: Budget | None = None,
    name: str = "image",
    folder: Path | None = None,
) -> Iterator[Member | Refused]:
    """The files of an upload, as they come. A bad file is given beside the good ones.

    Args:
        body: the upload in pieces; :func:`ripguard.platform.restoring.pieces.in_thread` makes them of an asynchronous
            body.
        limits: None for the default ones.
        budget: steps that the upload may take; None for a new one.
        name: name of a single image. It is checked like that of a member.
        folder: for the temporary file of a zip archive; None for the usual one. The file has no name there, so it goes
            when this process ends, however it ends.

    Raises:
        UploadRefused: the upload cannot be read further.
        StorageError: the temporary file cannot be written.
    """
    limits, budget = limits or UploadLimits(), budget or Budget()
    pieces = Pieces(body, limits.total_bytes, budget)
    start = pieces.start(SNIFFED)
    if not start:
        raise UploadRefused("the upload is empty", SEND, Reason.EMPTY)
    if start.startswith(ZIPS):
        found = _zip(pieces, limits, folder)
    elif start.startswith((GZIP, ZSTD)):
        found = _compressed(pieces, start, limits, budget)
    elif tar.is_tar(start):
        found = tar.members(pieces, limits)
    elif is_archive(start):
        raise UploadRefused("the upload is an archive of a kind that cannot be read", SEND, Reason.FORMAT)
    else:
        found = _single(pieces, name, limits)
    nothing = True
    for one in found:
        nothing = False
        yield one
    if nothing:
        raise UploadRefused("the archive holds no file", SEND, Reason.EMPTY)


def _single(pieces: Pieces, name: str, limits: UploadLimits) -> Iterator[Member | Refused]:
    data = pieces.exactly(limits.member_bytes + 1)
    if len(data) > limits.member_bytes:
        raise UploadRefused(
            f"the image has more than {limits.member_bytes:,} bytes", "send a smaller one", Reason.TOO_LARGE
        )
    checked = Names(limits).checked(name)
    yield checked if isinstance(checked, Refused) else Member(checked, data)


def _zip(pieces: Pieces, limits: UploadLimits, folder: Path | None) -> Iterator[Member | Refused]:
    with storage("cannot write a temporary file"):
        file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed below
    with file:
        for piece in pieces.rest():
            with storage("cannot write a temporary file"):
                file.write(piece)
        with storage("cannot write a temporary file"):
            file.flush()
        yield from zips.members(file, pieces, limits)


def _compressed(pieces: Pieces, start: bytes, limits: UploadLimits, budget: Budget) -> Iterator[Member | Refused]:
    inner = Pieces(_expanded(pieces, start, limits), limits.total_bytes, budget, "the expanded upload")
    if not tar.is_tar(inner.start(SNIFFED)):
        raise UploadRefused("the upload is compressed, and holds no tar archive", SEND, Reason.FORMAT)
    return tar.members(inner, limits)


def _expanded(pieces: Pieces, start: bytes, limits: UploadLimits) -> Iterator[bytes]:
    """The content of a compressed stream, in pieces of at most :data:`STEP`."""
    expanded = 0
    try:
        for piece in _gunzipped(pieces) if start.startswith(GZIP) else _unzst(pieces):
            expanded += len(piece)
            if limits.expands_too_much(pieces.received, expanded):
                raise UploadRefused(f"the upload expands to more than {limits.ratio} times its size", "", Reason.BOMB)
            yield piece
    except EOFError:
        raise UploadRefused("the compressed archive was cut off", tar.HINT, Reason.TRUNCATED) from None
    except Damage:
        raise UploadRefused("the compressed archive is damaged", tar.HINT, Reason.DAMAGED) from None


class Damage(Exception):
    """A compressed stream cannot be expanded."""


def _gunzipped(pieces: Pieces) -> Iterator[bytes]:
    """All parts of a gzip stream (RFC 1952). ``gzip`` would read long headers byte by byte, and count no parts."""
    data = pieces.read()
    while data:
        pieces.budget.spend()
        inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
        while not inflater.eof:
            if not (data := data or pieces.read()):
                raise EOFError
            try:
                found = inflater.decompress(data, STEP)  # at the end of a part, checks length and CRC
            except zlib.error:
                raise Damage from None
            data = inflater.unconsumed_tail
            if found:
                yield found
        data = inflater.unused_data.lstrip(b"\0")  # padding of tapes
        while not data and (piece := pieces.read()):
            data = piece.lstrip(b"\0")


def _unzst(pieces: Pieces) -> Iterator[bytes]:
    try:
        zstd: Any = importlib.import_module("compression.zstd")  # Python 3.14
    except ImportError:
        raise UploadRefused("the upload is a zst archive, which cannot be read here", SEND, Reason.FORMAT) from None
    file = zstd.ZstdFile(pieces, options={zstd.DecompressionParameter.window_log_max: ZSTD_WINDOW})
    try:
        while piece := file.read(STEP):
            yield piece
    except zstd.ZstdError:
        raise Damage from None
