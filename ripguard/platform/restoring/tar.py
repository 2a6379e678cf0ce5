"""Members of a tar archive, one after another, while it arrives.

``tarfile`` parses each header (:meth:`tarfile.TarInfo.frombuf`). It does not go through the archive: it reads extended
headers of any length into memory, and versions of Python that ripguard supports hang on negative sizes
(CVE-2025-8194) and on long digits in extended headers (CVE-2024-6232).
"""

from __future__ import annotations

import itertools
import tarfile
from collections.abc import Iterator

from ripguard.damage import is_archive
from ripguard.platform.restoring.limits import UploadLimits
from ripguard.platform.restoring.names import Names, refused
from ripguard.platform.restoring.pieces import STEP, Pieces
from ripguard.platform.restoring.reasons import Member, Reason, Refused, UploadRefused

BLOCK = tarfile.BLOCKSIZE
MOST_EXTENDED = 1 << 16  # bytes of an extended header
MOST_CHAINED = 8  # extended headers before one member
PAX, PAX_GLOBAL, OLD_PAX = (b"x",), (b"g",), (b"X",)
LONG_NAME, LONG_LINK = (b"L",), (b"K",)
LINKS = {b"1": "a hard link", b"2": "a symbolic link"}
DEVICES = {b"3": "a device", b"4": "a device", b"6": "a pipe"}
HINT = "make the archive again, and send it whole"


def is_tar(start: bytes) -> bool:
    """Whether a body begins with the header of a tar archive, or with its end.

    Args:
        start: its first 512 bytes.
    """
    if len(start) < BLOCK:
        return False
    if not start[:BLOCK].strip(b"\0"):  # an archive without members
        return True
    try:
        tarfile.TarInfo.frombuf(start[:BLOCK], "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError, OverflowError):
        return False
    return True


def members(body: Pieces, limits: UploadLimits) -> Iterator[Member | Refused]:
    """The files of a tar archive, in its order; folders are passed over.

    Raises:
        UploadRefused: damaged, cut off, or beyond a limit.
    """
    names = Names(limits)
    while (header := _header(body)) is not None:
        names.count()
        extended, chained = dict[str, str](), 0
        while header.type in PAX + OLD_PAX + PAX_GLOBAL + LONG_NAME + LONG_LINK:
            if (chained := chained + 1) > MOST_CHAINED:
                raise damaged("it has too many extended headers in a row")
            extended |= _extension(body, header)
            if (following := _header(body)) is None:
                raise damaged("it ends after an extended header")
            header = following
        name, size = extended.get("path", header.name), header.size
        if "size" in extended:
            size = int(extended["size"]) if extended["size"].isascii() and extended["size"].isdigit() else -1
        if size < 0:
            raise damaged("it states an impossible size")
        if header.type == tarfile.DIRTYPE and size == 0:
            continue
        yield _member(body, header.type, name, size, names, limits, "sparse" in extended)
    if len(second := body.exactly(BLOCK)) < BLOCK:  # an archive ends with two blocks of zeros
        raise cut()
    for piece in itertools.chain((second,), body.rest()):  # padding; also lets a compressed stream check its end
        if piece.strip(b"\0"):
            raise damaged("something follows its end")


def damaged(why: str, reason: Reason = Reason.DAMAGED) -> UploadRefused:
    return UploadRefused(f"the tar archive is damaged: {why}", HINT, reason)


def cut() -> UploadRefused:
    return damaged("it was cut off", Reason.TRUNCATED)


def _header(body: Pieces) -> tarfile.TarInfo | None:
    """The next header; None at the end of the archive."""
    block = body.exactly(BLOCK)
    if len(block) < BLOCK:
        raise cut()
    if not block.strip(b"\0"):
        return None
    try:
        found = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError, OverflowError):
        raise damaged("a header cannot be read") from None
    if found.size < 0:
        raise damaged("it states an impossible size")
    return found


def _extension(body: Pieces, header: tarfile.TarInfo) -> dict[str, str]:
    """``path`` and ``size`` that an extended header states for the next member; ``sparse`` if that is sparse."""
    if header.size > MOST_EXTENDED:
        raise damaged(f"an extended header has more than {MOST_EXTENDED:,} bytes")
    data = _whole(body, header.size)
    if header.type in LONG_NAME:
        return {"path": _text(data.partition(b"\0")[0])}
    if header.type in LONG_LINK:
        return {}
    try:
        records = list(_records(data))
    except ValueError:
        raise damaged("an extended header cannot be read") from None
    if header.type in PAX_GLOBAL:
        if any(key in ("path", "size") or key.startswith("GNU.sparse") for key, _ in records):
            raise damaged("an extended header names or measures all members at once")
        return {}
    found = {key: value for key, value in records if key in ("path", "size")}
    return found | ({"sparse": ""} if any(key.startswith("GNU.sparse") for key, _ in records) else {})


def _records(data: bytes) -> Iterator[tuple[str, str]]:
    """The records ``length key=value`` of a pax header (POSIX.1-2001). Raises :class:`ValueError`."""
    at = 0
    while at < len(data):
        space = data.find(b" ", at, at + 8)
        if space < at or not (digits := data[at:space]).isdigit():
            raise ValueError("length")
        end = at + int(digits)
        record = data[space + 1 : end]
        key, equals, value = record[:-1].partition(b"=")
        if not key or not equals or end > len(data) or record[-1:] != b"\n":
            raise ValueError("record")
        yield _text(key), _text(value)
        at = end


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _whole(body: Pieces, size: int) -> bytes:
    """The content of a member, without what fills its last block."""
    padded = -(-size // BLOCK) * BLOCK
    found = body.exactly(padded)
    if len(found) < padded:
        raise cut()
    return found if padded == size else found[:size]


def _pass_over(body: Pieces, size: int) -> None:
    left = -(-size // BLOCK) * BLOCK
    while left:
        if not (piece := body.read(min(left, STEP))):
            raise cut()
        left -= len(piece)


def _member(
    body: Pieces, kind: bytes, raw: str, size: int, names: Names, limits: UploadLimits, sparse: bool
) -> Member | Refused:
    why: Refused | None = None
    if kind in LINKS:
        # the size of a hard link may be that of the other file, whose bytes do not follow
        return refused(raw, Reason.LINK, f"{LINKS[kind]}; links are not followed")
    if kind in DEVICES:
        why = refused(raw, Reason.DEVICE, f"{DEVICES[kind]}, not a file")
    elif sparse or kind == tarfile.GNUTYPE_SPARSE:
        why = refused(raw, Reason.SPARSE, "a sparse file", "make the archive without --sparse")
    elif kind not in tarfile.REGULAR_TYPES:
        why = refused(raw, Reason.DEVICE, "a member of an unknown kind, not a file")
    elif size > limits.member_bytes:
        why = refused(raw, Reason.TOO_LARGE, f"more than {limits.member_bytes:,} bytes")
    if why is not None:
        _pass_over(body, size)
        return why
    name = names.checked(raw)
    if isinstance(name, Refused):
        _pass_over(body, size)
        return name
    data = _whole(body, size)
    return nested(name) if is_archive(data[:BLOCK]) else Member(name, data)


def nested(name: str) -> Refused:
    return refused(name, Reason.NESTED, "an archive in the archive", "send its files")
