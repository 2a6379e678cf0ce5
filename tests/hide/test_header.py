"""The header: one canonical form, and every other 36 bytes are refused."""

from __future__ import annotations

import dataclasses
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ripguard.hide.header import COMMON, GRAY, INLINE, LOSSY, BadHeader, Header
from ripguard.hide.mrit.pairing import CODES
from ripguard.hide.mrit.transform import LENGTH, Params

HEADER = Header(b"key id 1", b"data set", 513, 66051, 2, False, False, 460, Params())
GOLDEN = Header(b"k" * 8, b"d" * 8, 3, 70000, 2, False, False, 460, Params())
FLAGS = 26  # offset
ids, params = st.binary(min_size=8, max_size=8), st.builds(
    Params, st.integers(1, 32), st.integers(1, 128), st.integers(0, 64), st.sampled_from(sorted(CODES)),
    st.integers(1, 1024),
)  # fmt: skip
marks = st.sampled_from(
    [(planes, False, lossy) for planes in range(5) for lossy in (False, True)] + [(p, True, False) for p in range(1, 5)]
)


def read(data: bytes) -> Header | None:
    """The header, or None if it was refused; any other exception is a defect."""
    try:
        return Header.unpack(data)
    except BadHeader:
        return None


@given(
    ids, ids, st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1), marks, st.integers(0, 2**24 - 1), params,
    st.sampled_from([(0, False), (1, False), (1, True), (2, False)]),
)  # fmt: skip
def test_every_valid_header_comes_back(key_id, dataset_id, unit, index, mark, length, params, version):
    """pack and unpack are inverse to each other, with every allowed combination of version and flags."""
    header = Header(key_id, dataset_id, unit, index, *mark, length, params, *version)
    assert len(header.pack()) == LENGTH
    assert read(header.pack()) == header


@pytest.mark.parametrize("version", range(3))
def test_one_changed_byte_is_refused_or_another_canonical_header(version):  # type: ignore[no-untyped-def]
    """All 36 · 255 headers that differ in one byte: none is read as the original, none has two spellings."""
    data = dataclasses.replace(HEADER, version=version).pack()
    for place in range(LENGTH):
        for value in set(range(256)) - {data[place]}:
            changed = data[:place] + bytes([value]) + data[place + 1 :]
            found = read(changed)
            assert found is None or (found.pack() == changed != data)


def test_of_256_flag_bytes_only_the_canonical_are_read():
    """planes 0..4; not inline with lossy or without planes; the highest bit zero, and the one below it but in v1."""
    allowed = {planes | lossy for planes in range(5) for lossy in (0, LOSSY)}
    allowed |= {planes | INLINE for planes in range(1, 5)}
    for version, wanted in ((0, allowed), (1, allowed | {flags | GRAY for flags in allowed}), (2, allowed)):
        data = dataclasses.replace(HEADER, version=version).pack()
        assert {f for f in range(256) if read(data[:FLAGS] + bytes([f]) + data[FLAGS + 1 :])} == wanted


@pytest.mark.parametrize("version", [0, 2])
def test_gray_is_shown_in_version_1_alone(version):  # type: ignore[no-untyped-def]
    """No writer can show it elsewhere by mistake."""
    with pytest.raises(ValueError, match=f"version {version} does not show it"):
        dataclasses.replace(HEADER, version=version, gray=True).pack()
    assert HEADER.version == 2


@given(st.binary(min_size=LENGTH - 4, max_size=LENGTH - 4))
def test_random_bytes_after_the_magic(rest):
    """Whatever follows the first four bytes: refused, or read into exactly these bytes."""
    data = HEADER.pack()[:4] + rest
    found = read(data)
    assert found is None or found.pack() == data


@given(st.binary(max_size=2 * LENGTH))
def test_random_bytes_are_refused(data):
    """Bytes without magic, version and method, of any length."""
    assert read(data) is None or data[:4] == HEADER.pack()[:4]


def test_parameters_out_of_bounds_are_refused():
    """Each parameter of the transformation at every value of its field."""
    data = HEADER.pack()
    for place, low, high in ((30, 1, 32), (31, 1, 128), (32, 0, 64), (33, 0, len(CODES) - 1)):
        read_at = [value for value in range(256) if read(data[:place] + bytes([value]) + data[place + 1 :])]
        assert read_at == list(range(low, high + 1))
    assert [t for t in range(65536) if read(data[:34] + struct.pack(">H", t))] == list(range(1, 1025))


def test_golden_bytes():
    """These 36 bytes are the format."""
    for version in range(3):
        header = dataclasses.replace(GOLDEN, version=version)
        wanted = f"72670{version}01" + "6b" * 8 + "64" * 8 + "000300011170020001cc020800030080"
        assert header.pack().hex() == wanted
        assert Header.unpack(header.pack()) == header


def test_only_canonical_headers_are_read():
    """Every value out of bounds, contradicting flags, other versions and methods, other lengths."""
    layout = struct.Struct(COMMON.format + Params.layout.format[1:])
    fields = list(layout.unpack(GOLDEN.pack()))
    wrong = {
        0: [b"rh", b"\0\0"], 1: [3, 255], 2: [0, 2], 7: [5, 15, 0x42, 0x82, 0xC2, 0x32, 0x10],
        9: [0, 33], 10: [0, 129], 11: [65], 12: [5, 255], 13: [0, 1025],
    }  # fmt: skip
    for place, values in wrong.items():
        for value in values:
            changed = fields[:place] + [value] + fields[place + 1 :]
            with pytest.raises(BadHeader):
                Header.unpack(layout.pack(*changed))
    for data in (b"", GOLDEN.pack()[:-1], GOLDEN.pack() + b"\0"):
        with pytest.raises(BadHeader):
            Header.unpack(data)
