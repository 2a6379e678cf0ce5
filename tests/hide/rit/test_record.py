"""Auxiliary data: enough to undo every transformation, in the cheapest form; nonsense is refused."""

from __future__ import annotations

import numpy as np
import pytest
from carried import KINDS, draw_image, patched
from hypothesis import given
from hypothesis import strategies as st

from ripguard.errors import RipguardError
from ripguard.hide.rit import record
from ripguard.hide.rit.transform import Settings, forward

SETTINGS = st.builds(
    Settings, size=st.integers(1, 9), step=st.integers(1, 128), overflow=st.integers(0, 16),
    flat=st.integers(0, 127), classes=st.integers(1, 16),
)  # fmt: skip


@given(
    st.sampled_from(KINDS), st.sampled_from(KINDS), st.integers(1, 30), st.integers(1, 30), st.sampled_from([1, 3]),
    SETTINGS, st.integers(0, 2**32),
)  # fmt: skip
def test_any_transformation_is_undone(kind, other, height, width, channels, own, seed):  # type: ignore[no-untyped-def]
    """By each of the three forms."""
    clean = draw_image(kind, height, width, channels, seed)
    image, moves = forward(clean, draw_image(other, height, width, channels, seed + 1), own)
    for form in range(record.FORMS):
        data = record._encoded(image, moves, own, form)
        np.testing.assert_array_equal(record.decode(image, data, own), clean)
    assert len(record.encode(image, moves, own)) <= len(data)


@pytest.mark.parametrize(("reach", "side", "form"), [(6, 32, record.SHIFTS), (60, 1, record.MEANS)])
def test_the_cheapest_form(reach, side, form, clean):  # type: ignore[no-untyped-def]
    """Shifts where the perturbation is smooth, means (as published) where it is large and rough."""
    carrier = patched(clean, reach, side)
    own, lengths = Settings(), []
    for one, other in zip(clean[:8], carrier):
        image, moves = forward(one, other, own)
        lengths.append([len(record._encoded(image, moves, own, number)) for number in range(record.FORMS)])
    assert np.argmin(np.sum(lengths, axis=0)) in (form, record.PLAIN if form == record.SHIFTS else form)


@given(st.binary(max_size=80), SETTINGS)
def test_random_bytes(data, own):  # type: ignore[no-untyped-def]
    """As a key holder could seal them: an image of the right shape, or one error."""
    image = draw_image("nearly white", 13, 9, 3, 0)
    try:
        found = record.decode(image, data, own)
    except (record.BadStream, RipguardError):
        return
    assert found.shape == image.shape
