"""Uploads are told apart by content; a zip waits in a file without a name; compressed ones expand within limits."""

from __future__ import annotations

import gzip
import importlib.util
import os
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers import crop
from hypothesis import given, settings
from hypothesis import strategies as st
from uploads import END, ended, in_pieces, reasons, taken, tar_member, tar_of, zip_of

from ripguard.errors import StorageError, acts
from ripguard.images.encoding import png_bytes
from ripguard.platform.restoring.limits import Budget, UploadLimits
from ripguard.platform.restoring.reasons import Member, Refused
from ripguard.platform.restoring.upload import members

PNG = png_bytes(crop(0))
FILES = [("a/1.png", PNG), ("b/2.png", PNG[:50])]


@pytest.mark.parametrize("size", [1, 511, 512, 10_000])
@pytest.mark.parametrize("name", ["image.tar", "image.zip", "image"])
def test_told_apart_by_content(name, size):  # type: ignore[no-untyped-def]
    """Whatever the name says, and wherever the pieces end."""
    both = [Member(*one) for one in FILES]
    for data in (tar_of(FILES), tar_of(FILES, "w:gz"), zip_of(FILES), zip_of(FILES, zipfile.ZIP_DEFLATED)):
        assert taken(data, size, name=name) == both
    assert taken(PNG, size, name=name) == [Member(name, PNG)]


def test_one_image():
    """Text of less than a header, zeros, what looks like no archive: one file, refused later if it is no image."""
    for data in (b"x", b"PK\1\2", PNG + zip_of(FILES), b"x" * 600):
        assert taken(data) == [Member("image", data)]
    (bad,) = taken(PNG, name="../a.png")
    assert isinstance(bad, Refused)
    assert bad.reason == "parent-in-name"
    assert ended(PNG, limits=UploadLimits(member_bytes=len(PNG) - 1)) == ([], "too-large")
    assert ended(PNG, limits=UploadLimits(total_bytes=len(PNG) - 1)) == ([], "too-many-bytes")
    assert ended(PNG, limits=UploadLimits(total_bytes=len(PNG), member_bytes=len(PNG))) == (["image"], "")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"), (END, "empty"), (gzip.compress(END, mtime=0), "empty"), (gzip.compress(PNG, mtime=0), "format"),
        (gzip.compress(b"", mtime=0), "format"), (b"7z\xbc\xaf\x27\x1c" + bytes(99), "format"),
        (b"BZh9" + bytes(99), "format"), (b"\xfd7zXZ" + bytes(99), "format"), (b"Rar!" + bytes(99), "format"),
        (gzip.compress(zip_of(FILES), mtime=0), "format"), (b"\x1f\x8b" + bytes(99), "damaged-archive"),
        (b"\x1f\x8b\x08", "truncated"),
    ],
)  # fmt: skip
def test_what_cannot_be_read(data, reason):  # type: ignore[no-untyped-def]
    assert ended(data) == ([], reason)


@pytest.mark.skipif(importlib.util.find_spec("compression") is not None, reason="this Python reads zst archives")
def test_zst_without_a_decoder():
    assert ended(b"\x28\xb5\x2f\xfd" + bytes(99)) == ([], "format")


def test_zst():
    zstd = pytest.importorskip("compression.zstd", reason="the standard library has no zstd before Python 3.14")
    assert taken(zstd.compress(tar_of(FILES))) == [Member(*one) for one in FILES]
    assert ended(zstd.compress(tar_of(FILES))[:-9])[1] == "truncated"


def test_damage_to_a_compressed_archive():
    """Its checksum is compared before the upload counts as whole."""
    draw = np.random.default_rng(0)
    whole = bytearray(tar_of([("a.png", draw.bytes(99)), ("b.png", draw.bytes(200_000))], "w:gz"))
    assert ended(bytes(whole)) == (["a.png", "b.png"], "")
    whole[-6] ^= 1  # of the checksum
    assert ended(bytes(whole)) == (["a.png"], "damaged-archive")
    whole[-6] ^= 1
    assert {ended(bytes(whole[:length]))[1] for length in (600, 70_000, len(whole) - 9, len(whole) - 1)} == {
        "truncated"
    }
    two = gzip.compress(tar_member("a.png", data=PNG)) + gzip.compress(tar_member("b.png", data=PNG) + END)
    assert reasons(two) == {"a.png": "", "b.png": ""}


def test_bombs():
    """A kilobyte for each byte: stopped after few of them; nothing is expanded ahead."""
    zeros = gzip.compress(tar_member("a.png", data=bytes(1 << 25)) + END)
    assert len(zeros) < 1 << 16
    assert ended(zeros) == ([], "expands-too-much")
    assert ended(zeros, limits=UploadLimits(ratio=1 << 20, total_bytes=1 << 20)) == ([], "too-many-bytes")
    assert ended(zeros, limits=UploadLimits(ratio=1 << 20, member_bytes=1 << 20)) == (["a.png"], "")
    twice = gzip.compress(gzip.compress(tar_of(FILES)))
    assert ended(twice) == ([], "format")


def test_a_compressed_archive_of_many_tiny_parts():
    """Each costs a step; a long name in the header of one does not."""
    parts = gzip.compress(b"") * 3000
    assert ended(parts, budget=Budget(2000))[1] == "too-many-steps"
    assert ended(parts)[1] == "format"
    long_name = b"\x1f\x8b\x08\x08" + bytes(6) + b"n" * 100_000
    assert ended(long_name, budget=Budget(300))[1] == "truncated"


def test_the_temporary_file_has_no_name(tmp_path):  # type: ignore[no-untyped-def]
    """So that nothing of it is left, whatever ends the process; and no member is written anywhere."""
    found = members(in_pieces(zip_of([*FILES, ("../c.png", PNG), ("/d.png", PNG)])), folder=tmp_path)
    assert next(found) == Member(*FILES[0])
    assert os.listdir(tmp_path) == []
    if Path("/proc/self/fd").exists():
        opened = [os.readlink(f"/proc/self/fd/{one}") for one in os.listdir("/proc/self/fd") if _is_link(one)]
        assert sum(str(tmp_path) in one and one.endswith("(deleted)") for one in opened) == 1
        (handle,) = (
            int(one) for one in os.listdir("/proc/self/fd")
            if _is_link(one) and str(tmp_path) in os.readlink(f"/proc/self/fd/{one}")
        )  # fmt: skip
        assert os.fstat(handle).st_mode & 0o777 == 0o600
    found.close()  # type: ignore[attr-defined]
    if Path("/proc/self/fd").exists():
        assert not any(
            str(tmp_path) in os.readlink(f"/proc/self/fd/{one}") for one in os.listdir("/proc/self/fd") if _is_link(one)
        )
    assert os.listdir(tmp_path) == []


def _is_link(number: str) -> bool:
    return os.path.islink(f"/proc/self/fd/{number}")


def test_the_quota_of_the_temporary_file(tmp_path):  # type: ignore[no-untyped-def]
    """A body that is too long ends at the byte after the limit, of which nothing is written."""
    fetched = 0

    def body() -> Iterator[bytes]:
        nonlocal fetched
        for piece in in_pieces(b"PK\3\4" + bytes(100_000)):
            fetched += len(piece)
            yield piece

    with pytest.raises(Exception, match="more than 5,000 bytes"):
        list(members(body(), UploadLimits(total_bytes=5000), folder=tmp_path))
    assert fetched == 6000


def test_no_room_for_the_temporary_file(tmp_path):  # type: ignore[no-untyped-def]
    with pytest.raises(StorageError, match="cannot write a temporary file"):
        list(members([zip_of(FILES)], folder=tmp_path / "missing"))


PLACES = st.integers(0, 1 << 20)
CHANGES = st.lists(st.tuples(st.sampled_from(["flip", "drop", "copy", "cut"]), PLACES, PLACES), min_size=1, max_size=8)
WHOLE = [
    tar_of(FILES), tar_of([("n" * 120, PNG), *FILES], form=tarfile.GNU_FORMAT), tar_of([("é" * 99, PNG)], "w:gz"),
    zip_of(FILES), zip_of(FILES, zipfile.ZIP_DEFLATED), tar_of([("é" * 99, b""), *FILES]),
]  # fmt: skip


def altered(data: bytes, changes: list[tuple[str, int, int]]) -> bytes:
    """Bits flipped, parts left out or written twice, the end cut off."""
    for kind, one, two in changes:
        at, length = one % max(1, len(data)), (1, 8, 46, 512)[two % 4]
        if kind == "flip":
            data = data[:at] + bytes(byte ^ 1 << two % 8 for byte in data[at : at + 1]) + data[at + 1 :]
        elif kind == "drop":
            data = data[:at] + data[at + length :]
        elif kind == "copy":
            start = two % max(1, len(data))
            data = data[:at] + data[start : start + length] + data[at:]
        else:
            data = data[: max(at, 1)]
    return data


def check_altered(data: bytes) -> None:
    """Members with names that can be used, and refusals: never another error, never without end."""
    limits = UploadLimits(total_bytes=1 << 20, member_bytes=1 << 16, members=50)
    names, _ = ended(data, limits=limits, budget=Budget(20_000))
    assert len(names) <= 50
    assert not any(map(acts, names))


@given(st.sampled_from(WHOLE), CHANGES)
def test_altered(whole, changes):  # type: ignore[no-untyped-def]
    check_altered(altered(whole, changes))


@pytest.mark.slow
@settings(max_examples=20_000)
@given(st.sampled_from(WHOLE), CHANGES)
def test_altered_in_many_ways(whole, changes):  # type: ignore[no-untyped-def]
    check_altered(altered(whole, changes))
