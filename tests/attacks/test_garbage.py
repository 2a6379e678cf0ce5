"""Who holds the key can seal any bytes: they cost the image that carries them, and nothing else."""

from __future__ import annotations

import dataclasses
import lzma
import math
import struct
import zlib

import numpy as np
import pytest
from helpers import crop
from hidden import KEY, keys_for, protect_batch
from hypothesis import example, given
from hypothesis import strategies as st
from small_models import MODEL, OTHER

from ripguard.codecs import coders
from ripguard.codecs.coders import BY_NUMBER, CODERS
from ripguard.crypto.aead import TAG, associated_data, image_digest, seal
from ripguard.errors import Damaged, RipguardError, StorageError
from ripguard.hide import lsb
from ripguard.hide.base import Hidden, Original
from ripguard.hide.header import Header
from ripguard.hide.methods import reveal
from ripguard.hide.mrit.pairing import CODES
from ripguard.hide.mrit.transform import LENGTH, Params
from ripguard.hide.seal.method import Seal, SealPart, bound_to, places_of
from ripguard.hide.seal.record import pack
from ripguard.images.encoding import png_bytes

WHO, OWN = keys_for(8)
IDS = (KEY.id, b"data-set", 0)


def with_seal(
    data: bytes, coder: int, shape: tuple[int, ...] = (32, 32, 3), index: int = 0, model: bytes = MODEL
) -> Hidden:
    """An image of method ``seal`` whose authentic stream is ``data``; it stands in the residue."""
    return with_record(pack(data, False, math.prod(shape)), coder, shape, index, model)


def with_record(
    data: bytes, coder: int, shape: tuple[int, ...] = (32, 32, 3), index: int = 0, model: bytes = MODEL
) -> Hidden:
    """An image of method ``seal`` whose authentic record is ``data``."""
    header = Header(*IDS, index, 0, False, False, TAG + len(data), SealPart(coder, 0))
    bound = bound_to(header, shape, Seal(model=model).model_digest)
    return Hidden(np.zeros(shape, np.uint8), seal(OWN[index].payload, bound, data), header, 0, 0)


def with_mrit(
    data: bytes, params: Params, shape: tuple[int, ...] = (32, 32, 3), index: int = 0, beside: bytes | None = None,
    flags: bytes = b"\0",
) -> Hidden:  # fmt: skip
    """An image of mRIT whose authentic record is ``flags`` and ``data``.

    It is carried by the image, inline or with the authentic corrections ``beside``; or, where it finds no room, by
    the residue.
    """
    data = flags + data
    image = np.random.default_rng(index).choice([0, 3, 128, 255], shape).astype(np.uint8)
    header = Header(*IDS, index, 0, beside is None, False, TAG + len(data), params)
    planes = lsb.planes_for(image.size, LENGTH + header.length)
    if planes > 4:
        header = dataclasses.replace(header, inline=False)
        bound = associated_data(b"whole", header.pack(), image_digest(image))
        return Hidden(image, seal(OWN[index].residue, bound, data), header, 0, 0)
    header = dataclasses.replace(header, planes=planes)
    (fixed,) = lsb.clear(image[None], np.array([LENGTH + header.length]))
    bound = associated_data(b"payload", header.pack(), image_digest(fixed))
    (image,), _ = lsb.replace(image[None], [header.pack() + seal(OWN[index].payload, bound, data)])
    if beside is None:
        return Hidden(image, b"", header, 0, 0)
    bound = associated_data(b"residue", header.pack(), image_digest(image))
    return Hidden(image, seal(OWN[index].residue, bound, beside), header, 0, 0)


def shown(hidden: list[Hidden], model: bytes = MODEL):  # type: ignore[no-untyped-def]
    """As a restorer would reveal them."""
    keys = [OWN[one.header.index] for one in hidden]
    images, residues = np.stack([one.image for one in hidden]), [one.residue for one in hidden]
    return reveal(images, [one.header for one in hidden], residues, keys, model)


def told(found, shape: tuple[int, ...]) -> bool:  # type: ignore[no-untyped-def]
    """Whether a result is one of the two things it can be: an image of the shape, or one sentence."""
    if isinstance(found, RipguardError):
        return isinstance(found, Damaged) and found.message != "" and "\n" not in found.message
    image = found.image if isinstance(found, Original) else found
    return image.shape == shape and image.dtype == np.uint8


GARBAGE = st.one_of(st.binary(min_size=1, max_size=60), st.binary(max_size=40).map(lambda tail: b"\xff" * 30 + tail))


@given(GARBAGE, st.sampled_from(sorted(BY_NUMBER)), st.sampled_from([(32, 32, 3), (5, 7, 1), (1, 1, 3)]), st.booleans())
@example(b"\1\2\3\4", 4, (32, 32, 3), False)
def test_garbage_under_every_coder(data, coder, shape, begun):  # type: ignore[no-untyped-def]
    """An image of garbage or a refusal, whatever the bytes; also where they begin like those of a real one."""
    if begun:
        real = next(c for c in CODERS.values() if c.number == coder)
        good = real.encode(crop(0, *shape[:2])[None, :, :, : shape[2]], [png_bytes(crop(0, *shape[:2]))], MODEL)[0]
        data = (good or b"")[: 3 * len(data)] + data
    (found,) = shown([with_seal(data, coder, shape)])
    assert told(found, shape)


@given(
    GARBAGE, st.sampled_from(sorted(CODES)), st.sampled_from([(1, 1024), (2, 128), (3, 1), (32, 7)]),
    st.sampled_from([(32, 32, 3), (16, 30, 1), (2, 3, 3)]),
    st.sampled_from(["flags", "length", "all", "inline", "beside"]),
)  # fmt: skip
def test_garbage_in_mrit(data, pairing, sizes, shape, kind):  # type: ignore[no-untyped-def]
    """In the place of the Sequence, of the whole record, of the corrections inside and beside."""
    params = Params(size=sizes[0], tile=sizes[1], pairing=pairing, overflow=8)
    record = len(data).to_bytes(3, "big") + data
    one = {
        "flags": lambda: with_mrit(record, params, shape, flags=data[:1]),
        "length": lambda: with_mrit(record + bytes(9), params, shape),
        "all": lambda: with_mrit(data, params, shape),
        "inline": lambda: with_mrit(bytes(3) + zlib.compress(bytes(200) + data), params, shape),
        "beside": lambda: with_mrit(record, params, shape, beside=bytes(LENGTH + TAG + 1 + len(record)) + data),
    }[kind]()
    (found,) = shown([one])
    assert told(found, shape)


@given(st.binary(min_size=1, max_size=80), st.sampled_from(sorted(BY_NUMBER)), st.sampled_from([1, 3]))
@example(b"\0" + bytes(4), 0, 3)
@example(b"\1" + bytes(4), 0, 1)
@example(b"\0\xff\xff\xff\xff", 0, 3)
def test_garbage_in_the_place_of_the_record(data, coder, channels):  # type: ignore[no-untyped-def]
    """Flags, length and padding that no writer makes."""
    shape = (5, 7, channels)
    (found,) = shown([with_record(data, coder, shape)])
    assert isinstance(found, Damaged)
    assert told(found, shape)


@pytest.mark.parametrize("coder", sorted(BY_NUMBER))
def test_one_bad_stream_costs_one_image(coder):  # type: ignore[no-untyped-def]
    """Its neighbours under the same coder come back, in their places."""
    real, clean = next(c for c in CODERS.values() if c.number == coder), np.stack([crop(i) for i in range(8)])
    good = real.encode(clean, [png_bytes(one) for one in clean], MODEL)
    if good[0] is None:
        pytest.skip("this machine has no such coder")
    # a garbage stream that the small-image coder cannot but notice
    streams = [b"\1\2\3\4" if i in (2, 5) else data for i, data in enumerate(good)]
    found = shown([with_seal(data, coder, index=i) for i, data in enumerate(streams)])  # type: ignore[arg-type]
    for i, one in enumerate(found):
        if i in (2, 5):
            assert isinstance(one, Damaged), one
            continue
        np.testing.assert_array_equal(one.image if isinstance(one, Original) else one, clean[i])


def test_one_bad_sequence_costs_one_image(clean, carrier):  # type: ignore[no-untyped-def]
    """mRIT: moves that no coder wrote, a length beyond the record, too few corrections."""
    hidden, keys, _ = protect_batch(clean[:8], carrier[:8])
    assert bytes(OWN[0].payload) == bytes(keys[0].payload)
    bad = (
        with_mrit(b"\0\0\x64" + b"\xff" * 100, Params(), index=1, beside=bytes(LENGTH + TAG + 104)),
        with_mrit(b"\0\1\0" + b"abcd" * 20, Params(), index=4, beside=bytes(LENGTH + TAG + 84)),
        with_mrit(b"\0\0\0" + b"abcd" * 20, Params(), index=6, beside=bytes(40)),
    )
    for one in bad:
        hidden[one.header.index] = one
    found = shown(hidden)
    for i, one in enumerate(found):
        if i in (1, 4, 6):
            assert isinstance(one, Damaged), one
            assert "changed after" not in str(one)
            continue
        np.testing.assert_array_equal(one, clean[i])


BOMB = 1 << 25  # bytes that a bomb unpacks to


class Room:
    """Watches how much any decompressor gives at once."""

    most = 0


@pytest.fixture
def room(monkeypatch):  # type: ignore[no-untyped-def]
    """What decompressors gave in this test, in bytes, at most at once."""
    seen = Room()

    class Watched:
        def __init__(self, inner):  # type: ignore[no-untyped-def]
            self.inner = inner

        def decompress(self, data, most=0):  # type: ignore[no-untyped-def]
            found = self.inner.decompress(data, most)
            seen.most = max(seen.most, len(found))
            return found

        def __getattr__(self, name):  # type: ignore[no-untyped-def]
            return getattr(self.inner, name)

    whole, begun, xz = zlib.decompress, zlib.decompressobj, lzma.LZMADecompressor

    def at_once(data):  # type: ignore[no-untyped-def]
        found = whole(data)
        seen.most = max(seen.most, len(found))
        return found

    monkeypatch.setattr(zlib, "decompress", at_once)
    monkeypatch.setattr(zlib, "decompressobj", lambda *a: Watched(begun(*a)))
    monkeypatch.setattr(lzma, "LZMADecompressor", lambda *a, **b: Watched(xz(*a, **b)))
    return seen


def test_mrit_unpacks_what_it_can_hold(room):  # type: ignore[no-untyped-def]
    """Inline corrections: the overwritten bytes and a packed excess; excess: one byte for each sample at the edge."""
    bomb = zlib.compress(bytes(BOMB))
    shape, params = (800, 800, 3), Params(size=8, overflow=8)
    inline = with_mrit(bytes(3) + bomb, params, shape)
    assert inline.header.inline
    excess = with_mrit(bytes(3), params, shape, beside=bytes(LENGTH + TAG + 4) + bomb)
    for one in (inline, excess):
        (found,) = shown([one])
        assert isinstance(found, Damaged)
        assert 0 < room.most <= 3 * one.image.size
        room.most = 0
    (temporary,) = lsb.clear(excess.image[None], np.array([LENGTH + TAG + 4]))
    edges = int(np.isin(temporary, (0, 255)).sum())
    for count in (edges - 1, edges + 1):
        (found,) = shown(
            [with_mrit(bytes(3), params, shape, beside=bytes(LENGTH + TAG + 4) + zlib.compress(bytes(count)))]
        )
        assert isinstance(found, Damaged)
    packed = zlib.compress(bytes(edges))
    for tail, kind in ((packed, np.ndarray), (packed[:-1], Damaged), (packed + b"x", Damaged)):
        (found,) = shown([with_mrit(bytes(3), params, shape, beside=bytes(LENGTH + TAG + 4) + tail)])
        assert isinstance(found, kind), found


def test_xz_unpacks_what_a_source_file_can_be(room):  # type: ignore[no-untyped-def]
    """Twelve bytes a pixel and a megabyte; once; and all of it, with nothing behind."""
    whole = np.ascontiguousarray(crop(0))
    bomb = coders._xz(b"BM" + bytes(BOMB))
    (found,) = shown([with_seal(bomb, 5)])
    assert isinstance(found, Damaged)
    assert 0 < room.most <= 12 * 32 * 32 + (1 << 20) + 64 * len(bomb) + 1 < BOMB // 8
    stream = coders._xz(png_bytes(whole))
    for data, kind in ((stream, Original), (stream[:-1], Damaged), (stream + b"\0", Damaged), (stream * 2, Damaged)):
        (found,) = shown([with_seal(data, 5)])
        assert isinstance(found, kind), found
    # what would not be read is not written
    large = np.zeros((1, 32, 32, 3), np.uint8)
    assert CODERS["xz"].encode(large, [png_bytes(large[0]) + bytes(BOMB)], b"") == [None]


@pytest.mark.parametrize("name", ["file", "webp", "jxl"])
def test_images_of_another_size_are_not_decoded(name, monkeypatch):  # type: ignore[no-untyped-def]
    """A stream of a large image in a small one is refused by its header."""
    large = np.zeros((1, 1000, 1200, 3), np.uint8)
    data = CODERS[name].encode(large, [png_bytes(large[0])], b"")[0]
    if data is None:
        pytest.skip("this machine has no such coder")
    for decoder in ("PngImagePlugin.PngImageFile.load", "WebPImagePlugin.WebPImageFile._open", "Image.Image.load"):
        monkeypatch.setattr(f"PIL.{decoder}", None)
    if name == "jxl":
        monkeypatch.setattr("pillow_jxl.JpegXLImagePlugin.JXLImageFile._open", None)
    (found,) = shown([with_seal(data, CODERS[name].number)])
    assert isinstance(found, Damaged)
    assert "32×32" in str(found)


def test_the_small_image_coder_is_for_small_images(monkeypatch):  # type: ignore[no-untyped-def]
    """A header that says otherwise is not looked into; nor does the coder decode for such a shape."""
    shape = (257, 256, 3)
    header = Header(*IDS, 0, 1, True, False, 1000, SealPart(4, 2**64 - 1))
    assert places_of(header, shape, OWN[0]) is None
    assert places_of(header, (256, 256, 3), OWN[0]) is not None
    monkeypatch.setattr(coders, "codec", None)
    (found,) = shown([with_seal(b"\0", 4, shape)])
    assert isinstance(found, Damaged)
    with pytest.raises(coders.BadStream, match="too large"):
        CODERS["interlaced"].decode([b"\0"], shape, MODEL)


@pytest.mark.parametrize("model", [b"", b"rgi1", MODEL[:-5], MODEL + b"x", MODEL[:300] + b"\0" + MODEL[301:], OTHER])
def test_a_damaged_model_costs_what_needs_it(model):  # type: ignore[no-untyped-def]
    """The others in the batch come back."""
    clean = np.stack([crop(i) for i in range(4)])
    small = CODERS["interlaced"].encode(clean, [], MODEL)
    hidden = [with_seal(small[i] if i % 2 else clean[i].tobytes(), 4 if i % 2 else 0, index=i) for i in range(4)]  # type: ignore[arg-type]
    for i, found in enumerate(shown(hidden, model)):
        if i % 2:
            assert isinstance(found, Damaged)
            assert model == OTHER or "release's model" in str(found)
        else:
            np.testing.assert_array_equal(found, clean[i])


def test_out_of_memory_costs_one_image(monkeypatch):  # type: ignore[no-untyped-def]
    """And is told as what it is: a matter of storage, not damage. An interruption is none."""
    clean = np.stack([crop(i) for i in range(4)])
    hidden = [with_seal(clean[i].tobytes(), 0, index=i) for i in range(4)]
    decode = coders.Raw.decode

    def full(self, data, shape, model):  # type: ignore[no-untyped-def]
        if clean[2].tobytes() in data:
            raise failures[-1]
        return decode(self, data, shape, model)

    class PanicException(BaseException):  # as libraries written in Rust raise it
        pass

    monkeypatch.setattr(coders.Raw, "decode", full)
    cases = ((MemoryError(), StorageError), (PanicException(), Damaged), (OverflowError(), Damaged))
    failures: list[BaseException] = []
    for failure, kind in cases:
        failures.append(failure)
        found = shown(hidden)
        assert [isinstance(one, np.ndarray) for one in found] == [True, True, False, True]
        assert type(found[2]) is kind
    failures.append(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        shown(hidden)


def test_all_of_a_batch_may_be_bad():
    """Each has its own sentence."""
    found = shown([with_seal(struct.pack(">Q", i), 2, index=i) for i in range(8)])
    assert len({id(one) for one in found}) == 8
    assert all(isinstance(one, Damaged) for one in found)
