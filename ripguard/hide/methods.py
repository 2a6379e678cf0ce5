"""Restoring of images whose headers name different methods."""

from __future__ import annotations

import numpy as np

from ripguard.crypto.keys import ImageKeys
from ripguard.errors import Damaged
from ripguard.hide.base import Clean
from ripguard.hide.header import Header
from ripguard.methods.registries import revealing_class


def reveal(
    images: np.ndarray, headers: list[Header], residues: list[bytes], keys: list[ImageKeys], model: bytes = b""
) -> list[Clean]:
    """:meth:`Revealing.reveal` for images of one shape whose headers may name different methods."""
    result: list[Clean] = [Damaged("the method that it is hidden by is not known here")] * len(images)
    for number in {header.method for header in headers}:
        rows = [i for i, header in enumerate(headers) if header.method == number]
        parts = ([headers[i] for i in rows], [residues[i] for i in rows], [keys[i] for i in rows])
        if method := revealing_class(number):
            for i, one in zip(rows, method.revealing(model).reveal(images[rows], *parts)):
                result[i] = one
    return result
