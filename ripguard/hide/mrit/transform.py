"""The reversible image transformation: clean blocks are moved, rotated and shifted to approximate the carrier.

Source: Zhang et al., "Reversible visual transformation via exploring the correlations within color images" / RIT (IEEE
TMM 18(8), 2016) as used by Xue et al., with two changes that make it a codec on small color images: all channels
share pairing and rotation, and the shift is bounded so that clipping removes at most ``overflow`` gray levels.

All arithmetic is on integers, so the same input gives the same bytes on every machine.
"""

from __future__ import annotations

import dataclasses
import functools
import struct
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ripguard.hide.header import COMMON, BadHeader, Tail
from ripguard.hide.mrit.blocks import (
    Grid,
    cell_sums,
    from_cells,
    full_cells,
    grid,
    placed,
    rotate,
    rotation_table,
    scatter,
    to_cells,
    with_full,
)  # fmt: skip
from ripguard.hide.mrit.pairing import CODES, RULES


@dataclass(frozen=True)
class Params(Tail):
    """Parameters of one transformation; the image's header contains all of them.

    Attributes:
        size: block side N in pixels.
        step: shifts are multiples of this many gray levels (λ).
        overflow: most gray levels that clipping may remove; they are recorded (T).
        pairing: name of a rule in :mod:`ripguard.hide.mrit.pairing`.
        tile: most blocks per tile; blocks are paired within a tile.
    """

    number: ClassVar[int] = 1
    layout: ClassVar[struct.Struct] = struct.Struct(">BBBBH")
    max_planes: ClassVar[int] = 4
    first_version: ClassVar[int] = 0
    may_be_lossy: ClassVar[bool] = True

    size: int = 2
    step: int = 8
    overflow: int = 0
    pairing: str = "assignment"
    tile: int = 128

    def __post_init__(self) -> None:
        bounds = {"size": (1, 32), "step": (1, 128), "overflow": (0, 64), "tile": (1, 1024)}
        for name, (low, high) in bounds.items():
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name}: expected {low}..{high}, got {getattr(self, name)}")
        if self.pairing not in CODES:
            raise ValueError(f"pairing: expected one of {', '.join(CODES)}, got {self.pairing!r}")

    def pack(self, high: int) -> bytes:
        code = next(code for code, (name, _) in RULES.items() if name == self.pairing)
        return self.layout.pack(self.size, self.step, self.overflow, code, self.tile)

    @classmethod
    def unpack(cls, data: bytes) -> tuple[Params, int]:
        size, step, overflow, code, tile = cls.layout.unpack(data)
        if code not in RULES:
            raise BadHeader("header out of bounds")
        return cls(size, step, overflow, RULES[code][0], tile), 0


LENGTH = COMMON.size + Params.layout.size  # bytes of the whole header: 36


@dataclass
class Moves:
    """The moves of a batch: the content of the paper's *Sequence*, plus the clipped gray levels.

    Attributes:
        source_of: int64 ``[batch, full]``, the source block at each target position, numbered within its tile.
        turns: uint8 ``[batch, full]``, quarter turns 0..3 at each target position.
        shifts: int16 ``[batch, cells, channels]``, in steps, at each target position.
        excess: uint8 ``[batch, height, width, channels]``, gray levels removed where the result is 0 or 255.
    """

    source_of: np.ndarray
    turns: np.ndarray
    shifts: np.ndarray
    excess: np.ndarray


FIELDS = tuple(field.name for field in dataclasses.fields(Moves))
PART = 1 << 18  # samples transformed at once


def global_sources(source_of: np.ndarray, g: Grid) -> np.ndarray:
    """Tile-relative block numbers → numbers among all full blocks, int64 ``[batch, full]``."""
    return source_of + g.tile_starts


def pair(clean: np.ndarray, carrier: np.ndarray, g: Grid, rule: str) -> np.ndarray:
    """Run a pairing rule over the tiles: uint8 ``[batch, cells, size, size, channels]`` twice → ``[batch, full]``."""
    batch, channels = len(clean), clean.shape[4]
    shape = (batch, len(g.full), g.size * g.size, channels)
    source, target = (full_cells(cells, g).reshape(shape) for cells in (clean, carrier))
    function = RULES[CODES[rule]][1]
    exact = np.int32 if g.size <= 8 else np.int64  # size⁴·255² must fit
    parts = [function(source[:, a:b].astype(exact), target[:, a:b].astype(exact)) for a, b in g.tiles]
    return np.concatenate(parts, axis=1) if parts else np.zeros((batch, 0), np.int64)


def forward(clean: np.ndarray, carrier: np.ndarray, params: Params) -> tuple[np.ndarray, Moves]:
    """Make the temporary image: the clean blocks, arranged to approximate the carrier.

    Args:
        clean: uint8 ``[batch, height, width, channels]``.
        carrier: uint8, same shape.

    Returns:
        The temporary images, uint8, same shape, and the :class:`Moves` that undo them.
    """
    part = max(1, PART // max(1, clean[:1].size))
    if len(clean) > part:  # keeps intermediate arrays in the CPU cache
        pieces = [forward(clean[i : i + part], carrier[i : i + part], params) for i in range(0, len(clean), part)]
        moves = Moves(*(np.concatenate([getattr(m, f) for _, m in pieces]) for f in FIELDS))
        return np.concatenate([temporary for temporary, _ in pieces]), moves
    g = grid(*clean.shape[1:3], params.size, params.tile)
    # 1. pairing
    narrow, wanted = to_cells(clean, g), to_cells(carrier, g)  # [batch, cells, size, size, channels]
    source_of = pair(narrow, wanted, g, params.pairing)
    sources = global_sources(source_of, g)
    cells = narrow.astype(np.int16)
    sums = cell_sums(clean, g)  # [batch, cells, channels]
    there, there_sums = placed(cells, sources, g), placed(sums, sources, g)
    # 2. mean shift, rounded to steps and bounded so that clipping removes at most `overflow` levels
    weight = params.step * g.pixels
    shifts = (2 * (cell_sums(carrier, g) - there_sums) + weight) // (2 * weight)
    pixels = [narrow[:, :, y, x] for y in range(params.size) for x in range(params.size)]  # [batch, cells, channels]
    top, bottom = (
        placed(functools.reduce(choose, pixels).astype(np.int16), sources, g) for choose in (np.maximum, np.minimum)
    )
    highest = (255 + params.overflow - top) // params.step
    lowest = -((bottom + params.overflow) // params.step)
    shifts = np.clip(shifts, lowest, highest).astype(np.int16)
    moved = there + params.step * shifts[:, :, None, None, :]  # [batch, cells, size, size, channels]
    # 3. quarter turn with the least squared error
    turns = best_turn(np.clip(full_cells(moved, g), 0, 255), full_cells(wanted, g))
    moved = with_full(moved, rotate(full_cells(moved, g), turns), g)
    # 4. overflow
    unclipped = from_cells(moved, g)
    temporary = np.clip(unclipped, 0, 255)
    excess = np.abs(unclipped - temporary).astype(np.uint8)
    return temporary.astype(np.uint8), Moves(source_of, turns, shifts, excess)


def best_turn(blocks: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Quarter turns, uint8 ``[batch, blocks]``, least squared error to ``target``; 0 on a tie, as for flat blocks."""
    batch, count, size, _, channels = blocks.shape
    flat = blocks.reshape(batch, count, size * size, channels).astype(np.int32)  # [batch, blocks, size², channels]
    wanted = target.reshape(flat.shape).astype(np.int32)
    # |turned − wanted|² = |turned|² + |wanted|² − 2·overlap, and the squares are the same for every turn
    overlaps = [np.einsum("bnpc,bnpc->bn", flat.take(order, axis=2), wanted) for order in rotation_table(size)]
    return np.argmax(np.stack(overlaps), axis=0).astype(np.uint8)


def backward(temporary: np.ndarray, moves: Moves, params: Params) -> np.ndarray:
    """Undo :func:`forward`: temporary images and their moves → clean images, uint8, same shape.

    Values outside 0..255, which only wrong ``moves`` give, are clipped; the encryption authenticates moves.
    """
    g = grid(*temporary.shape[1:3], params.size, params.tile)
    sign = (temporary == 255).astype(np.int16) - (temporary == 0)
    cells = to_cells(temporary + sign * moves.excess, g)  # [batch, cells, size, size, channels]
    cells -= params.step * moves.shifts[:, :, None, None, :]
    turned = rotate(full_cells(cells, g), (4 - moves.turns) % 4)  # [batch, full, size, size, channels]
    cells = with_full(cells, scatter(turned, global_sources(moves.source_of, g)), g)
    return np.clip(from_cells(cells, g), 0, 255).astype(np.uint8)
