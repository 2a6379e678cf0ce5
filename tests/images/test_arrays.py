"""Arrays: what is an image, and what would be unpickled."""

from __future__ import annotations

import io

import made
import numpy as np
import pytest
from corpus import gray, photo

from ripguard.errors import InputRefused
from ripguard.images.rendering import render


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.moveaxis(photo(), 2, 0), "an array with its channels first"),
        (photo()[None], "expected numbers of"),
        (gray()[0], "expected numbers of"),
        (photo()[:0], "an array without pixels"),
        (np.zeros((40, 48, 0), np.uint8), "channels|expected"),
        (np.zeros((40, 48, 17)), "expected numbers of"),
        (gray().astype(complex), "got complex128"),
        (gray().astype("datetime64[s]"), "expected numbers of"),
        (gray().astype(np.longdouble), "expected numbers of"),
        (np.array([["a"]]), "expected numbers of"),
    ],
)
def test_other_arrays_are_refused(array, words):  # type: ignore[no-untyped-def]
    """In a sentence that has what was found."""
    with pytest.raises(InputRefused, match=words):
        render(made.npy(array), "a.npy")


def test_nothing_is_unpickled(tmp_path):  # type: ignore[no-untyped-def]
    class Hostile:
        def __reduce__(self):  # type: ignore[no-untyped-def]
            return open, (str(tmp_path / "made"), "w")

    buffer = io.BytesIO()
    np.save(buffer, np.array([[Hostile()]], dtype=object), allow_pickle=True)
    with pytest.raises(InputRefused, match="expected numbers of"):
        render(buffer.getvalue())
    assert not (tmp_path / "made").exists()
