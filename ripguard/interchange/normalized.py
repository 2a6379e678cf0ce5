"""Normalized coordinates of YOLO as decimals with as many digits as bring the pixels back exactly.

``x = center · W - width · W / 2`` in float64 would miss most pixels by some last bits. Here decimals are multiplied
exactly. The result of numbers with up to :data:`COARSE` digits is rounded to :data:`GRID` pixels, which undoes what the
division by the side has cut off; that of longer numbers is rounded to float64 only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Context, Decimal

from ripguard.interchange.model import Box

DIGITS = (6, 9, 12, 17, 22, 30, 45, 80)  # tried one after the other
_EXACT = Context(prec=400)
LEAST = 1e-40  # pixels; the sum of a smaller coordinate and half a width has too many digits
COARSE, GRID = 17, Decimal("1e-9")
HALF = Decimal("0.5")


def box_of(values: Sequence[Decimal], width: int, height: int) -> Box:
    """``(x, y, width, height)`` in pixels of a normalized ``(center x, center y, width, height)``."""
    x, y, w, h = values
    across, down = _EXACT.multiply(w, Decimal(width)), _EXACT.multiply(h, Decimal(height))
    left = _EXACT.subtract(_EXACT.multiply(x, Decimal(width)), _EXACT.multiply(across, HALF))
    top = _EXACT.subtract(_EXACT.multiply(y, Decimal(height)), _EXACT.multiply(down, HALF))
    coarse = _coarse(values)
    return held((_float(left, coarse), _float(top, coarse), _float(across, coarse), _float(down, coarse)))


def _coarse(values: Sequence[Decimal]) -> bool:
    return all(len(value.as_tuple().digits) <= COARSE for value in values)


def _float(value: Decimal, coarse: bool) -> float:
    return float(value.quantize(GRID, context=_EXACT) if coarse else value) + 0.0  # no negative zero


def held(box: Box) -> Box:
    """A box without coordinates below :data:`LEAST`, which count as 0."""
    x, y, width, height = (0.0 if abs(value) < LEAST else value for value in box)
    return x, y, width, height


def points_of(values: Sequence[Decimal], width: int, height: int) -> tuple[float, ...]:
    """Pixels of normalized ``(x1, y1, x2, …)``."""
    sides, coarse = (Decimal(width), Decimal(height)), _coarse(values)
    return tuple(_float(_EXACT.multiply(value, sides[at % 2]), coarse) for at, value in enumerate(values))


def normalized_box(box: Box, width: int, height: int) -> list[str]:
    """Inverse of :func:`box_of`, as text."""
    x, y, w, h = map(Decimal, box)
    centers = ((_EXACT.add(x, _EXACT.multiply(w, HALF)), width), (_EXACT.add(y, _EXACT.multiply(h, HALF)), height))
    wanted = (*centers, (w, width), (h, height))
    return _shortest(wanted, lambda values: box_of(values, width, height) == box)


def normalized_points(points: Sequence[float], width: int, height: int) -> list[str]:
    """Inverse of :func:`points_of`, as text."""
    wanted = [(Decimal(value), (width, height)[at % 2]) for at, value in enumerate(points)]
    return _shortest(wanted, lambda values: points_of(values, width, height) == tuple(points))


def _shortest(wanted: Sequence[tuple[Decimal, int]], same: Callable[[list[Decimal]], bool]) -> list[str]:
    """Quotients with the fewest of :data:`DIGITS` that give the same pixels."""
    values: list[Decimal] = []
    for digits in DIGITS:
        context = Context(prec=digits)
        values = [context.divide(value, Decimal(side)) for value, side in wanted]
        if same(values):
            break
    return [_text(value) for value in values]


def _text(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
