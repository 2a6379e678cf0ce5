"""Numbers that people type: what is taken, what is refused and how."""

from __future__ import annotations

import argparse

import pytest

from ripguard.numbers import above_zero, not_negative, positive, share


def test_taken():
    assert (positive("7"), not_negative("0"), share("1"), above_zero("1e3")) == (7, 0, 1.0, 1000.0)


@pytest.mark.parametrize(
    ("kind", "wrong", "wanted"),
    [
        (positive, ("0", "-1", "1.5", "x", "", str(2**63)), "a whole number of 1 or more, below 2^63"),
        (not_negative, ("-1", "x"), "a whole number of 0 or more, below 2^63"),
        (share, ("0", "1.01", "nan", "half"), "a number above 0 and at most 1"),
        (above_zero, ("0", "-2", "inf", "nan", "x"), "a number above 0"),
    ],
)
def test_refused(kind, wrong, wanted):  # type: ignore[no-untyped-def]
    for text in wrong:
        with pytest.raises(argparse.ArgumentTypeError, match=f"^expected {wanted.replace('^', '.')}, got '"):
            kind(text)
