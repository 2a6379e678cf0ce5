"""The predictors: small networks with integer weights, and their file format.

Weights are int16, activations 0..255, and sums are checked to stay below 2^24. So float32 matrix products are exact,
whatever the order of summation, and fast on every machine.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ripguard.codecs.bounded import BadStream, inflate
from ripguard.codecs.interlaced.order import CHANNELS, FARTHEST, PHASES, inputs
from ripguard.codecs.interlaced.tables import FRACTION, SHARES, WIDTHS

MAGIC = b"rgi1"
SHIFT = 8  # weights are in 1/256
ACTIVE = 255  # largest activation
LEVELS = 3  # levels with their own predictors; coarser levels share those of the last
OUTPUTS = 3  # of a predictor: eighths of a gray level above the base, width, share
EXACT = 1 << 24  # float32 represents all integers up to here
LARGEST = 1 << 22  # bytes of a model file before compression


class BadModel(ValueError):
    """The bytes are not a model."""


@dataclass(frozen=True)
class Predictor:
    """Two hidden layers and an output layer.

    Attributes:
        weights: float32 integers, ``[hidden, inputs]``, ``[hidden, hidden]``, ``[OUTPUTS, hidden]``.
        biases: the same, ``[hidden, 1]``, ``[hidden, 1]``, ``[OUTPUTS, 1]``.
    """

    weights: list[np.ndarray]
    biases: list[np.ndarray]

    def __post_init__(self) -> None:
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases)):
            reach = FARTHEST + 1 if layer == 0 else ACTIVE
            if (np.abs(weight).sum(1, keepdims=True) * reach + np.abs(bias)).max(initial=0) >= EXACT:
                raise BadModel("the weights are too large for exact sums")

    def __call__(self, context: np.ndarray, base: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Predictions from :func:`ripguard.codecs.interlaced.order.context`.

        Returns:
            Rounded predictions 0..255, int32 ``[samples]``, and rows of
            :func:`ripguard.codecs.interlaced.tables.tables`, int32 ``[samples]``.
        """
        x = context
        for weight, bias in zip(self.weights[:2], self.biases[:2]):
            x = np.floor((weight @ x + bias) / (1 << SHIFT))  # [hidden, samples]
            np.clip(x, 0, ACTIVE, out=x)
        out = np.floor((self.weights[2] @ x + self.biases[2]) / (1 << SHIFT)).astype(np.int32)  # [OUTPUTS, samples]
        eighths = np.clip(FRACTION * base.astype(np.int32) + out[0], 0, FRACTION * 255)
        rounded = (eighths + FRACTION // 2) // FRACTION
        above = eighths - FRACTION * rounded + FRACTION // 2  # 0..FRACTION − 1
        width, share = np.clip(out[1], 0, WIDTHS - 1), np.clip(out[2], 0, len(SHARES) - 1)
        return rounded, (width * FRACTION + above) * len(SHARES) + share


@dataclass(frozen=True)
class Model:
    """Predictors for all steps of images with ``channels`` channels, by (level, phase, turn)."""

    channels: int
    hidden: int
    predictors: dict[tuple[int, int, int], Predictor]

    def predictor(self, level: int, phase: int, turn: int) -> Predictor:
        return self.predictors[min(level, LEVELS - 1), phase, turn]


def places(channels: int) -> Iterator[tuple[int, int, int]]:
    """(level, phase, turn) of every predictor, in the order of the file."""
    for level in range(LEVELS):
        for phase in range(len(PHASES)):
            for turn in range(channels):
                yield level, phase, turn


def shapes(channels: int, hidden: int, phase: int, turn: int) -> list[tuple[int, int]]:
    """Shapes of a predictor's three weight matrices."""
    return [(hidden, inputs(channels, phase, turn)), (hidden, hidden), (OUTPUTS, hidden)]


def pack(model: Model) -> bytes:
    """The file: ``rgi1``, channels, hidden (one byte each), and a zlib stream of weights (int16) and biases (int32).

    Big-endian; by predictor, then by layer: the weights row by row, then the biases.
    """
    parts = []
    for place in places(model.channels):
        predictor = model.predictors[place]
        for weight, bias in zip(predictor.weights, predictor.biases):
            parts += [weight.astype(">i2").tobytes(), bias.astype(">i4").tobytes()]
    return MAGIC + bytes([model.channels, model.hidden]) + zlib.compress(b"".join(parts), 9)


def unpack(data: bytes) -> Model:
    """Inverse of :func:`pack`. Raises :class:`BadModel`."""
    head, start = struct.Struct(">4sBB"), 0
    if len(data) < head.size:
        raise BadModel("too short for a model")
    magic, channels, hidden = head.unpack_from(data)
    if magic != MAGIC or channels not in CHANNELS or not hidden:
        raise BadModel("not a model of this version")
    try:
        values = inflate(data[head.size :], LARGEST)
    except BadStream as error:
        raise BadModel(f"the model's weights are damaged: {error}") from None
    predictors = {}
    for place in places(channels):
        weights, biases = [], []
        for rows, cols in shapes(channels, hidden, *place[1:]):
            stop = start + 2 * rows * cols
            if len(values) < stop + 4 * rows:
                raise BadModel("the model ends too early")
            weights.append(np.frombuffer(values[start:stop], ">i2").reshape(rows, cols).astype(np.float32))
            biases.append(np.frombuffer(values[stop : stop + 4 * rows], ">i4").reshape(rows, 1).astype(np.float32))
            start = stop + 4 * rows
        predictors[place] = Predictor(weights, biases)
    if start != len(values):
        raise BadModel("the model is followed by other bytes")
    return Model(channels, hidden, predictors)
