"""Reversible data hiding on its own: any image, any bits that fit, one layer or several."""

from __future__ import annotations

import numpy as np
import pytest
from carried import KINDS, draw_image
from hypothesis import example, given
from hypothesis import strategies as st

from ripguard.codecs.bounded import BadStream
from ripguard.hide.rdh.layers import Layer, embed_bits, extract_bits
from ripguard.images.quality import likeness


def bits_of(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2, count).astype(np.uint8)


@given(
    st.sampled_from(KINDS), st.integers(1, 30), st.integers(1, 30), st.sampled_from([1, 3]), st.floats(0, 2),
    st.integers(0, 60), st.integers(1, 4), st.integers(0, 2**32),
)  # fmt: skip
@example("white", 30, 30, 3, 0.5, 0, 1, 0)
@example("noise", 30, 30, 3, 0.2, 0, 1, 0)
@example("constant", 1, 1, 1, 1.0, 0, 1, 0)
@example("constant", 30, 30, 1, 1.9, 0, 4, 0)
def test_round_trip(kind, height, width, channels, share, first, layers, seed):  # type: ignore[no-untyped-def]
    """Image and bits come back; the first samples stay as they are."""
    image = draw_image(kind, height, width, channels, seed)
    bits = bits_of(int(share * image.size), seed)
    done = embed_bits(image, first, bits, layers)
    if done is None:
        return
    assert done.layers <= layers
    assert done.image.dtype == np.uint8
    np.testing.assert_array_equal(done.image.reshape(-1)[:first], image.reshape(-1)[:first])
    before, found = extract_bits(done.image, first, done.layers, done.top)
    np.testing.assert_array_equal(before, image)
    np.testing.assert_array_equal(found, bits)


def test_up_to_capacity(clean):  # type: ignore[no-untyped-def]
    """Bisection to the last bit that fits in a photograph: it comes back, and one more is refused."""
    image = clean[3]
    low, high = 0, image.size
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if embed_bits(image, 0, bits_of(middle)) else (low, middle)
    assert low > 0.3 * image.size
    done = embed_bits(image, 0, bits_of(low))
    assert done is not None
    before, found = extract_bits(done.image, 0, done.layers, done.top)
    np.testing.assert_array_equal(before, image)
    np.testing.assert_array_equal(found, bits_of(low))
    assert embed_bits(image, 0, bits_of(low), 2) is not None
    assert embed_bits(image, 0, bits_of(low + 40), 2) is not None  # a second layer has room for more


def test_few_bits_cost_little(clean):  # type: ignore[no-untyped-def]
    """Sorting puts few bits where errors are small: the fewer, the closer."""
    psnr = []
    for share in (0.02, 0.1, 0.3):
        done = [embed_bits(image, 0, bits_of(int(share * image.size))) for image in clean[:8]]
        psnr.append(np.median([likeness(one.image, image)["psnr"] for one, image in zip(done, clean) if one]))
    assert psnr[0] > psnr[1] > psnr[2]
    assert psnr[0] > 50


def test_nothing_to_embed_changes_nothing():
    image = draw_image("noise", 9, 9, 3, 0)
    done = embed_bits(image, 0, bits_of(0))
    assert done is not None
    np.testing.assert_array_equal(done.image, image)
    assert embed_bits(image, 0, bits_of(500)) is None  # more than there are samples


@given(st.sampled_from(KINDS), st.integers(0, 3), st.integers(0, 127), st.integers(0, 127), st.integers(0, 2**32 - 1))
def test_wrong_openings_are_refused_or_give_something_else(kind, layers, cross, dot, bits):  # type: ignore[no-untyped-def]
    """What a stranger writes into a header ends in one error, and costs no memory."""
    try:
        image, found = extract_bits(draw_image(kind, 12, 12, 3, 1), 0, layers, Layer(cross, dot, bits))
    except BadStream:
        return
    assert image.shape == (12, 12, 3)
    assert len(found) <= bits


def test_openings_out_of_bounds():
    """Six bytes, and steps below 128."""
    assert Layer.unpack(Layer(3, 127, 2**32 - 1).pack()) == Layer(3, 127, 2**32 - 1)
    with pytest.raises(ValueError, match="steps below 128, got 128 and 0"):
        Layer.unpack(Layer(128, 0, 1).pack())
