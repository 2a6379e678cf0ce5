"""MED residuals of maps: back along diagonals, whatever the map."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ripguard.hide.rit.maps import from_residuals, residuals


@given(st.integers(1, 14), st.integers(1, 14), st.sampled_from([1, 3]), st.integers(0, 2**32))
def test_round_trip(rows, columns, channels, seed):  # type: ignore[no-untyped-def]
    maps = np.random.default_rng(seed).integers(-300, 300, (rows, columns, channels))
    np.testing.assert_array_equal(from_residuals(residuals(maps)), maps)


def test_as_published():
    """The median of left, above, and left + above − above left; the edge repeats the neighbor before it."""
    maps = np.random.default_rng(0).integers(0, 32, (6, 5, 1))
    found = residuals(maps)[:, :, 0]
    one = maps[:, :, 0]
    for y in range(1, 6):
        for x in range(1, 5):
            left, up = one[y, x - 1], one[y - 1, x]
            assert found[y, x] == one[y, x] - sorted((left, up, left + up - one[y - 1, x - 1]))[1]
    np.testing.assert_array_equal(found[0], np.diff(one[0], prepend=0))
    np.testing.assert_array_equal(found[:, 0], np.diff(one[:, 0], prepend=0))
