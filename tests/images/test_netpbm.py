"""PAM and PFM."""

from __future__ import annotations

import made
import numpy as np
import pytest
from corpus import corpus, cube, gray, photo

from ripguard.errors import InputRefused
from ripguard.images import netpbm
from ripguard.images.rendering import render


def test_headers():
    """Comments, order, and other white space."""
    body = photo().tobytes()
    for head in (
        b"P7\n# a comment\nHEIGHT 40\nWIDTH 48\nMAXVAL 255\nDEPTH 3\nENDHDR\n",
        b"P7\nWIDTH   48 \nHEIGHT 40\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n",
    ):
        found = render(head + body)
        np.testing.assert_array_equal(found.image, photo())
        assert found.differs == ()
    big = b"Pf\n48 40\n1.0\n" + (gray()[::-1] / 255).astype(">f4").tobytes()
    np.testing.assert_array_equal(render(big).image, cube(gray()))


@pytest.mark.parametrize(
    "data",
    [
        b"P7\n", b"P7\nWIDTH 1\nENDHDR\n", b"P7\nWIDTH 0\nHEIGHT 4\nDEPTH 3\nMAXVAL 255\nENDHDR\n",
        made.pam(photo(), "RGB", 255).replace(b"MAXVAL 255", b"MAXVAL 99999"), made.pam(photo(), "RGB")[:-1],
        made.pam(photo(), "RGB").replace(b"DEPTH 3", b"DEPTH 99"), b"PF\n48 40\n0.0\n" + bytes(99999),
        b"Pf\n48 40\nnan\n" + bytes(9999), made.pfm(gray() / 255)[:-1], b"P7" + b"#\n" * 5000,
    ],
)  # fmt: skip
def test_damaged(data):  # type: ignore[no-untyped-def]
    with pytest.raises(InputRefused, match="not a readable PNM"):
        render(data)


def test_bands():
    """Of an unknown kind."""
    many = made.pam(np.dstack([photo(), gray(), gray()]), "MULTISPECTRAL")
    found = render(many)
    assert found.differs == ("other bands",)
    np.testing.assert_array_equal(found.image, photo())


def test_sizes():
    for one in corpus():
        if one.data.startswith(netpbm.STARTS):
            assert netpbm.size(one.data)[:2] == (48, 40)
