"""PAM (``P7``) and PFM (``Pf``, ``PF``) files, which Pillow reads in part or not at all.

pam(5) of Netpbm: a header of lines ``NAME value`` to ``ENDHDR``, then samples, row by row, in 1 or 2 bytes, the high
one first. PFM: width, height and a scale whose sign is the byte order (negative: low byte first), then float32 rows
from the bottom to the top.
"""

from __future__ import annotations

import math
import re

import numpy as np

from ripguard.errors import InputRefused
from ripguard.images.refusals import check_size

STARTS = (b"P7", b"Pf", b"PF")
MAX_HEADER = 4096  # bytes
PFM = re.compile(rb"P([fF])\s+(\d{1,9})\s+(\d{1,9})\s+([-+.\deE]{1,30})\s")
NAMES = {b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL", b"TUPLTYPE"}
MAX_DEPTH = 16


def size(data: bytes) -> tuple[int, int, int]:
    """(width, height, channels) from the header. Raises :class:`ValueError`."""
    if data.startswith(b"P7"):
        words, _ = _pam_header(data)
        return int(words[b"WIDTH"]), int(words[b"HEIGHT"]), int(words[b"DEPTH"])
    found = _pfm_header(data)
    return int(found[2]), int(found[3]), 3 if found[1] == b"F" else 1


def extent(data: bytes) -> tuple[int, int]:
    """Where the samples begin, and their bytes. Raises :class:`ValueError`, :class:`KeyError`."""
    count = math.prod(size(data))
    if data.startswith(b"P7"):
        words, start = _pam_header(data)
        return start, count * (1 if int(words[b"MAXVAL"]) < 256 else 2)
    return _pfm_header(data).end(), 4 * count


def read(data: bytes, what: str, expected: tuple[int, ...] | None) -> tuple[np.ndarray, bool, int]:
    """Samples of a PAM or PFM.

    Returns:
        ``[height, width, channels]`` of bool, uint8, uint16 or float32; whether the last channel is alpha; the greatest
        sample that an integer file may hold, 0 for floats.

    Raises:
        InputRefused: damaged, truncated, too large, or not the expected height and width.
    """
    try:
        width, height, channels = size(data)
        if width < 1 or height < 1 or not 1 <= channels <= MAX_DEPTH:
            raise ValueError
        check_size(width, height, what, expected)
        shape = height, width, channels
        return _pam(data, shape) if data.startswith(b"P7") else (_pfm(data, shape), False, 0)
    except (ValueError, KeyError, IndexError):
        raise InputRefused(f"{what}: not a readable PNM image", "is the file whole?") from None


def _pam_header(data: bytes) -> tuple[dict[bytes, bytes], int]:
    """Values by name, and where the samples begin."""
    end = data.index(b"\nENDHDR", 0, MAX_HEADER)
    words = {}
    for line in data[2:end].split(b"\n"):
        name, _, value = line.strip().partition(b" ")
        if name in NAMES:
            words[name] = value.strip()
    return words, data.index(b"\n", end + 1) + 1


def _pam(data: bytes, shape: tuple[int, int, int]) -> tuple[np.ndarray, bool, int]:
    words, start = _pam_header(data)
    maximum = int(words[b"MAXVAL"])
    if not 1 <= maximum <= 65535:
        raise ValueError
    kind = np.dtype(np.uint8 if maximum < 256 else ">u2")
    values = np.frombuffer(data, kind, math.prod(shape), start).reshape(shape).astype(kind.newbyteorder("="))
    return np.minimum(values, maximum), words.get(b"TUPLTYPE", b"").endswith(b"_ALPHA") and shape[2] > 1, maximum


def _pfm_header(data: bytes) -> re.Match[bytes]:
    found = PFM.match(data[:MAX_HEADER])
    if found is None:
        raise ValueError("not a PFM")
    return found


def _pfm(data: bytes, shape: tuple[int, int, int]) -> np.ndarray:
    found = _pfm_header(data)
    scale = float(found[4])
    if scale == 0 or not math.isfinite(scale):
        raise ValueError
    values = np.frombuffer(data, "<f4" if scale < 0 else ">f4", math.prod(shape), found.end()).reshape(shape)
    return np.ascontiguousarray(values[::-1].astype(np.float32))
