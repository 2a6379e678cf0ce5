"""``rdh``: exact for every image and carrier; larger blocks, then the residue, where a record does not fit."""

from __future__ import annotations

import numpy as np
import pytest
from carried import KINDS, draw_image, exact, patched, real_images
from hypothesis import given
from hypothesis import strategies as st

from ripguard.errors import UsageError
from ripguard.hide.rdh.method import RDH, RDHParams
from ripguard.hide.rdh.shape import RULES
from ripguard.images.quality import likeness


@given(
    st.sampled_from(KINDS), st.sampled_from(KINDS), st.integers(1, 40), st.integers(1, 40),
    st.sampled_from([(1, 1), (1, 3), (3, 3)]), st.integers(1, 9), st.integers(1, 40), st.integers(1, 15),
    st.sampled_from(RULES), st.integers(0, 3), st.integers(0, 3), st.integers(0, 2**32),
)  # fmt: skip
def test_any_image_comes_back(kind, other, height, width, channels, size, step, most, rule, doublings, layers, seed):  # type: ignore[no-untyped-def]
    """Any shape, gray or not, any kind of image and carrier, any parameters: bit for bit."""
    params = RDHParams(size=size, step=step, most=most, rule=rule, doublings=doublings, layers=layers)
    clean = draw_image(kind, height, width, channels[0], seed)
    exact(RDH(params), clean[None], draw_image(other, height, width, channels[1], seed + 1)[None])


def test_larger_blocks_where_smaller_ones_do_not_fit(clean):  # type: ignore[no-untyped-def]
    """Their records are shorter; the residue is the last resort, with blocks as small as wanted."""
    clean = clean[::2]
    carrier = patched(clean, 18, 1)
    shares = []
    for doublings in range(4):
        hidden = exact(RDH(RDHParams(size=1, step=18, most=1, doublings=doublings)), clean, carrier)
        assert {one.header.params.size for one in hidden if not one.header.inline} <= {1}
        shares.append(np.mean([one.header.inline for one in hidden]))
    assert shares[0] < 0.2
    assert shares[-1] > 0.9
    assert shares == sorted(shares)


def test_block_sides_follow_the_image_size():
    assert RDHParams().sides((32, 32, 3)) == [2, 4]
    assert RDHParams().sides((500, 128, 3)) == [4, 8]
    assert RDHParams(size=64, doublings=2).sides((32, 32, 3)) == [64]
    with pytest.raises(UsageError, match=r"--block-size: expected 1\.\.64, got 0"):
        RDHParams(size=0)
    with pytest.raises(UsageError, match="--level-rule: expected one of nearest, sign"):
        RDHParams(rule="best")


def test_the_image_is_near_the_perturbed_one(clean):  # type: ignore[no-untyped-def]
    """The record costs less than the perturbation."""
    carrier, method = patched(clean, 16), RDH(RDHParams(size=4, rule="nearest", step=8, most=2))
    hidden, near = exact(method, clean, carrier), method.simulate(clean, carrier)
    own = [likeness(one.image, other)["psnr"] for one, other in zip(hidden, near) if one.header.inline]
    assert np.median(own) > 36
    assert np.median([likeness(one, other)["psnr"] for one, other in zip(near, carrier)]) > 30


@pytest.mark.slow
@pytest.mark.parametrize(("source", "count"), [("photos", 2000), ("cifar10", 2000), ("tinyimagenet", 500)])
def test_real_images(source, count):  # type: ignore[no-untyped-def]
    """All come back; nearly all carry everything that is needed."""
    inside = []
    for clean in real_images(source, count):
        inside += [one.header.inline for one in exact(RDH(), clean, patched(clean))]
    assert len(inside) == count
    assert np.mean(inside) > 0.95
