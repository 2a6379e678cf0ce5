"""DICOM: windows, tables, and files that pydicom cannot decode."""

from __future__ import annotations

import numpy as np
import pydicom.uid
import pytest
from corpus import cube, gray
from corpus_other import dicom, packed
from pydicom.dataset import Dataset

from ripguard.errors import InputRefused
from ripguard.images import dicom as module
from ripguard.images.rendering import DecoderMissing, render

VALUES = gray().astype(np.int16) * 8 - 1000


def shown(**tags: object) -> np.ndarray:
    return render(dicom(VALUES, **tags)).image[:, :, 0].astype(int)


def test_functions_of_a_window():
    """PS3.3, C.11.2.1.2 and C.11.2.1.3, with the first window of several."""
    part = (VALUES - 40) / 400
    linear = np.clip((VALUES - 39.5) / 399 + 0.5, 0, 1)
    for function, expected in (
        ("LINEAR", linear),
        ("LINEAR_EXACT", np.clip(part + 0.5, 0, 1)),
        ("SIGMOID", 1 / (1 + np.exp(-4 * part))),
    ):
        found = shown(WindowCenter=["40", "900"], WindowWidth=["400", "7"], VOILUTFunction=function)
        assert np.abs(found - expected * 255).max() <= 0.51


def test_windows_of_no_width_are_ignored():
    plain = shown()
    for width in ("0", "-3"):
        np.testing.assert_array_equal(shown(WindowCenter="40", WindowWidth=width), plain)


def test_a_table_of_values():
    """VOI LUT: 256 entries from 0 that halve and invert."""
    table = Dataset()
    table.LUTDescriptor, table.LUTData = [256, 0, 8], [(255 - i) // 2 for i in range(256)]
    table["LUTDescriptor"].VR = table["LUTData"].VR = "US"
    found = render(dicom(gray(), VOILUTSequence=[table])).image
    np.testing.assert_array_equal(found, cube((255 - gray()) // 2))


def test_rescaling_that_changes_nothing():
    """8-bit values stay as they are."""
    found = render(dicom(gray(), RescaleSlope="1", RescaleIntercept="0"))
    np.testing.assert_array_equal(found.image, cube(gray()))


def test_without_a_decoder(monkeypatch):  # type: ignore[no-untyped-def]
    data = packed(b"\xff\xd8\xff\xf7" + bytes(40), gray(), pydicom.uid.JPEGLSLossless, "MONOCHROME2")
    monkeypatch.setattr(module, "_decodable", lambda _: False)
    with pytest.raises(DecoderMissing, match="JPEG-LS") as caught:
        render(data, "a.dcm")
    assert "ripguard[dicom]" in caught.value.hint


def test_without_pixels():
    data = dicom(gray())
    at = data.rindex(b"\xe0\x7f\x10\x00")
    with pytest.raises(InputRefused, match="without integer pixels"):
        render(data[:at])
