"""Wide samples → 8 bits."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from corpus import gray
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ripguard.images import windowing
from ripguard.images.windowing import scaled, span, to_8_bits

ONE = gray()[:, :, None]


def test_the_rules():
    """As the module's page has them."""
    wide = ONE.astype(np.uint16)
    assert span(wide * 257) == (0, 65535)
    assert span(wide * 16) == (float(wide.min() * 16), float(wide.max() * 16))
    assert span(np.repeat(wide, 3, 2)) == (0, 65535)
    assert span(np.repeat(wide, 3, 2), bands=True) == (float(wide.min()), float(wide.max()))
    assert span(ONE / 255) == (0, 1)
    assert span(ONE.astype(np.float32)) == (float(ONE.min()), float(ONE.max()))
    outlier = ONE.astype(np.int32)
    outlier[0, 0] = 10**9
    low, high = span(outlier)
    assert ONE.min() <= low < high <= ONE.max()
    ramp = np.arange(10_000, dtype=np.int32)[:, None, None]
    for most, kept in ((19_000, True), (21_000, False)):  # less and more than twice as wide as the percentiles
        ramp[-1] = most
        assert (span(ramp) == (0, most)) == kept
    np.testing.assert_array_equal(to_8_bits(ONE), ONE)
    np.testing.assert_array_equal(to_8_bits(ONE > 99), np.where(ONE > 99, 255, 0))


@pytest.mark.parametrize(("value", "level"), [(0.0, 0), (1.0, 255), (0.5, 128), (-7.0, 0), (300.0, 255), (70, 70)])
def test_one_value(value, level):  # type: ignore[no-untyped-def]
    assert set(to_8_bits(np.full((3, 4, 1), value)).ravel().tolist()) == {level}


def test_large_images_are_converted_in_parts(monkeypatch):  # type: ignore[no-untyped-def]
    """With the same result."""
    values = np.random.default_rng(0).normal(size=(300, 200, 3))
    whole = to_8_bits(values)
    monkeypatch.setattr(windowing, "ROWS", 1000)
    np.testing.assert_array_equal(to_8_bits(values), whole)
    monkeypatch.setattr(windowing, "SAMPLED", 4000)
    assert np.abs(to_8_bits(values).astype(int) - whole).max() < 20


KINDS = (
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "float32",
    "float64",
    "bool",
)


@given(st.sampled_from(KINDS).flatmap(lambda kind: arrays.arrays(kind, (3, 2, 1))))
def test_any_values(values):  # type: ignore[no-untyped-def]
    """uint8 of the same shape, in the same order of brightness, without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = to_8_bits(values)
    assert (found.dtype, found.shape) == (np.uint8, values.shape)
    finite = np.isfinite(values.astype(np.float64))
    order = np.argsort(values[finite], kind="stable")
    assert (np.diff(found[finite][order].astype(int)) >= 0).all()


def test_values_that_are_no_numbers():
    found = scaled(np.array([[[np.nan], [np.inf], [-np.inf], [2.0]]]), 1, 3)
    assert found.ravel().tolist() == [0, 255, 0, 128]
