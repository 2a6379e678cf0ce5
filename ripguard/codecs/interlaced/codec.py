"""The small-image codec: images ↔ bytes, with a model fitted to similar images.

Residuals of the predictions are entropy-coded with ``constriction``'s range coder: one call per image to encode, one
per step to decode. The predictors process all images of a batch at once.
"""

from __future__ import annotations

import constriction
import numpy as np

from ripguard.codecs.bounded import BadStream
from ripguard.codecs.interlaced.networks import Model
from ripguard.codecs.interlaced.order import coarsest, context, steps, target
from ripguard.codecs.interlaced.tables import tables
from ripguard.panics import refused_as

_models = constriction.stream.model
_Encoder, _Decoder = constriction.stream.queue.RangeEncoder, constriction.stream.queue.RangeDecoder
_any = _models.Uniform(256)
_from_table = _models.Categorical(perfect=False, lazy=True)
PART = 1 << 17  # samples coded at once


def encode(images: np.ndarray, model: Model) -> list[bytes]:
    """Encode images.

    Args:
        images: uint8 ``[batch, height, width, channels]``, with the model's number of channels.

    Returns:
        Bytes of each image.
    """
    part = max(1, PART // max(1, images[:1].size))
    if len(images) > part:
        return [one for i in range(0, len(images), part) for one in encode(images[i : i + part], model)]
    batch, height, width, channels = images.shape
    x = images.transpose(0, 3, 1, 2).astype(np.float32)  # [batch, channels, height, width]
    symbols, rows = [], []
    for step in steps(height, width, channels):
        predicted, row = model.predictor(step.level, step.phase, step.turn)(*context(x, step))
        wanted = target(x, step).reshape(-1).astype(np.int32)
        symbols.append(((wanted - predicted + 128) % 256).reshape(batch, -1))
        rows.append(row.reshape(batch, -1))
    first = coarsest(x).reshape(batch, -1).astype(np.int32)
    of_steps = np.concatenate(symbols or [first[:, :0]], axis=1)  # [batch, predicted samples]
    of_tables = np.concatenate(rows or [first[:, :0]], axis=1)
    result = []
    for i in range(batch):
        coder = _Encoder()
        coder.encode(np.ascontiguousarray(first[i]), _any)
        if of_steps.shape[1]:
            coder.encode(np.ascontiguousarray(of_steps[i]), _from_table, tables()[of_tables[i]])
        result.append(coder.get_compressed().astype("<u4").tobytes().rstrip(b"\0"))
    return result


def decode(records: list[bytes], shape: tuple[int, int, int], model: Model) -> np.ndarray:
    """Inverse of :func:`encode`: uint8 ``[batch, height, width, channels]``. The encryption
    authenticates the bytes.

    Raises:
        BadStream: no image encodes to these bytes. Not all such bytes are detected.
    """
    with refused_as(BadStream, "not a readable stream of the small-image codec"):
        return _decode(records, shape, model)


def _decode(records: list[bytes], shape: tuple[int, int, int], model: Model) -> np.ndarray:
    height, width, channels = shape
    part = max(1, PART // (height * width * channels))
    if len(records) > part:
        pieces = [_decode(records[i : i + part], shape, model) for i in range(0, len(records), part)]
        return np.concatenate(pieces)
    x = np.zeros((len(records), channels, height, width), np.float32)
    words = [np.frombuffer(r.ljust(-(-len(r) // 4) * 4, b"\0"), "<u4").astype(np.uint32) for r in records]
    coders = [_Decoder(one) for one in words]
    first = coarsest(x)
    first[...] = np.stack([coder.decode(_any, first[0].size) for coder in coders]).reshape(first.shape)
    for step in steps(height, width, channels):
        predicted, row = model.predictor(step.level, step.phase, step.turn)(*context(x, step))
        weights = tables()[row].reshape(len(records), -1, 256)
        symbols = [coder.decode(_from_table, one) for coder, one in zip(coders, weights)]
        places = target(x, step)
        places[...] = ((np.concatenate(symbols) - 128 + predicted) % 256).reshape(places.shape)
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1).astype(np.uint8))
