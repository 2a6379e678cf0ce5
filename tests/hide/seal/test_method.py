"""``seal``: exact for any carrier; only payload bits matter, and each of them does."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
from helpers import crop
from hidden import DATASET, KEY, keys_for
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from small_models import MODEL, OTHER

from ripguard.crypto.keys import Key
from ripguard.errors import Damaged
from ripguard.hide import lsb
from ripguard.hide.base import DoesNotFit, Hidden, Original
from ripguard.hide.header import BadHeader, Header
from ripguard.hide.methods import reveal
from ripguard.hide.mrit.method import MRIT
from ripguard.hide.seal import planes
from ripguard.hide.seal.method import HEAD, Seal, SealPart, places_of
from ripguard.hide.seal.method import LENGTH as SEAL_LENGTH
from ripguard.images.decoding import read_image
from ripguard.images.encoding import png_bytes
from ripguard.images.quality import likeness
from ripguard.release.identify import read_header

SHAPES = st.sampled_from([(1, 1), (1, 3), (3, 3)])  # channels of the clean image, and of its carrier


def sealed(clean: np.ndarray, carrier: np.ndarray, files: list[bytes] | None = None, **options) -> list[Hidden]:  # type: ignore[no-untyped-def]
    ids, keys = keys_for(len(clean))
    return Seal(**options).hide(clean, carrier, ids, keys, files)


def payload_bits(one: Hidden) -> np.ndarray:
    """How many low bits of each sample carry payload: uint8 ``[samples]``."""
    own = KEY.dataset(DATASET).unit(0).image(one.header.index)
    where = places_of(one.header, one.image.shape, own)
    assert where is not None
    return where.bits()


def opened(hidden: list[Hidden], **options):  # type: ignore[no-untyped-def]
    _, keys = keys_for(len(hidden))
    headers = [read_header(one.image) if one.header.planes else one.header for one in hidden]
    images, residues = np.stack([one.image for one in hidden]), [one.residue for one in hidden]
    return Seal(**options).reveal(images, headers, residues, keys)


@given(st.integers(1, 24), st.integers(1, 24), SHAPES, st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_round_trip(height, width, channels, most, seed):  # type: ignore[no-untyped-def]
    """Any size, gray or not, any carrier, any number of planes; what finds no room goes to the residue."""
    draw = np.random.default_rng(seed)
    shape, published = (height, width, channels[0]), (height, width, channels[1])
    clean = np.stack([draw.integers(0, 256, shape), np.full(shape, 77), draw.integers(90, 110, shape)]).astype(np.uint8)
    carrier = np.stack([np.full(published, 255), draw.integers(0, 256, published), np.zeros(published)])
    carrier = carrier.astype(np.uint8)
    hidden = sealed(clean, carrier, most=most, allow_residue=True)
    for before, after in zip(clean, opened(hidden)):
        np.testing.assert_array_equal(after, before)
    for one in hidden:
        assert one.header.planes <= most
        assert one.header.inline == (not one.residue)
        assert not one.header.gray  # a matter of the record


def test_crops_of_photographs(clean, carrier):  # type: ignore[no-untyped-def]
    """All restore without residue; the carrier is kept as well as its number of planes allows."""
    hidden = sealed(clean, carrier)
    for one, before, after, wanted in zip(hidden, clean, opened(hidden), carrier):
        np.testing.assert_array_equal(after, before)
        assert one.residue == b""
        bits = payload_bits(one)
        assert np.abs(one.image.astype(int) - wanted).max() <= 2 ** int(bits.max())
        noise = np.mean(np.where(bits, (4.0**bits + 2) / 12, 0))  # of rounding to the nearest with given low bits
        assert likeness(one.image, wanted)["psnr"] > 10 * np.log10(255**2 / noise) - 3  # edges of 0..255 cost some


def test_the_nearest_value_is_taken():
    """Against a search over all 256 values, for every value and every wanted bits."""
    values = np.arange(256, dtype=np.uint8)
    for whole in range(8):
        draw = np.random.default_rng(whole)
        carrier = np.broadcast_to(values[None, :, None], (8, 256, 1)).copy()
        where = planes.Places(2048, HEAD, whole + 1, np.arange(0 if whole else HEAD, 2048))
        header, record = draw.bytes(HEAD // 8), draw.bytes(2048 * (whole + 1) // 8 - HEAD // 8)
        found = planes.embed(carrier, header, record, where)
        assert planes.extract(found, where) == record
        bits = where.bits()
        for had, got, count in zip(carrier.ravel(), found.ravel(), bits):
            low = int(got) & (1 << int(count)) - 1
            right = values[(values & (1 << int(count)) - 1) == low].astype(int)
            assert abs(int(got) - int(had)) == np.abs(right - int(had)).min()


def test_positions():
    """Every payload bit has its own place, whatever the length; cells are textured; the order hangs on the key."""
    shape, image = (32, 32, 3), np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    image[:, :16] = 128  # the left half is flat
    for length in (SEAL_LENGTH + 1, 200, 384, 385, 600, 768, 1000, 1536, 3000, 3072):
        cells = planes.choose(image, HEAD, length)
        where = planes.places(shape, HEAD, length, cells, b"k" * 32)
        assert where is not None
        assert int(where.bits().sum()) == 8 * length if where.whole else True
        assert len(set(where.extra.tolist())) == len(where.extra) == planes.extra_bits(3072, HEAD, length)
        if where.whole == 0:
            assert where.extra.min() >= HEAD
    cells = planes.choose(image, HEAD, 384 + 150)  # less than half of the second plane
    one, other = (planes.places(shape, HEAD, 384 + 150, cells, key * 32) for key in (b"k", b"l"))
    assert one is not None
    assert other is not None
    assert (one.extra // 3 % 32 >= 15).all()
    assert not np.array_equal(one.extra, other.extra)
    assert planes.places(shape, HEAD, 384 + 150, 1, b"k" * 32) is None  # one cell has not that much room


def test_payload_bits_and_the_others():
    """All 24,576 single-bit flips of an image: payload refused, everything else restored exactly all the same."""
    clean, carrier = crop(0)[None], crop(1)[None]
    (one,) = sealed(clean, carrier)
    payload = payload_bits(one)
    for bit in range(8):
        flipped = np.repeat(one.image[None], 3072, axis=0)
        flat = flipped.reshape(3072, 3072)
        flat[np.arange(3072), np.arange(3072)] ^= np.uint8(1 << bit)
        for i in range(3072):
            assert restores(flipped[i], clean[0]) == (bit >= payload[i]), (bit, i)


def restores(image: np.ndarray, clean: np.ndarray) -> bool:
    """By the way a restorer takes; anything but exact or refused is an error."""
    try:
        header = read_header(image)
    except BadHeader:
        return False
    if header.key_id != KEY.id or header.dataset_id != DATASET:
        return False
    keys = KEY.dataset(DATASET).unit(header.unit).image(header.index)
    (after,) = reveal(image[None], [header], [b""], [keys])
    if isinstance(after, Exception):
        return False
    np.testing.assert_array_equal(after, clean)
    return True


def test_everything_but_the_payload_may_go():
    """All bits that carry nothing are replaced by noise: exact."""
    clean, carrier = np.stack([crop(i) for i in range(8)]), np.stack([crop(i + 50) for i in range(8)])
    hidden = sealed(clean, carrier)
    draw = np.random.default_rng(0)
    for one, wanted in zip(hidden, clean):
        keep = ((1 << payload_bits(one).astype(int)) - 1).reshape(32, 32, 3).astype(np.uint8)
        assert restores(one.image & keep | draw.integers(0, 256, keep.shape).astype(np.uint8) & ~keep, wanted)


def test_files_come_back():
    """A JPEG file byte for byte; a PNG's samples, where another coder is shorter; the file alone if it is asked for."""
    buffer = io.BytesIO()
    Image.fromarray(crop(0, 64, 64)).save(buffer, "JPEG", quality=80)
    jpeg = buffer.getvalue()
    clean = np.stack([np.asarray(Image.open(io.BytesIO(jpeg))), crop(1, 64, 64)])
    files = [jpeg, png_bytes(clean[1])]
    after = opened(sealed(clean, clean[::-1], files))
    assert isinstance(after[0], Original)
    assert after[0].file == jpeg
    np.testing.assert_array_equal(after[0].image, clean[0])
    np.testing.assert_array_equal(after[1], clean[1])
    assert [one.file for one in opened(sealed(clean, clean, files, coders=("file",)))] == files


@given(
    st.integers(1, 60), st.integers(1, 60), SHAPES, st.integers(1, 95), st.integers(1, 8),
    st.sampled_from([("file",), ("file", "xz"), ("file", "xz", "webp", "interlaced")]),
)  # fmt: skip
def test_jpeg_files_come_back(height, width, channels, quality, most, coders):  # type: ignore[no-untyped-def]
    """Byte for byte, gray or not, in any number of planes, also where the image carries nothing."""
    buffer, source = io.BytesIO(), crop(3, height, width)[:, :, : channels[0]]
    Image.fromarray(source.squeeze(2) if channels[0] == 1 else source).save(buffer, "JPEG", quality=quality)
    clean = read_image(buffer.getvalue())[None]
    carrier = crop(9, height, width)[None, :, :, : channels[1]]
    assert clean.shape[3] == channels[0]
    (one,) = hidden = sealed(clean, carrier, [buffer.getvalue()], coders=coders, most=most, allow_residue=True)
    (after,) = opened(hidden)
    if one.header.gives_file:
        assert isinstance(after, Original)
        assert after.file == buffer.getvalue()
        after = after.image
    np.testing.assert_array_equal(after, clean[0])
    assert one.header.gives_file or len(buffer.getvalue()) >= clean.size  # the samples may be shorter


def test_images_that_do_not_fit_are_refused_by_name():
    """Noise needs more than eight planes; the number of the image and what to do are in the error."""
    clean = np.stack([crop(0), np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)])
    with pytest.raises(DoesNotFit, match="32×32×3 image needs 3,256 bytes, that is 9 of 8 bit-planes") as caught:
        sealed(clean, clean, most=8)
    assert caught.value.number == 1
    assert "--allow-residue" in caught.value.hint
    hidden = sealed(clean, clean, most=2, allow_residue=True)
    assert hidden[1].residue
    assert all(one.overwritten == len(one.residue) for one in hidden)
    for before, after in zip(clean, opened(hidden)):
        np.testing.assert_array_equal(after, before)


def test_residue_of_another_image_is_refused():
    """And none, and one bit of it changed, and its end cut off."""
    clean = np.stack([crop(0), crop(1)])
    hidden = sealed(clean, clean, most=1, allow_residue=True)
    own = hidden[0].residue
    for residue in (hidden[1].residue, b"", own[:-1], own + b"\0", bytes([own[0] ^ 1]) + own[1:]):
        changed = [dataclasses.replace(hidden[0], residue=residue), hidden[1]]
        first, second = opened(changed)
        assert isinstance(first, Damaged)
        np.testing.assert_array_equal(second, clean[1])


def test_other_keys_models_headers_are_refused():
    """Another key; another model; a header that says something else of the same bytes; another shape."""
    clean = crop(0)[None]
    (one,) = sealed(clean, clean, coders=("interlaced",), model=MODEL)
    assert one.header.params.coder == 4
    np.testing.assert_array_equal(opened([one], model=MODEL)[0], clean[0])
    for model in (OTHER, b""):
        assert isinstance(opened([one], model=model)[0], Damaged)
    wrong = [Key(bytes(32)).dataset(DATASET).unit(0).image(0)]
    assert isinstance(Seal(model=MODEL).reveal(one.image[None], [one.header], [b""], wrong)[0], Damaged)
    _, keys = keys_for(1)
    for change in (
        {"index": 1}, {"unit": 1}, {"length": one.header.length - 1}, {"length": one.header.length + 384},
        {"params": SealPart(0, one.header.params.cells)}, {"params": SealPart(4, 1)}, {"planes": 1}, {"planes": 0},
        {"inline": False}, {"dataset_id": b"12345678"}, {"version": 0},
    ):  # fmt: skip
        header = dataclasses.replace(one.header, **change)
        assert isinstance(Seal(model=MODEL).reveal(one.image[None], [header], [b"x" * 20], keys)[0], Damaged), change
    turned = np.ascontiguousarray(one.image.reshape(16, 64, 3))
    assert isinstance(Seal(model=MODEL).reveal(turned[None], [one.header], [b""], keys)[0], Damaged)


def test_both_methods_in_one_batch(clean, carrier):  # type: ignore[no-untyped-def]
    """A header says by which method its image comes back."""
    ids, keys = keys_for(4)
    hidden = MRIT().hide(clean[:2], carrier[:2], ids[:2], keys[:2]) + Seal().hide(
        clean[2:4], carrier[2:4], ids[2:], keys[2:]
    )
    images, order = np.stack([one.image for one in hidden]), [2, 0, 3, 1]
    headers, residues = [read_header(one) for one in images], [one.residue for one in hidden]
    after = reveal(images[order], *([part[i] for i in order] for part in (headers, residues, keys)))
    for i, one in zip(order, after):
        np.testing.assert_array_equal(one, clean[i])


def test_header_golden_bytes():
    """These 40 bytes are the format."""
    header = Header(b"k" * 8, b"d" * 8, 3, 70000, 5, True, False, (2 << 24) + 460, SealPart(4, 0x8000000000000001))
    wanted = "72670202" + "6b" * 8 + "64" * 8 + "000300011170150001cc0402" + "8000000000000001"
    assert header.pack().hex() == wanted
    assert Header.unpack(header.pack()) == header
    assert lsb.capacity(320, 1) == SEAL_LENGTH


def test_one_changed_header_byte_is_refused_or_another_canonical_header():
    """All 40 · 255 headers that differ in one byte."""
    data = Header(b"k" * 8, b"d" * 8, 3, 70000, 5, True, False, 460, SealPart(4, 7)).pack()
    for place in range(SEAL_LENGTH):
        for value in set(range(256)) - {data[place]}:
            changed = data[:place] + bytes([value]) + data[place + 1 :]
            try:
                assert Header.unpack(changed).pack() == changed
            except BadHeader:
                continue
