"""Members of a zip archive. Its directory is at its end, so it waits in a temporary file without a name.

``zipfile`` parses the directory, after its size and number of entries were checked. Contents are read here: an entry
whose sizes, place or checksum are forged is refused by name, and never expanded beyond what it states.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

from ripguard.damage import is_archive
from ripguard.platform.restoring.limits import UploadLimits
from ripguard.platform.restoring.names import Names, refused, too_many
from ripguard.platform.restoring.pieces import Pieces
from ripguard.platform.restoring.reasons import Member, Reason, Refused, UploadRefused
from ripguard.platform.restoring.tar import nested

LOCAL = struct.Struct("<4s5H3I2H")  # signature, …, flags, method, …, CRC, compressed, expanded, name, extra
ENTRY = struct.Struct("<4s6H3I5H2I")  # of the directory
END = struct.Struct("<4s4H2IH")  # …, entries, bytes of the directory, its offset, bytes of the comment
END_64, LOCATOR = struct.Struct("<4sQ2H2L4Q"), struct.Struct("<4sLQL")
MOST_COMMENT = (1 << 16) - 1
ENCRYPTED, SIZES_BEHIND, STRONG = 0x1, 0x8, 0x40  # flags
FOLDER, KINDS, UNIX_LINK = 0x10, 0o170000, 0o120000
UNIX_KINDS = (0, 0o100000)  # of a file
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
HINT = "make the archive again, and send it whole"


def members(file: IO[bytes], body: Pieces, limits: UploadLimits) -> Iterator[Member | Refused]:
    """The files of a zip archive, in the order of their places in it; folders are passed over.

    Args:
        file: the whole archive.
        body: where it came from; its budget pays for each entry.

    Raises:
        UploadRefused: damaged, cut off, or beyond a limit.
    """
    entries, start = _directory(file, limits)
    names, expanded, ends = Names(limits), 0, _overlapping(file, entries, start, body)
    for number, entry in enumerate(entries):
        names.count()
        found = _entry(file, entry, ends[number], names, limits)
        if found is None:
            continue
        if isinstance(found, Member):
            expanded += len(found.data)
            if expanded > limits.total_bytes:
                raise UploadRefused(
                    f"the archive expands to more than {limits.total_bytes:,} bytes",
                    "send it in parts",
                    Reason.TOO_MUCH,
                )
            if limits.expands_too_much(body.received, expanded):
                raise UploadRefused(f"the archive expands to more than {limits.ratio} times its size", "", Reason.BOMB)
        yield found


def damaged(why: str, reason: Reason = Reason.DAMAGED) -> UploadRefused:
    return UploadRefused(f"the zip archive is damaged: {why}", HINT, reason)


def _directory(file: IO[bytes], limits: UploadLimits) -> tuple[list[zipfile.ZipInfo], int]:
    """Entries sorted by their places, and the offset of the directory."""
    start, length = _place_of_directory(file)
    most = limits.members * (ENTRY.size + limits.name_bytes)
    if length > most:
        raise too_many(limits)
    file.seek(start)
    raw, at, count = file.read(length), 0, 0
    while at < length:
        if at + ENTRY.size > length or raw[at : at + 4] != b"PK\1\2":
            raise damaged("its directory cannot be read")
        at += ENTRY.size + sum(ENTRY.unpack_from(raw, at)[10:13])
        if (count := count + 1) > limits.members:
            raise too_many(limits)
    if at != length:
        raise damaged("its directory cannot be read")
    del raw
    try:
        with zipfile.ZipFile(file) as archive:
            found, own = archive.infolist(), archive.start_dir
    except Exception:  # zipfile raises errors of several types on damaged archives
        raise damaged("its directory cannot be read") from None
    if len(found) != count or own != start:
        raise damaged("it has two directories")
    return sorted(found, key=lambda entry: entry.header_offset), start


def _place_of_directory(file: IO[bytes]) -> tuple[int, int]:
    """Offset and length of the directory. The end of the archive must be that of the file."""
    size = file.seek(0, 2)
    tail_at = max(0, size - END.size - MOST_COMMENT - LOCATOR.size - END_64.size)
    file.seek(tail_at)
    tail = file.read()
    at = tail.rfind(b"PK\5\6")
    if at < 0 or at + END.size > len(tail):
        raise damaged("it was cut off, or its end is missing", Reason.TRUNCATED)
    _, disk, first_disk, _, _, length, start, comment = END.unpack_from(tail, at)
    if at + END.size + comment != len(tail):
        raise damaged("something follows its end, or its end is missing", Reason.TRUNCATED)
    end = tail_at + at
    if tail[max(0, at - LOCATOR.size) : at][:4] == b"PK\6\7":
        at -= LOCATOR.size + END_64.size
        if at < 0 or tail[at : at + 4] != b"PK\6\6":
            raise damaged("its directory cannot be found")
        *_, disk, first_disk, _, _, length, start = END_64.unpack_from(tail, at)
        end = tail_at + at
    if disk or first_disk:
        raise damaged("it is a part of a divided archive")
    if start + length != end:
        raise damaged("something is before its first entry, or its directory is not where it should be")
    return start, length


def _overlapping(file: IO[bytes], entries: list[zipfile.ZipInfo], directory: int, body: Pieces) -> list[int]:
    """Offset of the bytes of each entry; −1 for an entry that shares bytes with another or with the directory.

    0 for one without a header, which is not read and shares nothing.
    """
    contents, reached, by = list[int](), 0, -1
    for number, entry in enumerate(entries):
        body.budget.spend()
        file.seek(entry.header_offset)
        local = file.read(LOCAL.size)
        if len(local) < LOCAL.size or local[:4] != b"PK\3\4":
            contents.append(0)
            continue
        at = entry.header_offset + LOCAL.size + sum(LOCAL.unpack(local)[-2:])
        end = at + entry.compress_size
        contents.append(at)
        if entry.header_offset < reached:
            contents[number] = contents[by] = -1
        if end > directory:
            contents[number] = -1
        if end > reached:
            reached, by = end, number
    return contents


def _entry(
    file: IO[bytes], entry: zipfile.ZipInfo, at: int, names: Names, limits: UploadLimits
) -> Member | Refused | None:
    """One member; None for a folder."""
    raw, kind = entry.orig_filename, entry.external_attr >> 16 & KINDS
    if raw.endswith("/") and entry.file_size == 0:
        return None
    if at < 0:
        return refused(raw, Reason.OVERLAP, "it shares bytes with another entry of the archive")
    if entry.flag_bits & (ENCRYPTED | STRONG):
        return refused(raw, Reason.ENCRYPTED, "it is encrypted", "send it without a password")
    if kind == UNIX_LINK:
        return refused(raw, Reason.LINK, "a symbolic link; links are not followed")
    if kind not in UNIX_KINDS or entry.external_attr & FOLDER:
        return refused(raw, Reason.DEVICE, "a device or a folder with content, not a file")
    if entry.compress_type not in METHODS:
        return refused(raw, Reason.COMPRESSION, "it is compressed in an unusual way", "store or deflate it")
    if max(entry.file_size, entry.compress_size) > limits.member_bytes:
        return refused(raw, Reason.TOO_LARGE, f"more than {limits.member_bytes:,} bytes")
    if limits.expands_too_much(entry.compress_size, entry.file_size):
        return refused(raw, Reason.BOMB, f"it expands to more than {limits.ratio} times its size")
    if why := _forged(file, entry):
        return refused(raw, Reason.SIZE, why)
    name = names.checked(raw)
    if isinstance(name, Refused):
        return name
    file.seek(at)
    data = file.read(entry.compress_size)
    if entry.compress_type == zipfile.ZIP_DEFLATED:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            data = inflater.decompress(data, entry.file_size + 1)
        except zlib.error:
            return refused(name, Reason.CRC, "its content is damaged", "get a fresh copy of it")
        if not inflater.eof or inflater.unused_data:
            return refused(name, Reason.SIZE, "it has another size than it states")
    if len(data) != entry.file_size:
        return refused(name, Reason.SIZE, "it has another size than it states")
    if zlib.crc32(data) != entry.CRC:
        return refused(name, Reason.CRC, "its content does not have its checksum", "get a fresh copy of it")
    return nested(name) if is_archive(data[:512]) else Member(name, data)


def _forged(file: IO[bytes], entry: zipfile.ZipInfo) -> str:
    """Why the two headers of an entry contradict each other; "" if they do not."""
    file.seek(entry.header_offset)
    head = file.read(LOCAL.size)
    if len(head) < LOCAL.size or head[:4] != b"PK\3\4":
        return "its header is not where the archive states"
    _, _, flags, method, _, _, crc, compressed, expanded, length, _ = LOCAL.unpack(head)
    if file.read(length) != entry.orig_filename.encode("utf-8" if entry.flag_bits & 0x800 else "cp437", "replace"):
        return "its two headers have different names"
    if (flags, method) != (entry.flag_bits, entry.compress_type):
        return "its two headers contradict each other"
    beyond = (1 << 32) - 1  # the size is in an extra field
    stated = ((crc, entry.CRC), (compressed, entry.compress_size), (expanded, entry.file_size))
    if any(one != two for one, two in stated if one != beyond and not (flags & SIZES_BEHIND and one == 0)):
        return "its two headers state different sizes"
    return ""
