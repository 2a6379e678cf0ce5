"""The promise of mRIT: any image, any parameters, bit for bit; and how much stands beside the image."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import skimage.data
from hidden import header_of, protect_batch
from hypothesis import example, given
from hypothesis import strategies as st

from ripguard.errors import Damaged, RipguardError
from ripguard.hide.mrit.method import MRIT
from ripguard.hide.mrit.pairing import CODES
from ripguard.hide.mrit.transform import Params
from ripguard.images.decoding import read_image
from ripguard.images.encoding import png_bytes

KINDS = ("constant", "saturated", "noise", "checkerboard", "gradient", "binary")


def draw_image(kind: str, height: int, width: int, channels: int, seed: int) -> np.ndarray:
    """An image of a kind that breaks codecs, uint8 [height, width, channels]."""
    draw = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    one = {
        "constant": np.full((height, width), draw.integers(256)),
        "saturated": np.clip(draw.normal(128, 200, (height, width)), 0, 255),
        "noise": draw.integers(0, 256, (height, width)),
        "checkerboard": (y + x) % 2 * 255,
        "gradient": (3 * y + 5 * x + draw.integers(256)) % 256,
        "binary": draw.integers(0, 2, (height, width)) * 255,
    }[kind]
    return np.stack([np.roll(one, c, 1) for c in range(channels)], axis=2).astype(np.uint8)


def round_trip(clean: np.ndarray, carrier: np.ndarray, params: Params) -> None:
    """``carrier`` has as many channels as ``clean``, or three."""
    hidden, keys, headers = protect_batch(clean, carrier, params)
    published = np.stack([read_image(png_bytes(one.image)) for one in hidden])
    restored = MRIT().reveal(published, headers, [one.residue for one in hidden], keys)
    for before, after, one in zip(clean, restored, hidden):
        assert isinstance(after, np.ndarray), after
        np.testing.assert_array_equal(after, before)
        if one.header.planes:
            assert len(one.residue) <= one.overwritten + one.overflow + 48
            assert one.header == header_of(one.image)
        assert not one.header.gray  # a matter of the record
        assert one.image.shape == carrier.shape[1:]


@given(
    height=st.integers(1, 67),
    width=st.integers(1, 93),
    channels=st.sampled_from([(1, 1), (1, 3), (3, 3)]),
    kinds=st.tuples(st.sampled_from(KINDS), st.sampled_from(KINDS)),
    size=st.integers(1, 8),
    step=st.integers(1, 40),
    overflow=st.integers(0, 16),
    pairing=st.sampled_from(sorted(CODES)),
    tile=st.integers(1, 300),
    seed=st.integers(0, 2**32),
)
@example(1, 1, (1, 1), ("constant", "noise"), 2, 8, 0, "assignment", 128, 0)
@example(67, 93, (3, 3), ("noise", "noise"), 1, 1, 16, "assignment", 256, 1)
@example(67, 93, (1, 3), ("binary", "saturated"), 8, 8, 16, "sd-classes", 128, 2)
def test_any_image_comes_back(height, width, channels, kinds, size, step, overflow, pairing, tile, seed):  # type: ignore[no-untyped-def]
    """Any shape from 1×1 to 67×93, gray or not, any kind of image and carrier, any parameters: bit for bit."""
    clean = draw_image(kinds[0], height, width, channels[0], seed)
    carrier = draw_image(kinds[1], height, width, channels[1], seed + 1)
    round_trip(clean[None], carrier[None], Params(size, step, overflow, pairing, tile))


@pytest.mark.parametrize("pairing", sorted(CODES))
@pytest.mark.parametrize("size", [1, 2, 3, 4, 8])
def test_photographs_come_back(clean, carrier, pairing, size):  # type: ignore[no-untyped-def]
    """Every pairing and block size on real images."""
    round_trip(clean[:8], carrier[:8], Params(size=size, pairing=pairing))


def test_the_image_looks_like_the_carrier(clean, carrier):  # type: ignore[no-untyped-def]
    """Hiding moves the clean image onto the carrier: closer to it than to the clean image."""
    hidden, _, _ = protect_batch(clean, carrier)
    published = np.stack([one.image for one in hidden]).astype(float)
    assert ((published - carrier) ** 2).mean() < 0.8 * ((published - clean) ** 2).mean()


def test_flat_images_need_no_residue():
    """Where the overwritten bits compress, they travel inside the image."""
    flat = np.full((2, 32, 32, 3), 200, np.uint8)
    hidden, keys, headers = protect_batch(flat, flat - 9)
    assert all(one.residue == b"" and one.header.inline for one in hidden)
    for after in MRIT().reveal(np.stack([one.image for one in hidden]), headers, [b"", b""], keys):
        np.testing.assert_array_equal(after, flat[0])


def test_lossy_is_marked_and_close(clean, carrier):  # type: ignore[no-untyped-def]
    """The paper's recovery: no residue, a header that says so, and an error of a few gray levels."""
    hidden, keys, headers = protect_batch(clean, carrier, lossy=True)
    assert all(one.residue == b"" and header.lossy for one, header in zip(hidden, headers))
    restored = MRIT().reveal(np.stack([one.image for one in hidden]), headers, [b""] * len(clean), keys)
    error = np.abs(np.stack(restored).astype(int) - clean)
    assert 0 < error.mean() < 2
    assert error.max() <= 3


def test_a_header_of_a_colored_image_on_a_gray_one(clean, carrier):  # type: ignore[no-untyped-def]
    """Refused by name, whatever its payload; color is never made gray, nor a channel made up."""
    hidden, keys, headers = protect_batch(clean[:2, :, :, :1], carrier[:2])
    headers = [dataclasses.replace(one, version=1, gray=True) for one in headers]  # later ones do not show it
    images = np.stack([one.image[:, :, :1] for one in hidden])
    residues = [one.residue for one in hidden]
    for found in MRIT().reveal(images, headers, residues, keys):
        assert isinstance(found, Damaged)
        assert "color" in str(found)
    with pytest.raises(ValueError, match="carrier shape"):
        protect_batch(clean[:2], carrier[:2, :, :, :1])


def test_the_same_input_gives_the_same_bytes(clean, carrier):  # type: ignore[no-untyped-def]
    """No nonce, no clock, no batch position in the bytes."""
    one, _, _ = protect_batch(clean[:6], carrier[:6])
    two, _, _ = protect_batch(clean[:3], carrier[:3])
    for a, b in zip(one, two):
        np.testing.assert_array_equal(a.image, b.image)
        assert a.residue == b.residue


def test_wrong_arrays_are_refused(clean, carrier):  # type: ignore[no-untyped-def]
    """Types and shapes are checked before any work: expected X, got Y."""
    with pytest.raises(ValueError, match="expected a uint8 array, got float64"):
        protect_batch(clean.astype(float), carrier)
    with pytest.raises(ValueError, match="carrier shape: expected"):
        protect_batch(clean, carrier[:, :16])
    with pytest.raises(ValueError, match=r"size: expected 1\.\.32, got 0"):
        Params(size=0)


@given(
    kinds=st.tuples(st.sampled_from(KINDS), st.sampled_from(KINDS)),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    channels=st.sampled_from([1, 3]),
    size=st.integers(1, 32),
    step=st.integers(1, 128),
    overflow=st.integers(0, 64),
    pairing=st.sampled_from(sorted(CODES)),
    tile=st.integers(1, 1024),
)
@example(("saturated", "binary"), 32, 32, 3, 32, 128, 64, "sd-classes", 1024)
@example(("saturated", "binary"), 32, 32, 1, 1, 1, 64, "sd-rank", 1024)
@example(("binary", "saturated"), 40, 40, 3, 2, 1, 64, "assignment", 1024)
def test_every_parameter_a_header_can_hold(kinds, height, width, channels, size, step, overflow, pairing, tile):
    """Also far beyond what the presets use."""
    images = [draw_image(kind, height, width, channels, i)[None] for i, kind in enumerate(kinds)]
    round_trip(*images, Params(size, step, overflow, pairing, tile))


@given(st.sampled_from(KINDS), st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3]), st.integers(1, 8))
def test_png_files_hold_what_was_made(kind, height, width, channels, size):
    """The published image is the same after it was saved and read again; so is its header."""
    clean = draw_image(kind, height, width, channels, 0)[None]
    (one,), _, _ = protect_batch(clean, 255 - clean, Params(size=size))
    again = read_image(png_bytes(one.image))
    np.testing.assert_array_equal(again, one.image)
    assert not one.header.planes or header_of(again) == one.header


@given(
    st.sampled_from(KINDS), st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3]),
    st.sampled_from(sorted(CODES)), st.integers(0, 2**32),
)  # fmt: skip
def test_lossy_errs_by_the_low_bits_alone(kind, height, width, channels, pairing, seed):
    """Without clipping, no sample is off by more than the planes that were overwritten can hold."""
    clean = draw_image(kind, height, width, channels, seed)[None]
    carrier = draw_image("noise", height, width, channels, seed)[None]
    (one,), keys, headers = protect_batch(clean, carrier, Params(size=4, pairing=pairing), lossy=True)
    assert headers[0].lossy
    assert not headers[0].inline
    assert not (one.residue and one.header.planes)
    (restored,) = MRIT().reveal(one.image[None], headers, [one.residue], keys)
    assert np.abs(restored.astype(int) - clean[0]).max() < 2**one.header.planes


def test_a_mixed_batch_keeps_its_order():
    """Images of several parameters and planes, inline, in the residue, damaged: each result at its own place."""
    draw, made = np.random.default_rng(0), []
    for number in range(40):
        kind, params = KINDS[number % 6], Params(1 + number % 5, 8, number % 3, sorted(CODES)[number % 4])
        clean = draw_image(kind, 16, 18, 3, number)[None]
        (one,), (key,), (header,) = protect_batch(clean, draw_image("noise", 16, 18, 3, number)[None], params)
        damaged = number % 7 == 3
        image = one.image ^ np.uint8(damaged * 16)
        made.append((image, header, one.residue, key, None if damaged else clean[0]))
    made = [made[i] for i in draw.permutation(40)]
    images, headers, residues, keys, wanted = zip(*made)
    assert {h.planes for h in headers} >= {0, 1, 2, 3}
    assert any(h.inline for h in headers)
    results = MRIT().reveal(np.stack(images), list(headers), list(residues), list(keys))
    for after, before in zip(results, wanted):
        assert isinstance(after, RipguardError) if before is None else np.array_equal(after, before)


def test_protecting_twice_gives_the_same_bytes(clean, carrier):
    """Whole runs repeated, for every kind of result: sealed beside, inline, wholly in the residue, lossy."""
    flat, tiny = np.full((1, 32, 32, 3), 200, np.uint8), clean[:1, :5, :4]
    for one, two, lossy in ((clean, carrier, False), (clean, carrier, True), (flat, flat - 9, False), (tiny, tiny, 0)):
        first, second = (protect_batch(one.copy(), two.copy(), lossy=bool(lossy))[0] for _ in range(2))
        for a, b in zip(first, second):
            np.testing.assert_array_equal(a.image, b.image)
            assert (a.residue, a.header) == (b.residue, b.header)


def test_images_at_the_brink_of_another_plane_come_back():
    """Where a Sequence just misses two planes and, coded anew for three, is short enough for two after all."""
    photograph = skimage.data.astronaut()
    clean = np.stack([photograph[y : y + 12, x : x + 12] for y in range(0, 480, 24) for x in range(0, 480, 24)])
    noise = np.random.default_rng(0).integers(-18, 19, clean.shape)
    round_trip(clean, np.clip(clean + noise, 0, 255).astype(np.uint8), Params())
