"""Bits in an image, by two passes of expansion, and if they need more room by further layers on the result.

Source: Sachnev et al. 2009; layers as in the implementation of Hou et al. 2018, which embeds 0.7 of the bits first and
the rest on top. Half of a layer's bits go into the cross set, and half into the dot set, which is predicted from the
changed cross set. What opens a layer is stored in the one above it, before its bits.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Self

import numpy as np

from ripguard.codecs.bounded import BadStream
from ripguard.hide.rdh.expand import GENTLE, STEPS, Pass, embed, extract
from ripguard.hide.rdh.predict import CROSS, DOT, cells_of

SHARE = 0.7  # of the bits that are left, for a layer that is not the last
LESS = 0.85  # factor for a layer that has not that much room
MOST = 8  # layers


@dataclass(frozen=True)
class Layer:
    """What opens a layer.

    Attributes:
        cross, dot: steps of the thresholds of the two passes, 0..127.
        bits: number of bits.
    """

    cross: int
    dot: int
    bits: int

    LAYOUT = struct.Struct(">BBI")

    def pack(self) -> bytes:
        return self.LAYOUT.pack(self.cross, self.dot, self.bits)

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """Inverse of :meth:`pack`. Raises :class:`ValueError` for steps out of bounds."""
        found = cls(*cls.LAYOUT.unpack(data))
        if max(found.cross, found.dot) >= STEPS:
            raise ValueError(f"thresholds: expected steps below {STEPS}, got {found.cross} and {found.dot}")
        return found


NOTHING = Layer(0, 0, 0)
OPENING = 8 * Layer.LAYOUT.size  # bits


@dataclass(frozen=True)
class Embedded:
    """An image with bits in it.

    Attributes:
        image: uint8 ``[height, width, channels]``.
        layers: number of layers, 0 for no bits; top: what opens the last of them.
    """

    image: np.ndarray
    layers: int
    top: Layer


def embed_bits(image: np.ndarray, first: int, bits: np.ndarray, layers: int = 1) -> Embedded | None:
    """Embed bits reversibly: few layers and small thresholds are preferred.

    Args:
        image: uint8 ``[height, width, channels]``.
        first: number of samples at the beginning that do not change, see :func:`cells_of`.
        bits: 0 or 1, uint8 ``[bits]``.
        layers: most layers.

    Returns:
        None if the bits do not fit.
    """
    if len(bits) > layers * image.size:  # a layer gives a sample one bit at most
        return None
    for most in (GENTLE, STEPS - 1):
        for count in range(1, layers + 1):
            found = _stacked(image, first, bits, count, most)
            if found is not None:
                return found
    return None


def extract_bits(image: np.ndarray, first: int, layers: int, top: Layer) -> tuple[np.ndarray, np.ndarray]:
    """Inverse of :func:`embed_bits`: the image before, and the bits.

    Raises:
        BadStream: nothing was embedded with these values.
    """
    parts, own = [], top
    for left in range(layers - 1, -1, -1):
        image, bits = _without(image, first, own)
        parts.append(bits[OPENING:] if left else bits)
        if left:
            if len(bits) < OPENING:
                raise BadStream("a layer does not say what opens the one below")
            try:
                own = Layer.unpack(np.packbits(bits[:OPENING]).tobytes())
            except ValueError as error:
                raise BadStream(str(error)) from None
    return image, np.concatenate([*reversed(parts), np.zeros(0, np.uint8)])


def _stacked(image: np.ndarray, first: int, bits: np.ndarray, count: int, most: int) -> Embedded | None:
    """The bits in exactly ``count`` layers; None if they do not fit."""
    opening = np.zeros(0, np.uint8)
    for number in range(count):
        last = number == count - 1
        wanted = len(bits) if last else round(SHARE * len(bits))
        done = None
        while done is None and wanted + len(opening) > 0:
            done = _layer(image, first, np.concatenate([opening, bits[:wanted]]), most)
            if done is None:
                if last or wanted < OPENING:
                    return None
                wanted = int(LESS * wanted)
        image, top = done if done is not None else (image, NOTHING)
        bits, opening = bits[wanted:], np.unpackbits(np.frombuffer(top.pack(), np.uint8))
    return Embedded(image, count, top)


def _layer(image: np.ndarray, first: int, bits: np.ndarray, most: int) -> tuple[np.ndarray, Layer] | None:
    flat = image.reshape(-1).astype(np.int32)
    half, steps = -(-len(bits) // 2), []
    for parity, part in ((CROSS, bits[:half]), (DOT, bits[half:])):
        own = Pass.of(flat, cells_of(image.shape, first, parity))
        done = embed(own, part, most)
        if done is None:
            return None
        steps.append(done[0])
        flat[own.at] = done[1]
    return flat.astype(np.uint8).reshape(image.shape), Layer(steps[0], steps[1], len(bits))


def _without(image: np.ndarray, first: int, own: Layer) -> tuple[np.ndarray, np.ndarray]:
    """The image below a layer, and the bits of that layer."""
    flat = image.reshape(-1).astype(np.int32)
    half, parts = -(-own.bits // 2), []
    for parity, count, step in ((DOT, own.bits - half, own.dot), (CROSS, half, own.cross)):
        now = Pass.of(flat, cells_of(image.shape, first, parity))
        bits, values = extract(now, count, step)
        parts.append(bits)
        flat[now.at] = values
    return flat.astype(np.uint8).reshape(image.shape), np.concatenate(parts[::-1])
