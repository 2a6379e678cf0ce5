"""A container gives back its parts, read at random; whatever is not exactly one is refused."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from ripguard.errors import StorageError
from ripguard.files import NotRegular
from ripguard.store.container import MAGIC, MOST_DIRECTORY, Part, pieces, sections, slices
from ripguard.store.schema import canonical

PARTS = {"release.json": b"{}", "residue/000000.bin": bytes(range(256)), "empty": b"", "unknown/x": b"later versions"}


def packed(parts: dict[str, bytes]) -> bytes:
    return b"".join(pieces([Part.of(name, data) for name, data in parts.items()]))


def raw(rows: object, rest: bytes = b"", magic: bytes = MAGIC, directory: bytes | None = None) -> bytes:
    """A file with any directory."""
    directory = canonical(rows) if directory is None else directory
    return magic + struct.pack(">Q", len(directory)) + directory + rest


def test_layout():
    """The bytes that the reference describes."""
    assert packed({"a": b"xy", "b": b"z"}) == b'ripguard/v2\n\0\0\0\0\0\0\0\x15[["a",0,2],["b",2,1]]xyz'


def test_parts_come_back(tmp_path):  # type: ignore[no-untyped-def]
    (tmp_path / "c").write_bytes(packed(PARTS))
    found = sections(tmp_path / "c")
    assert list(found) == list(PARTS)
    assert {name: section.read(1 << 20) for name, section in found.items()} == PARTS
    assert {name: bytes(view) for name, view in slices(packed(PARTS)).items()} == PARTS
    assert found["residue/000000.bin"].piece(250, 6) == bytes(range(250, 256))
    assert found["residue/000000.bin"].piece(250, 7) == b""  # the next part is not read
    assert b"".join(found["unknown/x"].pieces()) == PARTS["unknown/x"]
    assert list(found["release.json"].lines(10)) == [b"{}"]


GOOD = [["a", 0, 2], ["b", 2, 1]]
WRONG = {
    "empty file": b"",
    "magic": raw(GOOD, b"xyz", magic=b"ripguard/v3\n"),
    "no length": MAGIC + b"\0\0",
    "directory too long": MAGIC + struct.pack(">Q", MOST_DIRECTORY + 1) + b"[]",
    "directory cut": raw(GOOD)[:-3],
    "no JSON": raw(None, directory=b"[[}"),
    "deep": raw(None, directory=b"[" * 99 + b"]" * 99),
    "spaces": raw(None, b"xyz", directory=b'[["a", 0, 2],["b",2,1]]'),
    "no list": raw({"a": [0, 2]}, b"xy"),
    "row": raw([["a", 0]], b"xy"),
    "number": raw([["a", 0, 1.0]], b"x"),
    "bool": raw([["a", False, 1]], b"x"),
    "negative": raw([["a", 0, 2], ["b", 2, -1]], b"x"),
    "name": raw([["../a", 0, 2]], b"xy"),
    "twice": raw([["a", 0, 2], ["a", 2, 1]], b"xyz"),
    "gap": raw([["a", 0, 1], ["b", 2, 1]], b"xyz"),
    "overlap": raw([["a", 0, 2], ["b", 1, 2]], b"xyz"),
    "order": raw([["b", 2, 1], ["a", 0, 2]], b"xyz"),
    "late start": raw([["a", 1, 2]], b"xyz"),
    "trailing byte": raw(GOOD, b"xyz!"),
    "last part cut": raw(GOOD, b"xy"),
    "huge": raw([["a", 0, 1 << 62]], b"xy"),
}  # fmt: skip


@pytest.mark.parametrize("how", WRONG)
def test_other_files_are_refused(how, tmp_path):  # type: ignore[no-untyped-def]
    (tmp_path / "c").write_bytes(WRONG[how])
    with pytest.raises(ValueError):  # noqa: PT011 - the caller gives the sentence
        sections(tmp_path / "c")
    with pytest.raises(ValueError):  # noqa: PT011
        slices(WRONG[how])
    assert sections_of(tmp_path, raw(GOOD, b"xyz")) == ["a", "b"]  # what they differ from


def sections_of(place: Path, data: bytes) -> list[str]:
    (place / "good").write_bytes(data)
    return list(sections(place / "good"))


def test_every_truncation_is_refused(tmp_path):  # type: ignore[no-untyped-def]
    whole = packed(PARTS)
    for length in range(len(whole)):
        (tmp_path / "c").write_bytes(whole[:length])
        with pytest.raises(ValueError):  # noqa: PT011
            sections(tmp_path / "c")


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_is_no_file_is_refused_at_once(kind, tmp_path):  # type: ignore[no-untyped-def]
    (tmp_path / "real").write_bytes(packed(PARTS))
    place = tmp_path / "c"
    {"link": lambda: place.symlink_to("real"), "pipe": lambda: os.mkfifo(place), "folder": place.mkdir}[kind]()
    with pytest.raises((NotRegular, IsADirectoryError)):
        sections(place)


def test_a_file_that_shrinks_later_gives_nothing(tmp_path):  # type: ignore[no-untyped-def]
    (tmp_path / "c").write_bytes(packed(PARTS))
    section = sections(tmp_path / "c")["unknown/x"]
    os.truncate(tmp_path / "c", 100)
    assert section.piece(0, 5) == b""


def test_content_that_changed_is_not_written():
    """The digest of a part is compared with the bytes that are written, not with those that were checked."""
    part = Part.of("a", b"checked")
    other = Part("a", part.length, part.sha256, [b"chan", b"ged"])
    with pytest.raises(StorageError, match="a changed after it was checked; nothing is published"):
        b"".join(pieces([other]))
