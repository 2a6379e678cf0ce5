"""Files that no library writes: headers by hand, color profiles, 16-bit PNG."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from image_files import chunk

PNG = b"\x89PNG\r\n\x1a\n"


def png(samples: np.ndarray, kind: int, depth: int, before: bytes = b"", behind: bytes = b"") -> bytes:
    """A PNG of rows of packed samples.

    Args:
        samples: uint8 ``[height, bytes a row]``, as they stand in the file.
        kind: color type; for gray and palette the width follows from ``depth``.
        before, behind: chunks before the pixels, and behind them.
    """
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
    width = samples.shape[1] * 8 // (depth * channels)
    head = struct.pack(">IIBBBBB", width, len(samples), depth, kind, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in samples)
    body = chunk(b"IHDR", head) + before + chunk(b"IDAT", zlib.compress(rows)) + behind + chunk(b"IEND", b"")
    return PNG + body


def packed(values: np.ndarray, bits: int) -> np.ndarray:
    """Values below ``2 ** bits``, uint8 ``[height, width]``, packed as PNG, TIFF and BMP have them."""
    parts = values.reshape(len(values), -1, 8 // bits)
    return sum((parts[:, :, i] << (8 - bits * (i + 1)) for i in range(8 // bits)), np.zeros_like(parts[:, :, 0]))


def wide(samples: np.ndarray) -> np.ndarray:
    """uint16 ``[height, width, …]`` → bytes of rows, big end first."""
    return samples.astype(">u2").reshape(len(samples), -1).view(np.uint8)


def interlaced(rgb: np.ndarray) -> bytes:
    """A PNG in the seven passes of Adam7."""
    rows = []
    for y, x, dy, dx in (
        (0, 0, 8, 8),
        (0, 4, 8, 8),
        (4, 0, 8, 4),
        (0, 2, 4, 4),
        (2, 0, 4, 2),
        (0, 1, 2, 2),
        (1, 0, 2, 1),
    ):
        rows += [b"\0" + row.tobytes() for row in rgb[y::dy, x::dx]]
    head = struct.pack(">IIBBBBB", rgb.shape[1], rgb.shape[0], 8, 2, 0, 0, 1)
    return PNG + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"".join(rows))) + chunk(b"IEND", b"")


def bmp(rows: np.ndarray, bits: int, palette: bytes = b"", masks: tuple[int, ...] = (), width: int = 0) -> bytes:
    """A BMP with a BITMAPINFOHEADER, or with masks a BITMAPV4HEADER. ``rows``: uint8, top row first, 4n bytes a row."""
    size = 108 if masks else 40
    width = width or rows.shape[1] * 8 // bits
    at, data = 14 + size + len(palette), rows[::-1].tobytes()
    head = struct.pack(
        "<IiiHHIIiiII", size, width, len(rows), 1, bits, 3 if masks else 0, len(data), 0, 0, len(palette) // 4, 0
    )
    if masks:
        head += struct.pack("<4I", *masks) + b"sRGB"[::-1] + bytes(48)
    return b"BM" + struct.pack("<IHHI", at + len(data), 0, 0, at) + head + palette + data


def bmp_core(rgb: np.ndarray) -> bytes:
    """A 24-bit BMP of OS/2."""
    data = rgb[::-1, :, ::-1].tobytes()
    return b"BM" + struct.pack("<IHHIIHHHH", 26 + len(data), 0, 0, 26, 12, rgb.shape[1], rgb.shape[0], 1, 24) + data


def bmp_top_down(rgb: np.ndarray) -> bytes:
    data = rgb[:, :, ::-1].tobytes()
    head = struct.pack("<IiiHHIIiiII", 40, rgb.shape[1], -rgb.shape[0], 1, 24, 0, len(data), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(data), 0, 0, 54) + head + data


def bmp_run_length(gray: np.ndarray, palette: bytes) -> bytes:
    """An 8-bit BMP in run-length code, of single pixels."""
    lines = (
        b"".join(b"".join(b"\1" + bytes([value]) for value in row) + b"\0\0" for row in gray[::-1].tolist()) + b"\0\1"
    )
    at = 54 + len(palette)
    head = struct.pack("<IiiHHIIiiII", 40, gray.shape[1], len(gray), 1, 8, 1, len(lines), 0, 0, len(palette) // 4, 0)
    return b"BM" + struct.pack("<IHHI", at + len(lines), 0, 0, at) + head + palette + lines


def tga(rows: np.ndarray, kind: int, depth: int, flags: int, palette: bytes = b"") -> bytes:
    """A TGA. ``rows``: uint8 ``[height, width, bytes]`` in the order of the file."""
    maps = (1, 0, len(palette) // 3, 24) if palette else (0, 0, 0, 0)
    head = struct.pack("<BBBHHBHHHHBB", 0, maps[0], kind, *maps[1:], 0, 0, rows.shape[1], rows.shape[0], depth, flags)
    return head + palette + rows.tobytes()


TGA_FOOTER = bytes(8) + b"TRUEVISION-XFILE.\0"


def pam(samples: np.ndarray, kind: str, maximum: int = 255) -> bytes:
    """A PAM of samples ``[height, width, depth]``."""
    h, w, depth = samples.shape
    head = f"P7\nWIDTH {w}\nHEIGHT {h}\nDEPTH {depth}\nMAXVAL {maximum}\nTUPLTYPE {kind}\nENDHDR\n"
    return head.encode() + samples.astype(np.uint8 if maximum < 256 else ">u2").tobytes()


def pfm(values: np.ndarray) -> bytes:
    """A PFM of float32 ``[height, width]`` or ``[height, width, 3]``, little end first."""
    head = f"{'PF' if values.ndim == 3 else 'Pf'}\n{values.shape[1]} {values.shape[0]}\n-1.0\n"
    return head.encode() + values[::-1].astype("<f4").tobytes()


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


# ICC.1:2001-04, version 2

P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
ADOBE = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))


def rgb_profile(columns: tuple[tuple[float, ...], ...], gamma: float) -> bytes:
    """A matrix profile; ``columns``: X Y Z of red, green, blue under D50."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))
    tags = {b"rXYZ": _xyz(columns[0]), b"gXYZ": _xyz(columns[1]), b"bXYZ": _xyz(columns[2])}
    return _profile(b"mntr", b"RGB ", b"XYZ ", tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))


def gray_profile(gamma: float) -> bytes:
    return _profile(
        b"mntr", b"GRAY", b"XYZ ", {b"kTRC": b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))}
    )


def cmyk_profile() -> bytes:
    """A press with paper of L* 100 whose inks only darken: L* falls linearly with the mean of the inks, a* = b* = 0."""
    ramp = bytes(range(256))
    grid = np.stack(np.meshgrid(*[[0, 1]] * 4, indexing="ij"), -1).reshape(16, 4).max(1)  # one full ink: black
    table = b"".join(bytes((0 if full else 255, 128, 128)) for full in grid)
    identity = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    lut = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + identity + ramp * 4 + table + ramp * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": lut})


def _xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in values))


def _profile(device: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    name = b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78)
    tags = {b"desc": name, b"cprt": b"text" + bytes(4) + b"none\0", b"wtpt": _xyz((0.9642, 1.0, 0.8249)), **tags}
    table, body, at = b"", b"", 132 + 12 * len(tags)
    for key, value in tags.items():
        value += bytes(-len(value) % 4)
        table += struct.pack(">4sII", key, at + len(body), len(value))
        body += value
    head = struct.pack(">I4sI4s4s4s", at + len(body), b"lcms", 0x02100000, device, space, connection)
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    head += struct.pack(">3i", 63190, 65536, 54061) + bytes(48)
    assert len(head) == 128
    return head + struct.pack(">I", len(tags)) + table + body
