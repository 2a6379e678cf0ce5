"""Uploads as clients send them, and as attackers make them."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from ripguard.platform.restoring.reasons import Member, Refused, UploadRefused
from ripguard.platform.restoring.upload import members

Files = Iterable[tuple[str, bytes]]


def in_pieces(data: bytes, size: int = 1000) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def tar_of(files: Files, mode: str = "w", form: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar archive; ``mode`` as of :mod:`tarfile`."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, format=form) as archive:  # type: ignore[call-overload]
        for name, data in files:
            head = tarfile.TarInfo(name)
            head.size = len(data)
            archive.addfile(head, io.BytesIO(data))
    return out.getvalue()


def tar_member(name: str, kind: bytes = tarfile.REGTYPE, data: bytes = b"", **more: Any) -> bytes:
    """One member of a tar archive of any kind, forged where ``more`` says so."""
    head = tarfile.TarInfo(name)
    head.type, head.size = kind, len(data)
    for field, value in more.items():
        setattr(head, field, value)
    return head.tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % 512)


def pax(records: bytes, kind: bytes = b"x") -> bytes:
    """An extended header with these records."""
    return tar_member("pax", kind, records)


def record(key: str, value: str) -> bytes:
    """A record of an extended header."""
    rest = f" {key}={value}\n".encode()
    length = len(rest)
    while len(str(length)) + len(rest) != length:
        length = len(str(length)) + len(rest)
    return str(length).encode() + rest


END = bytes(1024)


def zip_of(files: Files, method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return out.getvalue()


def entry(name: str, data: bytes, **forged: Any) -> tuple[bytes, bytes]:
    """Local part, and entry of the directory, of one member of a zip archive.

    Args:
        forged: ``flags, method, crc, size, packed`` of both headers; ``local_size, local_name`` of the first one;
            ``at``, its place; ``mode``, of a file on Unix; ``behind``, bytes behind a compressed stream.
    """
    method = forged.get("method", 8)
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    content = deflater.compress(data) + deflater.flush() if method == 8 else data
    content += forged.get("behind", b"")
    raw, flags = name.encode(), forged.get("flags", 0x800)
    crc, size = forged.get("crc", zlib.crc32(data)), forged.get("size", len(data))
    packed = forged.get("packed", len(content))
    own, local_size = forged.get("local_name", name).encode(), forged.get("local_size", size)
    local = struct.pack("<4s5H3I2H", b"PK\3\4", 20, flags, method, 0, 33, crc, packed, local_size, len(own), 0)
    listed = struct.pack(
        "<4s6H3I5H2I", b"PK\1\2", 3 << 8 | 20, 20, flags, method, 0, 33, crc, packed, size, len(raw), 0, 0, 0, 0,
        forged.get("mode", 0) << 16, forged.get("at", 0),
    )  # fmt: skip
    return local + own + content, listed + raw


def zip_by_hand(*entries: tuple[str, bytes, dict[str, Any]], count: int | None = None) -> bytes:
    """A zip archive of forged entries; ``at`` of an entry puts it elsewhere than it is."""
    body, directory = b"", b""
    for name, data, forged in entries:
        local, listed = entry(name, data, **({"at": len(body)} | forged))
        body, directory = body + local, directory + listed
    number = len(entries) if count is None else count
    return body + directory + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, number, number, len(directory), len(body), 0)


def taken(data: bytes, size: int = 1000, **how: Any) -> list[Member | Refused]:
    """All members of an upload."""
    return list(members(in_pieces(data, size), **how))


def reasons(data: bytes, **how: Any) -> dict[str, str]:
    """Reason of each refused member of an upload, "" of the others."""
    return {one.name: one.reason.value if isinstance(one, Refused) else "" for one in taken(data, **how)}


def ended(data: bytes, **how: Any) -> tuple[list[str], str]:
    """Names that came before an upload was refused, and the reason."""
    names = []
    try:
        for one in members(in_pieces(data), **how):
            names.append(one.name)
    except UploadRefused as refusal:
        return names, refusal.reason.value
    return names, ""
