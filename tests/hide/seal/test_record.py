"""The record of a sealed image: its length is padded, and only what a writer makes is read."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hidden import keys_for
from hypothesis import example, given
from hypothesis import strategies as st

from ripguard.codecs.bounded import BadStream
from ripguard.crypto.padding import padded_length
from ripguard.hide.base import DoesNotFit
from ripguard.hide.header import Header
from ripguard.hide.seal.method import Seal, SealPart
from ripguard.hide.seal.record import pack, record_length, unpack

HEADER = Header(b"key id 1", b"data set", 513, 66051, 5, True, False, 1234, SealPart(1, 7))
NOISE = np.random.default_rng(3).integers(0, 256, (40, 50, 3)).astype(np.uint8)


@dataclasses.dataclass
class Source:
    """A source image of this file size."""

    size: int
    name: str = "x.png"
    shape: tuple[int, int, int] = (40, 50, 3)

    def read(self) -> bytes:
        return bytes(self.size)


@given(st.binary(max_size=2000), st.booleans())
def test_a_record_comes_back(stream, gray):
    record = pack(stream, gray, NOISE.size)
    assert unpack(HEADER, record, NOISE.shape) == (gray, stream)
    assert len(record) == record_length(len(stream), NOISE.size) == padded_length(5 + len(stream))
    assert record[:5] == bytes([gray]) + len(stream).to_bytes(4, "big")


@given(st.binary(max_size=300))
def test_version_1_has_the_stream_alone(stream):
    for gray in (False, True):
        assert unpack(dataclasses.replace(HEADER, version=1, gray=gray), stream, NOISE.shape) == (gray, stream)


@given(st.integers(0, 1 << 32), st.integers(0, 1 << 32))
def test_the_shortest_stream_has_the_shortest_record(one, other):
    one, other = sorted((one, other))
    for samples in (12, 3072, NOISE.size, 1 << 30):
        assert record_length(one, samples) <= record_length(other, samples)


@given(st.integers(2800, 3100))
def test_padding_ends_where_the_image_is_full(length):
    """A stream that fits into all planes of 32×32×3 samples fits with its padding; a longer one is padded as usual."""
    size = record_length(length, 3072)
    if 5 + length <= 3072 - 40 - 16:
        assert size <= 3072 - 40 - 16
        assert size in (3072 - 40 - 16, padded_length(5 + length))
    else:
        assert size == padded_length(5 + length)
    record = pack(bytes(length), False, 3072)
    assert len(record) == size
    assert unpack(HEADER, record, (32, 32, 3)) == (False, bytes(length))
    if size != padded_length(5 + length):
        with pytest.raises(BadStream):
            unpack(HEADER, record, (33, 32, 3))


@given(st.binary(max_size=300), st.data())
def test_other_records_are_refused(stream, draw):
    """Cut, longer, another length, bits in the padding."""
    record = pack(stream, False, NOISE.size)
    stop = 5 + len(stream)
    wrong = [record[: draw.draw(st.integers(0, len(record) - 1))], record + bytes(draw.draw(st.integers(1, 40)))]
    wrong.append(record[:1] + (len(record) - 4).to_bytes(4, "big") + record[5:])
    if stop < len(record):
        wrong.append(record[:-1] + b"\1")
        wrong.append(record[:stop])
    for one in wrong:
        with pytest.raises(BadStream):
            unpack(HEADER, one, NOISE.shape)


def file_of(length: int, most: int = 8, allow_residue: bool = False):  # type: ignore[no-untyped-def]
    """The noise, hidden as a source file of so many bytes."""
    ids, keys = keys_for(1)
    method = Seal(most, ("file",), allow_residue=allow_residue)
    return method.hide(NOISE[None], NOISE[None], ids, keys, [bytes(length)])[0]


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 8))
@example(1000, 1001, 8)
@example(1000, 1001, 1)
def test_files_that_pad_alike_have_headers_and_residues_alike(one, other, most):
    """Sizes that pad alike, and no others, give equal headers and equally long residues."""
    first, second = file_of(one, most, True), file_of(other, most, True)
    alike = record_length(one, NOISE.size) == record_length(other, NOISE.size)
    assert alike == (first.header.length == second.header.length)
    if alike:
        assert first.header == second.header
        assert len(first.residue) == len(second.residue)


@given(st.integers(0, 6100), st.integers(1, 8))
@example(5939, 8)  # the largest file that fits into 8 planes, and the next
@example(5940, 8)
@example(5944, 8)
def test_what_passes_the_check_can_be_hidden(length, most):
    """``fits`` and ``check_capacity`` against ``hide``, with the padded length."""
    method, shape = Seal(most, ("file",)), NOISE.shape
    try:
        method.check_capacity(NOISE[None], shape, [bytes(length)])
        passed = True
    except DoesNotFit:
        passed = False
    assert method.fits(Source(length), shape) == passed
    assert passed == (16 + 40 + record_length(length, NOISE.size) <= NOISE.size * most // 8)
    assert passed or most < 8 or 16 + 40 + 5 + length > NOISE.size
    if passed:
        assert not file_of(length, most).residue
    else:
        with pytest.raises(DoesNotFit):
            file_of(length, most)
