"""Revealing by what a header asks for. A new method is one line."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ripguard.hide.base import Clean, Hiding
from ripguard.hide.header import MRIT as MRIT_NUMBER
from ripguard.hide.header import SEAL as SEAL_NUMBER
from ripguard.hide.header import Header
from ripguard.hide.mrit.method import MRIT
from ripguard.hide.seal.method import Seal
from ripguard.keys import PictureKeys

REVEALING: dict[int, Callable[[bytes], Hiding]] = {
    MRIT_NUMBER: lambda model: MRIT(),
    SEAL_NUMBER: lambda model: Seal(model=model),
}


def reveal(
    pictures: np.ndarray, headers: list[Header], residues: list[bytes], keys: list[PictureKeys], model: bytes = b""
) -> list[Clean]:
    """:meth:`Hiding.reveal` for pictures of one shape whose headers may name different methods."""
    result: list[Clean | None] = [None] * len(pictures)
    for number, make in REVEALING.items():
        rows = [i for i, header in enumerate(headers) if header.method == number]
        parts = ([headers[i] for i in rows], [residues[i] for i in rows], [keys[i] for i in rows])
        for i, one in zip(rows, make(model).reveal(pictures[rows], *parts) if rows else []):
            result[i] = one
    return [one for one in result if one is not None]
