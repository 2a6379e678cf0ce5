"""Sizes and depths from the codestream of a JPEG 2000 file (ISO/IEC 15444-1, annex A), before a decoder sees it."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from ripguard.errors import InputRefused

CODESTREAM = b"\xff\x4f\xff\x51"  # SOC and SIZ
MAX_STREAMS, MAX_TILES, MAX_CHANNELS = 8, 65_535, 16
MAX_BLOCKS = 16_000_000  # precincts; the decoder allocates a structure for each


@dataclass(frozen=True, slots=True)
class Head:
    """What the marker SIZ states. ``precincts`` is an upper bound of their number."""

    width: int
    height: int
    tiles: int
    bits: tuple[int, ...]
    signed: bool
    precincts: int


def heads(data: bytes) -> list[Head]:
    """The heads of all codestreams in a file, also of those that stand behind other boxes."""
    found, at = list[Head](), data.find(CODESTREAM)
    while at >= 0 and len(found) <= MAX_STREAMS:
        if at + 42 <= len(data):
            found.append(_head(data, at))
        at = data.find(CODESTREAM, at + 1)
    return found


def check(data: bytes, what: str) -> None:
    """Refuse what would cost the decoder more than its size says. The caller checks the sizes."""
    found = heads(data)
    if not found:
        raise InputRefused(f"{what}: not a readable image", "is the file whole, and of a supported format?")
    for head in found:
        if (
            len(found) > MAX_STREAMS
            or head.tiles > MAX_TILES
            or len(head.bits) > MAX_CHANNELS
            or head.precincts > MAX_BLOCKS
            or min(head.width, head.height) < 1
        ):
            raise InputRefused(f"{what}: too many chunks or segments", "save a copy with an image editor")


def _head(data: bytes, at: int) -> Head:
    right, bottom, left, top, tile_w, tile_h, tile_x, tile_y, channels = struct.unpack_from(">8IH", data, at + 8)
    across = -(-(right - tile_x) // tile_w) if tile_w else MAX_TILES + 1
    down = -(-(bottom - tile_y) // tile_h) if tile_h else MAX_TILES + 1
    depths = [data[at + 42 + 3 * i] for i in range(channels) if at + 42 + 3 * i < len(data)]
    area = max(0, right - left) * max(0, bottom - top)
    return Head(
        right - left, bottom - top, max(across, 1) * max(down, 1), tuple((one & 127) + 1 for one in depths),
        any(one & 128 for one in depths), area * channels // _precinct(data, at),
    )  # fmt: skip


def _precinct(data: bytes, at: int) -> int:
    """Least area of a precinct of higher resolutions that a marker COD or COC of this codestream states."""
    least, place = 1 << 30, at + 2
    while place + 4 <= len(data) and data[place] == 0xFF and data[place + 1] not in (0x90, 0xD9):
        kind, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4], "big")
        if kind == 0x52 and length > 12 and data[place + 4] & 1:  # COD with precincts of its own
            for one in data[place + 15 : place + 2 + length]:
                least = min(least, 1 << ((one & 15) + (one >> 4)))
        if kind == 0x53:  # COC: of one channel; its place depends on the number of channels
            for one in data[place + 11 : place + 2 + length]:
                least = min(least, 1 << ((one & 15) + (one >> 4)))
        place += 2 + max(length, 2)
    return least
