"""Images in .npy files. Nothing is unpickled, and no room is made before the file holds the samples."""

from __future__ import annotations

import io
import math

import numpy as np

from ripguard.errors import InputRefused
from ripguard.images.refusals import check_size
from ripguard.images.windowing import to_8_bits

MAX_BANDS = 16
BYTES = {2: "16 bits", 4: "32 bits", 8: "64 bits"}
EXPECTED = "expected numbers of [height, width] or [height, width, 1 to 16 bands]"


def read_exact(data: bytes, what: str, expected: tuple[int, ...] | None) -> np.ndarray:
    """Image of an .npy file, uint8 ``[height, width]`` or ``[height, width, 1 or 3]``.

    Raises:
        InputRefused: another type or shape, too large, truncated, or not the expected height and width.
    """
    shape, columns_first, kind, start = _header(data, what)
    if kind != np.uint8 or len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in (1, 3)):
        found = f"{kind} {list(shape)}"
        raise InputRefused(f"{what}: expected uint8 [height, width] or [height, width, 1 or 3], got {found}")
    return _values(data, what, expected, shape, columns_first, kind, start)


def render(data: bytes, what: str, expected: tuple[int, ...] | None) -> tuple[np.ndarray, list[str]]:
    """8-bit rendering of an .npy file, and what it does not show.

    One band is gray; of two bands, the first is; of three or more, the first three are red, green, blue.

    Raises:
        InputRefused: as :func:`read_exact`; channels first; numbers that are not bool, integers or floats.
    """
    shape, columns_first, kind, start = _header(data, what)
    if kind.kind not in "biuf" or kind.itemsize > 8 or len(shape) not in (2, 3):
        raise InputRefused(f"{what}: {EXPECTED}, got {kind}, {len(shape)}-dimensional")
    if len(shape) == 3 and not 1 <= shape[2] <= MAX_BANDS:
        if 1 <= shape[0] <= MAX_BANDS:
            raise InputRefused(f"{what}: an array with its channels first", "save it as [height, width, channels]")
        raise InputRefused(f"{what}: {EXPECTED}, got {kind}, {len(shape)}-dimensional")
    values = _values(data, what, expected, shape, columns_first, kind, start)
    kinds = kinds_of(values.dtype)
    values, other = bands(values)
    return to_8_bits(values, other), (["other bands"] if other else []) + kinds


def bands(values: np.ndarray) -> tuple[np.ndarray, bool]:
    """The bands that are shown, 1 or 3, and whether there are others."""
    count = values.shape[2]
    return (values[:, :, : 1 if count < 3 else 3]), count not in (1, 3)


def kinds_of(kind: np.dtype) -> list[str]:
    """What a rendering of samples of this type does not show."""
    if kind.kind == "b":
        return ["1 bit"]
    if kind.kind == "f":
        return ["floating point"]
    found = ["signed samples"] if kind.kind == "i" else []
    return found + ([BYTES[kind.itemsize]] if kind.itemsize in BYTES else [])


def header(file: io.BufferedIOBase) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether in Fortran order, and dtype of an array; the file position is then at its values."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, columns_first, kind = read(file)
    if any(type(side) is not int for side in shape):  # NumPy accepts True here, and fails later
        raise ValueError("shape")
    return shape, columns_first, kind


def _header(data: bytes, what: str) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    try:
        file = io.BytesIO(data)
        return *header(file), file.tell()
    except Exception:  # NumPy raises errors of many types on damaged headers
        raise _unreadable(what) from None


def _values(
    data: bytes, what: str, expected: tuple[int, ...] | None, shape: tuple[int, ...], columns_first: bool,
    kind: np.dtype, start: int,
) -> np.ndarray:  # fmt: skip
    """The array, ``[height, width, channels]``."""
    if shape[0] < 1 or shape[1] < 1:
        raise InputRefused(f"{what}: an array without pixels", "move it out of the folder")
    check_size(shape[1], shape[0], what, expected)
    if len(data) - start < math.prod(shape) * kind.itemsize:
        raise _unreadable(what)
    values = np.frombuffer(data, kind, math.prod(shape), start)
    array = values.reshape(shape, order="F" if columns_first else "C")
    array = np.ascontiguousarray(array if array.ndim == 3 else array[:, :, None])
    return array.astype(kind.newbyteorder("="), copy=False)


def _unreadable(what: str) -> InputRefused:
    return InputRefused(f"{what}: not a readable .npy array", "is the file whole?")
