"""LSB replacement: bytes in the low bit-planes of images, vectorized over the batch.

Bit ``i`` of a payload is in plane ``i // samples`` at sample ``i % samples``, samples in raster order, channels last.
The positions depend only on the payload's length, so they are known before encryption.
"""

from __future__ import annotations

import numpy as np


def capacity(samples: int, planes: int) -> int:
    """Whole bytes that fit into ``planes`` planes of an image with ``samples`` samples."""
    return samples * planes // 8


def planes_for(samples: int, length: int) -> int:
    """Number of planes that ``length`` bytes use."""
    return -(-8 * length // samples)


def replace(images: np.ndarray, payloads: list[bytes]) -> tuple[np.ndarray, list[bytes]]:
    """Embed each payload in its image.

    Args:
        images: uint8 ``[batch, height, width, channels]``.
        payloads: one per image.

    Returns:
        The new images, and for each the overwritten bits, as many bytes as its payload.
    """
    lengths = np.array([len(p) for p in payloads], np.int64)
    overwritten = read(images, lengths)
    flat = images.reshape(len(images), -1)  # [batch, samples]
    bits = _pad_bits(payloads, flat.shape[1])  # [batch, planes·samples]
    return _merge(flat, bits, lengths).reshape(images.shape), overwritten


def clear(images: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Images with the payload positions of ``lengths`` bytes set to zero; the associated data contains their digest."""
    flat = images.reshape(len(images), -1)
    planes = planes_for(flat.shape[1], int(lengths.max(initial=0)))
    zeros = np.zeros((len(flat), planes * flat.shape[1]), np.uint8)
    return _merge(flat, zeros, lengths).reshape(images.shape)


def read(images: np.ndarray, lengths: np.ndarray) -> list[bytes]:
    """The bytes in the payload positions, ``lengths[i]`` of them from image ``i``."""
    flat = images.reshape(len(images), -1)  # [batch, samples]
    planes = planes_for(flat.shape[1], int(lengths.max(initial=0)))
    bits = np.concatenate([flat >> p & 1 for p in range(planes)] or [flat[:, :0]], axis=1)  # [batch, planes·samples]
    packed = np.packbits(bits, axis=1)
    return [row[:length].tobytes() for row, length in zip(packed, lengths)]


def first(image: np.ndarray, length: int) -> bytes:
    """As :func:`read` for one image and few bytes, all of them in the lowest plane."""
    return np.packbits(image.reshape(-1)[: 8 * length] & 1).tobytes()


def _pad_bits(payloads: list[bytes], samples: int) -> np.ndarray:
    """Payloads as one 0/1 matrix, zero-filled to whole planes: uint8 ``[batch, planes·samples]``."""
    longest = max(map(len, payloads), default=0)
    width = planes_for(samples, longest) * samples
    filled = -(-width // 8)  # bytes; at least `longest`
    rows = np.frombuffer(b"".join(p.ljust(filled, b"\0") for p in payloads), np.uint8).reshape(len(payloads), filled)
    return np.unpackbits(rows, axis=1, count=width)


def _merge(flat: np.ndarray, bits: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """``flat`` with the first ``8·lengths[i]`` payload positions of image ``i`` taken from ``bits``."""
    samples, result = flat.shape[1], flat.copy()
    for plane in range(bits.shape[1] // max(samples, 1)):
        stop = np.clip(8 * lengths - plane * samples, 0, samples)  # samples of this plane that carry payload, [batch]
        wanted = bits[:, plane * samples : (plane + 1) * samples] << plane
        merged = result & np.uint8(255 ^ 1 << plane) | wanted
        if (stop == samples).all():
            result = merged
        else:
            result = np.where(np.arange(samples) < stop[:, None], merged, result)
    return result
