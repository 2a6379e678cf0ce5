"""Rounding to 8 bits: the nearest sample, within the range; what is given stays as it is."""

from __future__ import annotations

import numpy as np
import pytest

from ripguard.images.rounding import rounded


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_the_nearest_sample(kind):  # type: ignore[no-untyped-def]
    values = np.array([[-1e9, -0.6, 0.5, 1.5, 254.4, 255.5, 1e9]], kind)
    before = values.copy()
    found = rounded(values)
    assert found.dtype == np.uint8
    assert found.tolist() == [[0, 0, 0, 2, 254, 255, 255]]
    np.testing.assert_array_equal(values, before)


def test_whole_numbers():
    values = np.array([-3, 0, 255, 300])
    assert rounded(values).tolist() == [0, 0, 255, 255]
    assert values.tolist() == [-3, 0, 255, 300]
