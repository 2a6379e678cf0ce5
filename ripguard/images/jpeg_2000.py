"""Sizes and depths from the codestream of a JPEG 2000 file (ISO/IEC 15444-1, annex A), before a decoder sees it."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from ripguard.errors import InputRefused

CODESTREAM = b"\xff\x4f\xff\x51"  # SOC and SIZ
COD, COC, SOT, SOD, EOC = 0x52, 0x53, 0x90, 0x93, 0xD9  # second bytes of markers
MAX_MARKERS = 500_000
MAX_STREAMS, MAX_TILES, MAX_CHANNELS = 8, 65_535, 16
MAX_BLOCKS = 16_000_000  # precincts; the decoder allocates a structure for each


@dataclass(frozen=True, slots=True)
class Head:
    """What the marker SIZ states. ``precincts``: their number, nearly."""

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


def end(data: bytes, at: int, stop: int) -> int:
    """Where the codestream at a position ends; ``stop``, the end of its box, where that is not found."""
    place = at + 2
    for _ in range(MAX_MARKERS):
        if place + 2 > stop or data[place] != 0xFF:
            return stop
        if data[place + 1] == EOC:
            return place + 2
        if data[place + 1] == SOT:
            part = int.from_bytes(data[place + 6 : place + 10], "big")
            if part < 14:  # the last tile, up to the end of the codestream
                return stop
            place += part
        else:
            place += 2 + max(int.from_bytes(data[place + 2 : place + 4], "big"), 2)
    return stop


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
    count = _precincts(data, at, max(0, right - left), max(0, bottom - top))
    return Head(
        right - left, bottom - top, max(across, 1) * max(down, 1), tuple((one & 127) + 1 for one in depths),
        any(one & 128 for one in depths), count * channels,
    )  # fmt: skip


def _precincts(data: bytes, at: int, width: int, height: int) -> int:
    """Most precincts of a channel that a marker COD or COC of this codestream states, in a tile's header too."""
    most, place, behind = 1, at + 2, 0
    for _ in range(MAX_MARKERS):
        if place + 4 > len(data) or data[place] != 0xFF or data[place + 1] == EOC:
            return most
        kind, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4], "big")
        if kind == SOD:
            if not behind:  # the last tile, up to the end of the file
                return most
            place = behind
            continue
        if kind == SOT:
            part = int.from_bytes(data[place + 6 : place + 10], "big")
            behind = place + part if part >= 14 else 0
        first = {COD: 14, COC: 11}.get(kind, 0)
        if first and (kind == COC or data[place + 4] & 1):
            most = max(most, _count(data[place + first : place + 2 + length], width, height))
        place += 2 + max(length, 2)
    return MAX_BLOCKS + 1


def _count(exponents: bytes, width: int, height: int) -> int:
    """Number of precincts; ``exponents``: of their width and height, for each resolution, the lowest first."""
    count = 0
    for level, one in enumerate(exponents[::-1]):
        count += -(-width >> level + (one & 15)) * -(-height >> level + (one >> 4)) if level < 33 else 0
    return count
