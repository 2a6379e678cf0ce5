"""Headers of JPEG XL files."""

from __future__ import annotations

import pytest
from corpus import corpus

from ripguard.images.jpeg_xl import CODESTREAM, Head, head

SAMPLES = {one.name: one.data for one in corpus() if one.name.endswith(".jxl")}


def stream(*fields: tuple[int, int]) -> bytes:
    """A codestream that begins with (value, bits)."""
    value, at = 0, 0
    for number, bits in fields:
        value |= number << at
        at += bits
    return CODESTREAM + value.to_bytes(40, "little")


SIZE = ((0, 1), (0, 2), (39, 9), (0, 3), (0, 2), (47, 9))  # 48×40


def test_what_the_library_wrote():
    found = {name: head(data) for name, data in SAMPLES.items()}
    assert {(one.width, one.height) for one in found.values()} == {(48, 40)}
    assert found["rgb.jxl"] == Head(48, 40)
    assert (found["16-bit.jxl"].bits, found["alpha.jxl"].extra, found["float.jxl"].floats) == (16, 1, True)


def test_fields():
    """Orientation, animation, depth, channels."""
    turned = stream(*SIZE, (0, 1), (1, 1), (5, 3), (0, 3), (0, 1), (1, 2), (0, 1), (0, 2))
    assert head(turned) == Head(40, 48, 10, turned=True)
    moving = (
        (0, 1),
        (1, 1),
        (0, 3),
        (0, 2),
        (1, 1),
        (0, 2),
        (0, 2),
        (0, 2),
        (0, 1),
        (0, 1),
        (0, 2),
        (1, 1),
        (2, 2),
        (3, 4),
    )
    assert head(stream(*SIZE, *moving)) == Head(48, 40, moving=True, extra=5)
    floats = stream(*SIZE, (0, 1), (0, 1), (1, 1), (1, 2), (4, 4), (0, 1), (0, 2))
    assert head(floats) == Head(48, 40, 16, floats=True)


@pytest.mark.parametrize("data", [b"", CODESTREAM, stream(*SIZE, (0, 1), (1, 1), (0, 3), (0, 1), (1, 1)), bytes(50)])
def test_unreadable(data):  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="JPEG XL"):
        head(data)
