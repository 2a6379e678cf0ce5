"""Encode the *Sequence* of Xue et al. (pairing, turns and shifts) in bytes, close to its entropy.

The range coder and its models come from ``constriction``. Models depend only on integers and exact ratios of integers,
so the bytes are the same on every machine. The tests compare them with golden bytes.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache

import constriction
import numpy as np

from ripguard.panics import refused_as

_models = constriction.stream.model
_Encoder, _Decoder = constriction.stream.queue.RangeEncoder, constriction.stream.queue.RangeDecoder
_uniform = _models.Uniform()

# 16·mean of |residual| for the two-sided geometric tables, 16·(spread)² for the Gaussian ones
_WIDTHS = (1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 160, 320, 640, 1280)
TABLES = 2 * len(_WIDTHS)
TOGETHER = 1024  # permutations that are decoded at once


class BadSequence(ValueError):
    """These bytes are not a Sequence of the expected layout."""


@dataclass(frozen=True)
class Layout:
    """Number and range of the symbols of a Sequence. Follows from image shape and parameters and is not stored.

    Attributes:
        tiles: number of blocks in each tile.
        pairing: ``"none"`` (blocks stay), ``"permutation"``, or ``"tags"`` (class tag of each source and target block).
        classes: number of classes for ``"tags"``.
        turns: whether quarter turns are stored.
        shifts: number of shifts per channel.
        channels: color channels.
        bound: residuals of shifts lie in ``-bound..bound``.
    """

    tiles: tuple[int, ...]
    pairing: str
    classes: int
    turns: bool
    shifts: int
    channels: int
    bound: int

    @property
    def blocks(self) -> int:
        return sum(self.tiles)


@dataclass
class Sequence:
    """Symbols of a batch.

    Attributes:
        order: int64; ``"permutation"``: ``[batch, blocks]``, the source block of each target block, within its tile;
            ``"tags"``: ``[batch, 2·blocks]``, tags of the sources, then of the targets; ``"none"``: ``[batch, 0]``.
        turns: uint8 ``[batch, blocks]``.
        residuals: int16 ``[batch, shifts, channels]``, shift minus its prediction.
    """

    order: np.ndarray
    turns: np.ndarray
    residuals: np.ndarray


def encode(sequence: Sequence, layout: Layout) -> list[bytes]:
    """Encode each Sequence of a batch."""
    order = _order_symbols(sequence.order, layout)
    symbols = (sequence.residuals + layout.bound).astype(np.int32)  # [batch, shifts, channels]
    chosen = best_tables(symbols, layout.bound)  # [batch, channels]
    turns = sequence.turns.astype(np.int32)
    result = []
    for i in range(len(symbols)):
        coder = _Encoder()
        if order.shape[1]:
            coder.encode(np.ascontiguousarray(order[i]), _uniform, _order_sizes(layout))
        if layout.turns and layout.blocks:
            coder.encode(np.ascontiguousarray(turns[i]), _models.Uniform(4))
        coder.encode(chosen[i], _models.Uniform(TABLES))
        for channel in range(layout.channels):
            model = table(int(chosen[i, channel]), layout.bound)
            coder.encode(np.ascontiguousarray(symbols[i, :, channel]), model)
        result.append(coder.get_compressed().astype("<u4").tobytes().rstrip(b"\0"))
    return result


def decode(records: list[bytes], layout: Layout) -> Sequence:
    """Inverse of :func:`encode`.

    Raises:
        BadSequence: the bytes are not a Sequence of this layout. Some wrong bytes are not detected.
    """
    with refused_as(BadSequence, "its moves cannot be read"):
        return _decode(records, layout)


def _decode(records: list[bytes], layout: Layout) -> Sequence:
    batch = len(records)
    order = np.zeros((batch, len(_order_sizes(layout))), np.int32)
    turns = np.zeros((batch, layout.blocks), np.uint8)
    residuals = np.zeros((batch, layout.shifts, layout.channels), np.int16)
    for i, record in enumerate(records):
        words = np.frombuffer(record.ljust(-(-len(record) // 4) * 4, b"\0"), "<u4").astype(np.uint32)
        coder = _Decoder(words)
        if order.shape[1]:
            order[i] = coder.decode(_uniform, _order_sizes(layout))
        if layout.turns and layout.blocks:
            turns[i] = coder.decode(_models.Uniform(4), layout.blocks)
        chosen = coder.decode(_models.Uniform(TABLES), layout.channels)
        for channel in range(layout.channels):
            model = table(int(chosen[channel]), layout.bound)
            residuals[i, :, channel] = coder.decode(model, layout.shifts) - layout.bound
    return Sequence(_from_symbols(order, layout), turns, residuals)


@lru_cache(maxsize=64)
def _order_sizes(layout: Layout) -> np.ndarray:
    """Alphabet size of each pairing symbol, int32."""
    if layout.pairing == "tags":
        return np.full(2 * layout.blocks, layout.classes, np.int32)
    if layout.pairing == "permutation":
        parts = [np.tile(np.arange(t, 1, -1, dtype=np.int32), count) for t, count in runs(layout.tiles)]
        return np.concatenate(parts or [np.zeros(0, np.int32)])
    return np.zeros(0, np.int32)


def _order_symbols(order: np.ndarray, layout: Layout) -> np.ndarray:
    if layout.pairing != "permutation":
        return order.astype(np.int32)
    ends = np.cumsum(layout.tiles, dtype=np.int64)
    parts = [_lehmer(order[:, e - t : e])[:, : t - 1] for e, t in zip(ends, layout.tiles)]
    return np.concatenate(parts or [order], axis=1).astype(np.int32)


def _from_symbols(symbols: np.ndarray, layout: Layout) -> np.ndarray:
    if layout.pairing != "permutation":
        return symbols.astype(np.int64)
    parts, start, batch = [], 0, len(symbols)
    for tile, count in runs(layout.tiles):  # all tiles of one size at once, which costs as much as one tile
        stop = start + count * (tile - 1)
        codes = symbols[:, start:stop].reshape(batch * count, tile - 1)
        parts.append(_unlehmer(codes).reshape(batch, count * tile))
        start = stop
    return np.concatenate(parts or [symbols.astype(np.int64)], axis=1)


def runs(tiles: tuple[int, ...]) -> list[tuple[int, int]]:
    """(blocks, tiles) of each run of tiles with equal numbers of blocks."""
    return [(blocks, len(list(same))) for blocks, same in itertools.groupby(tiles)]


def _lehmer(permutations: np.ndarray) -> np.ndarray:
    """Lehmer code: number of later smaller entries, ``[batch, n]`` → ``[batch, n]``; entry i lies in 0..n-1-i."""
    n = permutations.shape[1]
    compact: np.ndarray = permutations.astype("u1" if n <= 256 else "i2")
    result = np.empty(permutations.shape, np.int64)
    rows = max(1, min(n, 64))  # of the n × n comparison table at once, from the diagonal on
    step = max(1, (1 << 22) // max(1, rows * n))
    for start in range(0, n, rows):
        stop = min(n, start + rows)
        later = np.triu(np.ones((stop - start, n - start), bool), 1)
        for i in range(0, len(compact), step):
            part = compact[i : i + step, start:]
            smaller = part[:, None, :] < part[:, : stop - start, None]  # [batch, rows, later entries]
            smaller &= later
            result[i : i + step, start:stop] = smaller.view(np.int8).sum(2, dtype=np.int16)
    return result


def _unlehmer(codes: np.ndarray) -> np.ndarray:
    """Inverse of :func:`_lehmer` (whose last entry, always 0, is not stored): ``[batch, n-1]`` → ``[batch, n]``."""
    batch, n = codes.shape[0], codes.shape[1] + 1
    if batch > TOGETHER:  # a batch of this size fits into the processor cache
        pieces = [_unlehmer(codes[i : i + TOGETHER]) for i in range(0, batch, TOGETHER)]
        return np.concatenate(pieces)
    result = np.zeros((n, batch), "u1" if n <= 256 else "i2")  # entries first, so that each step works on whole rows
    result[: n - 1] = codes.T
    for i in range(n - 2, -1, -1):
        later = result[i + 1 :]
        later += later >= result[i]
    return np.ascontiguousarray(result.T, np.int64)


@lru_cache(maxsize=256)
def _frequencies(table: int, bound: int) -> np.ndarray:
    """Integer weights of residuals -bound..bound, int64: two-sided geometric or Gaussian by integer recurrence."""
    kind, width = divmod(table, len(_WIDTHS))
    weight, half = 1 << 20, np.zeros(bound + 1, np.int64)
    if kind == 0:
        ratio, growth = (_WIDTHS[width] << 16) // (_WIDTHS[width] + 16), 1 << 16
    else:  # f(k+1)/f(k) = a^(2k+1): a discrete Gaussian
        base = (_WIDTHS[width] << 16) // (_WIDTHS[width] + 8)
        ratio, growth = base, base * base >> 16
    for k in range(bound + 1):
        half[k] = max(weight, 1)
        weight, ratio = weight * ratio >> 16, ratio * growth >> 16
    return np.concatenate([half[:0:-1], half])


@lru_cache(maxsize=256)
def table(number: int, bound: int) -> constriction.stream.model.Categorical:
    """Entropy model with this number, 0..:data:`TABLES` − 1, of values ``-bound..bound``."""
    return _models.Categorical(_frequencies(number, bound).astype(np.float32), perfect=False)


@lru_cache(maxsize=16)
def _costs(bound: int) -> np.ndarray:
    """Bits of each residual under each table, float64 ``[2·bound+1, TABLES]``; for the encoder's choice only."""
    weights = np.stack([_frequencies(t, bound) for t in range(TABLES)], axis=1).astype(np.float64)
    return -np.log2(weights / weights.sum(0))


def best_tables(symbols: np.ndarray, bound: int) -> np.ndarray:
    """Cheapest table of each image and channel: int32 ``[batch, shifts, channels]`` → ``[batch, channels]``."""
    batch, _, channels = symbols.shape
    alphabet = 2 * bound + 1
    rows = np.arange(batch * channels).reshape(batch, 1, channels) * alphabet
    counts = np.bincount((symbols + rows).ravel(), minlength=batch * channels * alphabet)
    bits = counts.reshape(batch, channels, alphabet) @ _costs(bound)  # [batch, channels, TABLES]
    return np.argmin(bits, axis=2).astype(np.int32)
