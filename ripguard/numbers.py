"""Number types for argparse, with messages that state the expected range."""

from __future__ import annotations

import argparse
import math


def positive(text: str) -> int:
    return _integer(text, 1)


def not_negative(text: str) -> int:
    return _integer(text, 0)


def share(text: str) -> float:
    return _real(text, 1, "a number above 0 and at most 1")


def above_zero(text: str) -> float:
    return _real(text, math.inf, "a number above 0")


def _integer(text: str, least: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if not least <= value < 2**63:  # the range of torch and NumPy
        raise argparse.ArgumentTypeError(f"expected a whole number of {least} or more, below 2^63, got {text!r}")
    return value


def _real(text: str, most: float, wording: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= most or math.isinf(value):
        raise argparse.ArgumentTypeError(f"expected {wording}, got {text!r}")
    return value
