"""Moves ↔ Sequence: shifts are encoded as differences from a prediction that the decoder can make.

The temporary image approximates the carrier, and the carrier the clean image. So the mean at a position, minus the mean
at the position a block came from, predicts the block's shift to within a few gray levels. Only bits outside the payload
are used, so the decoder has the same values before it restores the low bits.
"""

from __future__ import annotations

import numpy as np

from ripguard.hide.mrit.blocks import Grid, cell_sums, full_cells, grid, placed, to_cells
from ripguard.hide.mrit.pairing import CLASSES, class_tags, from_tags
from ripguard.hide.mrit.transform import Moves, Params, global_sources
from ripguard.sequence import Layout, Sequence, runs


def layout(shape: tuple[int, int, int], params: Params) -> Layout:
    """Symbol counts for images of ``(height, width, channels)``."""
    g = grid(shape[0], shape[1], params.size, params.tile)
    kind = {"in-place": "none", "sd-classes": "tags"}.get(params.pairing, "permutation")
    return Layout(
        tiles=g.tile_lengths,
        pairing=kind,
        classes=CLASSES,
        turns=params.size > 1,
        shifts=g.cells,
        channels=shape[2],
        bound=2 * limit(params),
    )


def limit(params: Params) -> int:
    """Largest shift, in steps."""
    return (255 + params.overflow) // params.step + 1


def visible(images: np.ndarray, planes: int) -> np.ndarray:
    """Images with the ``max(planes, 2)`` low bits replaced by the middle of their range: uint8, same shape."""
    low = max(planes, 2)
    return images >> low << low | 1 << (low - 1)


def predict(seen: np.ndarray, source_of: np.ndarray, g: Grid, params: Params) -> np.ndarray:
    """Predicted shifts in steps, int32 ``[batch, cells, channels]``, from :func:`visible` images and the pairing."""
    sums = cell_sums(seen, g)  # [batch, cells, channels]
    origin = placed(sums, global_sources(source_of, g), g)
    weight = params.step * g.pixels
    return np.clip((2 * (sums - origin) + weight) // (2 * weight), -limit(params), limit(params))


def to_sequence(clean: np.ndarray, carrier: np.ndarray, seen: np.ndarray, moves: Moves, params: Params) -> Sequence:
    """Symbols from which, with ``seen``, the moves can be recovered.

    Args:
        clean, carrier: used for class tags only.
    """
    g = grid(*clean.shape[1:3], params.size, params.tile)
    order = moves.source_of
    if params.pairing == "in-place":
        order = order[:, :0]
    elif params.pairing == "sd-classes":
        order = np.concatenate([_tags(clean, g), _tags(carrier, g)], axis=1)
    residuals = moves.shifts - predict(seen, moves.source_of, g, params)
    return Sequence(order, moves.turns, residuals.astype(np.int16))


def from_sequence(sequence: Sequence, seen: np.ndarray, params: Params) -> Moves:
    """Inverse of :func:`to_sequence`; the excess is not part of a Sequence and is returned as zeros."""
    g = grid(*seen.shape[1:3], params.size, params.tile)
    batch, blocks = len(seen), len(g.full)
    source_of = sequence.order
    if params.pairing == "in-place":
        source_of = np.broadcast_to(np.arange(blocks) - g.tile_starts, (batch, blocks))
    elif params.pairing == "sd-classes":
        parts, start = [np.zeros((batch, 0), np.int64)], 0
        for length, count in runs(g.tile_lengths):
            stop = start + length * count
            own, wanted = (side[:, start:stop].reshape(-1, length) for side in np.split(sequence.order, 2, axis=1))
            parts.append(from_tags(own, wanted).reshape(batch, stop - start))
            start = stop
        source_of = np.concatenate(parts, axis=1)
    shifts = sequence.residuals + predict(seen, source_of, g, params)
    return Moves(source_of, sequence.turns, shifts.astype(np.int16), np.zeros(seen.shape, np.uint8))


def _tags(images: np.ndarray, g: Grid) -> np.ndarray:
    """Class tags tile by tile, int64 ``[batch, full]``."""
    shape = (len(images), len(g.full), g.size * g.size, images.shape[3])
    blocks = full_cells(to_cells(images, g), g).reshape(shape).astype(np.int64)
    parts = [class_tags(blocks[:, a:b]) for a, b in g.tiles]
    return np.concatenate(parts or [np.zeros((len(images), 0), np.int64)], axis=1)
