"""What only a key holder may know of the clean image: the first byte of a record, and nothing outside of it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hidden import keys_for
from hypothesis import given
from hypothesis import strategies as st

from ripguard.codecs.bounded import BadStream
from ripguard.errors import Damaged
from ripguard.hide.base import Hidden, Hiding
from ripguard.hide.flags import flag_byte, read_flags
from ripguard.hide.header import Header
from ripguard.hide.mrit.method import MRIT
from ripguard.hide.mrit.transform import Params
from ripguard.hide.seal.method import Seal, SealPart

HEADER = Header(b"key id 1", b"data set", 513, 66051, 2, False, False, 460, Params())
METHODS = {"mrit": MRIT(), "mrit, lossy": MRIT(lossy=True), "seal": Seal(coders=("raw",), allow_residue=True)}
WHERE = {"mrit": "ripguard.hide.mrit.record.flag_byte", "seal": "ripguard.hide.seal.record.flag_byte"}


@given(st.booleans(), st.binary())
def test_flags_come_back(gray, rest):
    """Also where the published image has three channels and the clean one as well."""
    assert read_flags(HEADER, flag_byte(gray) + rest, 3) == (gray, 1)


def test_other_flags_are_refused():
    """All 254 that no version defines, and none at all."""
    for byte in range(2, 256):
        with pytest.raises(BadStream):
            read_flags(HEADER, bytes([byte]), 3)
    with pytest.raises(BadStream):
        read_flags(HEADER, b"", 3)
    with pytest.raises(Damaged, match="color"):
        read_flags(HEADER, flag_byte(True), 1)
    assert read_flags(HEADER, flag_byte(False), 1) == (False, 1)


@given(st.binary(max_size=3), st.sampled_from([1, 3]))
def test_older_versions_have_none(record, channels):
    """Version 1 shows it in the header, version 0 knows of no such images."""
    for version, gray in ((0, False), (1, False), (1, True)):
        header = dataclasses.replace(HEADER, version=version, gray=gray)
        assert read_flags(header, record, channels) == (gray, 0)


def hidden(method: Hiding, clean: np.ndarray, carrier: np.ndarray, first: int, files: list[bytes]) -> list[Hidden]:
    """As the images ``first``, ``first`` + 1 … of a release."""
    ids, keys = (one[first:] for one in keys_for(first + len(clean)))
    return method.hide(clean, carrier, ids, keys, files)


def back(method: Hiding, made: list[Hidden], first: int) -> list:
    images = np.stack([one.image for one in made])
    keys = keys_for(first + len(made))[1][first:]
    return method.reveal(images, [one.header for one in made], [one.residue for one in made], keys)


@pytest.mark.parametrize("part", ["photographs", "flat", "tiny", "one pixel"])
@pytest.mark.parametrize("name", METHODS)
def test_headers_of_gray_and_color_are_alike(name, part, clean, carrier):  # type: ignore[no-untyped-def]
    """Two images with the same samples, one of one channel, the other of three: equal but for identity and lengths.

    mRIT: lengths too, inside the residue as well. seal: they follow from the stream, here the samples.
    """
    size = {"tiny": (4, 5), "one pixel": (1, 1)}.get(part, (32, 32))
    gray, shown = clean[:4, : size[0], : size[1], :1], carrier[:4, : size[0], : size[1]]
    if part == "flat":
        gray, shown = np.full_like(gray, 99), np.full_like(shown, 90)
    color = np.repeat(gray, 3, axis=3)
    ones, others = (hidden(METHODS[name], one, shown, first, []) for one, first in ((gray, 0), (color, 4)))
    for one, other in zip(ones, others):
        same = {"index": one.header.index}
        if name == "seal":
            assert isinstance(other.header.params, SealPart)
            same |= {"length": one.header.length, "planes": one.header.planes, "inline": one.header.inline}
            same["params"] = dataclasses.replace(other.header.params, cells=one.header.params.cells)  # type: ignore[attr-defined]
        assert dataclasses.replace(other.header, **same) == one.header
        assert not one.header.pack()[26] & 0xC0
        if name != "seal":
            assert (one.overwritten, one.overflow, len(one.residue)) == (
                other.overwritten, other.overflow, len(other.residue),
            )  # fmt: skip
    for made, first, wanted in ((ones, 0, gray), (others, 4, color)):
        for after, before in zip(back(METHODS[name], made, first), wanted):
            assert after.shape == before.shape
            assert "lossy" in name or np.array_equal(after, before)


def test_headers_of_files_that_are_equally_long_are_equal(clean, carrier):  # type: ignore[no-untyped-def]
    """Nothing tells a gray source file from one in color."""
    files, method = [b"a file" * 50], Seal(coders=("file",))
    (one,) = hidden(method, clean[:1, :, :, :1], carrier[:1], 0, files)
    (other,) = hidden(method, clean[:1], carrier[:1], 1, files)
    assert dataclasses.replace(other.header, index=0) == one.header


@pytest.mark.parametrize(("byte", "word"), [(b"\1", "color"), (b"\2", "flags"), (b"\x81", "flags")])
@pytest.mark.parametrize("size", [32, 4])
@pytest.mark.parametrize("name", WHERE)
def test_an_authentic_record_with_wrong_flags_is_damaged(name, size, byte, word, clean, carrier, monkeypatch):  # type: ignore[no-untyped-def]
    """A key holder can write them; the image is refused by name, its neighbors come back."""
    shown, own = carrier[:3, :size, :size, :1], clean[:3, :size, :size, :1]
    made = hidden(METHODS[name], own, shown, 0, [])
    monkeypatch.setattr(WHERE[name], lambda gray: byte)
    made[1] = hidden(METHODS[name], own, shown, 0, [])[1]
    found = back(METHODS[name], made, 0)
    assert isinstance(found[1], Damaged)
    assert word in str(found[1])
    for i in (0, 2):
        np.testing.assert_array_equal(found[i], own[i])
