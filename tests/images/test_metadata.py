"""Where a JPEG image ends."""

from __future__ import annotations

import pytest
from corpus import corpus, photo, saved
from image_files import segment

from ripguard.images.metadata import BEHIND, jpeg_end, metadata

SINGLE = [
    one for one in corpus() if one.data.startswith(b"\xff\xd8") and "mpo" not in one.name and "motion" not in one.name
]


@pytest.mark.parametrize("sample", SINGLE, ids=lambda one: one.name)
def test_the_end(sample):  # type: ignore[no-untyped-def]
    assert jpeg_end(sample.data) == len(sample.data)
    assert jpeg_end(sample.data + b"more \xff\xd9") == len(sample.data)


def test_odd_files():
    """Restarts, fill bytes, thumbnails inside a segment, and files without an end."""
    plain = saved(photo(), "JPEG", restart_marker_blocks=1)
    assert jpeg_end(plain + bytes(9)) == len(plain)
    inside = plain[:2] + segment(0xE1, plain[:5000]) + b"\xff\xff" + plain[2:]
    assert jpeg_end(inside + bytes(9)) == len(inside)
    for cut in (3, 30, 700, len(plain) - 1):
        assert jpeg_end(plain[:cut]) == cut
    assert BEHIND in metadata(plain + bytes(16))
    assert BEHIND not in metadata(plain + bytes(15))
