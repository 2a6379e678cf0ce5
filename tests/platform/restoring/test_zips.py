"""Zip archives: ordinary ones, and those that were made to hurt."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uploads import ended, entry, reasons, taken, tar_of, zip_by_hand, zip_of

from ripguard.platform.restoring.limits import Budget, UploadLimits
from ripguard.platform.restoring.reasons import Member, Refused

GOOD = ("good.png", b"an image", {})
AFTER = ("after.png", b"another image", {})
NAMES = st.text(st.characters(codec="utf-8", categories=("L", "N")), min_size=1, max_size=150)


@given(
    st.dictionaries(NAMES, st.binary(max_size=1500).map(b"x".__add__), min_size=1, max_size=5),
    st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]),
    st.integers(1, 5000),
)
def test_what_zipfile_writes(files, method, size):  # type: ignore[no-untyped-def]
    found = taken(zip_of(files.items(), method), size)
    assert {one.name: one.data for one in found if isinstance(one, Member)} == files


class Pipe(io.RawIOBase):
    """What cannot go back, so that zipfile writes sizes behind the content."""

    def __init__(self) -> None:
        self.data = b""

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:  # type: ignore[no-untyped-def, override]
        self.data += bytes(data)
        return len(data)


def test_other_ordinary_archives():
    """Sizes behind the content, a comment, 64-bit sizes, folders, names of Windows, text names of DOS."""
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = b"a comment"
        archive.writestr("streamed.png", b"an image" * 50)
    assert reasons(pipe.data) == {"streamed.png": ""}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.mkdir("folder")
        with archive.open("folder\\a.png", "w", force_zip64=True) as file:
            file.write(b"an image")
    assert reasons(out.getvalue()) == {"folder/a.png": ""}
    dos = zip_by_hand(("b.png", b"an image", {"flags": 0}))
    assert reasons(dos) == {"b.png": ""}


def test_a_directory_with_64_bit_numbers():
    whole = zip_by_hand(GOOD)
    *_, length, start, _ = struct.unpack("<4s4H2IH", whole[-22:])
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, length, start)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, len(whole) - 22, 1)
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    assert reasons(whole[:-22] + record + locator + end) == {"good.png": ""}
    assert ended(whole[:-22] + bytes(56) + locator + end) == ([], "damaged-archive")


HOSTILE = {
    "encrypted": ({"flags": 0x801}, "encrypted"),
    "strongly encrypted": ({"flags": 0x841}, "encrypted"),
    "symbolic link": ({"mode": 0o120777}, "link"),
    "device": ({"mode": 0o020666}, "device"),
    "pipe": ({"mode": 0o010666}, "device"),
    "bzip2": ({"method": 12}, "compression"),
    "unknown method": ({"method": 99}, "compression"),
    "wrong CRC": ({"crc": 1}, "crc"),
    "smaller than it is": ({"size": 3}, "forged-size"),
    "larger than it is": ({"size": 4000}, "forged-size"),
    "stored, smaller than it is": ({"method": 0, "size": 3}, "forged-size"),
    "two sizes": ({"local_size": 4000}, "forged-size"),
    "two names": ({"local_name": "other.png"}, "forged-size"),
    "more behind a stream": ({"behind": b"hidden"}, "forged-size"),
    "less of a stream": ({"packed": 5}, "forged-size"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_bad_member_beside_good_ones(name):  # type: ignore[no-untyped-def]
    forged, reason = HOSTILE[name]
    first, middle, last = taken(zip_by_hand(GOOD, ("bad.png", bytes(range(256)), forged), AFTER))
    assert isinstance(middle, Refused)
    assert (first, middle.reason, last) == (Member(*GOOD[:2]), reason, Member(*AFTER[:2]))
    assert middle.message.startswith("bad.png: ")


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("../x.png", b"x", "parent-in-name"), ("/x.png", b"x", "absolute-name"), ("C:\\x.png", b"x", "absolute-name"),
        ("good.png", b"x", "duplicate"),
        ("", b"x", "name"), ("a\0.png", b"x", "name"), ("\0", b"x", "name"),
        ("x" * 2000, b"x", "long-name"), ("\u202ex", b"x", "name"),
        ("x.png", b"PK\3\4" + bytes(600), "nested-archive"), ("x.png", tar_of([("a", b"")]), "nested-archive"),
        ("x.png", b"\x1f\x8b\x08", "nested-archive"), ("x.png", bytes(40_000), "too-large"),
        ("x.png", bytes(20_000), "expands-too-much"), ("x/", b"content", "device"),
    ],
)  # fmt: skip
def test_bad_names_and_contents(name, data, reason):  # type: ignore[no-untyped-def]
    limits = UploadLimits(member_bytes=30_000, ratio=50, free_bytes=12_000)
    mode = {"mode": 0o040755} if name.endswith("/") else {}
    found = taken(zip_by_hand(GOOD, (name, data, mode), AFTER), limits=limits)
    assert [getattr(one, "reason", "") for one in found] == ["", reason, ""]


def test_entries_that_share_bytes():
    """As in bombs of a few megabytes that expand to petabytes: none of them is expanded."""
    many = [(f"{number}.png", bytes(1000), {"at": 0, "local_name": "0.png"}) for number in range(1, 300)]
    data = zip_by_hand(("0.png", bytes(1000), {}), *many)
    found = reasons(data)
    assert set(found.values()) == {"overlap"}
    assert len(found) == 300
    inner = entry("inner.png", bytes(99))[0]
    quoting = zip_by_hand(("outer.png", inner, {"method": 0}), ("inner.png", bytes(99), {"at": 39}), AFTER)
    assert quoting[39:43] == b"PK\3\4"
    assert reasons(quoting) == {"outer.png": "overlap", "inner.png": "overlap", "after.png": ""}
    nowhere = zip_by_hand(GOOD, ("x.png", b"x", {"at": 3}), AFTER)
    assert reasons(nowhere) == {"good.png": "", "x.png": "forged-size", "after.png": ""}
    beyond = zip_by_hand(GOOD, ("x.png", b"x", {"packed": 5000}))
    assert reasons(beyond) == {"good.png": "", "x.png": "overlap"}


def with_second_directory() -> bytes:
    """An end in the comment of another: programs take one or the other."""
    first = zip_by_hand(GOOD)
    second = zip_by_hand(AFTER)
    return first[:-2] + struct.pack("<H", len(second)) + second


BROKEN = {
    "cut": (zip_by_hand(GOOD)[:-5], "truncated"),
    "only the beginning": (zip_by_hand(GOOD)[:40], "truncated"),
    "something behind": (zip_by_hand(GOOD) + b"x", "truncated"),
    "something before": (b"PK\3\4" + bytes(99) + zip_by_hand(GOOD), "damaged-archive"),
    "two directories": (with_second_directory(), "damaged-archive"),
    "divided": (zip_by_hand(GOOD)[:-18] + b"\1\0" + zip_by_hand(GOOD)[-16:], "damaged-archive"),
    "no entries": (zip_by_hand(), "empty"),
    "only folders": (zip_of([("a/", b"")]), "empty"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_bad_archive_ends(name):  # type: ignore[no-untyped-def]
    data, reason = BROKEN[name]
    assert ended(data) == ([], reason)


def test_every_cut_is_seen():
    whole = zip_by_hand(GOOD, AFTER)
    assert ended(whole)[1] == ""
    assert {ended(whole[:length])[1] for length in range(4, len(whole))} == {"truncated"}


def test_ten_thousand_members():
    """Counted before an object is made of any; what the end of the archive states does not matter."""
    data = zip_by_hand(*((f"{number}.png", b"", {"method": 0}) for number in range(10_000)), count=1)
    assert ended(data, limits=UploadLimits(members=9_999)) == ([], "too-many-members")
    assert ended(data, limits=UploadLimits(members=100)) == ([], "too-many-members")


def test_expanded_bytes_are_added_up():
    files = [(f"{number}.png", bytes([number]) * 10_000, {}) for number in range(10)]
    names, reason = ended(zip_by_hand(*files), limits=UploadLimits(total_bytes=35_000))
    assert (len(names), reason) == (3, "too-many-bytes")
    names, reason = ended(zip_by_hand(*files), limits=UploadLimits(ratio=30, free_bytes=10_000))
    assert (0 < len(names) < 10, reason) == (True, "expands-too-much")
    assert ended(zip_by_hand(*files), budget=Budget(5))[1] == "too-many-steps"


@given(st.lists(st.tuples(st.integers(0, 249), st.integers(0, 255)), min_size=1, max_size=6))
def test_changed_bytes(changes):  # type: ignore[no-untyped-def]
    """Nothing but a refusal, or members with their checksums, comes of any archive."""
    data = bytearray(zip_by_hand(GOOD, AFTER))
    for at, value in changes:
        data[at % len(data)] = value
    ended(b"PK\3\4" + bytes(data[4:]))
